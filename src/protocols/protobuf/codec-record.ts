/**
 * A record as the message Record of proto/resolution.proto, for `application/x-protobuf`.
 *
 * Written by hand on record/wire.ts, whose values have the same fields here and in the stored form. Reading is what a
 * client of the node does; bytes that are no such message throw `RecordCodecError`.
 */
import { readValue, writeValue } from '../../record/codec-value.js'
import type { IdentifierRecord, Value } from '../../record/record.js'
import type { RecordParts } from '../../record/select.js'
import { lengthTag, varintTag } from '../../record/wire.js'
import { WireReader } from '../../record/wire-reader.js'
import { WireWriter } from '../../record/wire-writer.js'

export const PROTOBUF_MEDIA_TYPE = 'application/x-protobuf'

export interface RecordMessage {
  readonly identifier: string
  readonly key: string
  readonly prefix: string
  readonly state: 'registered' | 'withdrawn' | 'unspecified'
  readonly version: number
  readonly template: string
  readonly attributes: ReadonlyMap<string, string>
  readonly values: readonly Value[]
  readonly registeredAtMs: number
  readonly recordedAtMs: number
}

const IDENTIFIER = lengthTag(1)
const KEY = lengthTag(2)
const PREFIX = lengthTag(3)
const STATE = varintTag(4)
const VERSION = varintTag(5)
const TEMPLATE = lengthTag(6)
const ATTRIBUTES = lengthTag(7)
const VALUES = lengthTag(8)
const REGISTERED_AT_MS = varintTag(9)
const RECORDED_AT_MS = varintTag(10)

const ENTRY_NAME = lengthTag(1)
const ENTRY_TEXT = lengthTag(2)

const STATES = ['unspecified', 'registered', 'withdrawn'] as const
const REGISTERED = STATES.indexOf('registered')

// Encoding never awaits, so one writer serves every call.
const ownWriter = new WireWriter()

/** A record, and what of its values the reader asked for and may see (record/select.ts, `partsOf`). */
export interface ShownRecord extends RecordParts {
  readonly record: IdentifierRecord
}

export function encodeRecordMessage(shown: ShownRecord): Uint8Array {
  writeRecord(ownWriter.begin(), shown)
  return ownWriter.finish()
}

/** Writes the fields of a Record into the message under way. */
export function writeRecord(writer: WireWriter, { record, attributes, values }: ShownRecord): void {
  writer.text(IDENTIFIER, record.spelling)
  writer.text(KEY, record.key)
  writer.text(PREFIX, record.prefix)
  writer.number(STATE, REGISTERED)
  writer.number(VERSION, record.version)
  writer.text(TEMPLATE, record.template)
  for (const { type, data } of attributes) if (typeof data === 'string') writeAttribute(writer, type, data)
  for (const value of values) writeValue(writer, VALUES, value)
  // An attribute holds text; octets that another door put at its index are still given, as a value.
  for (const value of attributes) {
    if (typeof value.data !== 'string' && !values.includes(value)) writeValue(writer, VALUES, value)
  }
  writer.number(REGISTERED_AT_MS, record.registeredAtMs)
  writer.number(RECORDED_AT_MS, record.recordedAtMs)
}

function writeAttribute(writer: WireWriter, name: string, text: string): void {
  const start = writer.open(ATTRIBUTES)
  writer.presentText(ENTRY_NAME, name)
  writer.presentText(ENTRY_TEXT, text)
  writer.close(start)
}

export function decodeRecordMessage(bytes: Uint8Array): RecordMessage {
  const reader = new WireReader(bytes)
  const values: Value[] = []
  const attributes = new Map<string, string>()
  let identifier = ''
  let key = ''
  let prefix = ''
  let state = 0
  let version = 0
  let template = ''
  let registeredAtMs = 0
  let recordedAtMs = 0
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === VALUES) values.push(readValue(reader))
    else if (tag === ATTRIBUTES) attributes.set(...readAttribute(reader))
    else if (tag === IDENTIFIER) identifier = reader.text()
    else if (tag === KEY) key = reader.text()
    else if (tag === PREFIX) prefix = reader.text()
    else if (tag === STATE) state = reader.number()
    else if (tag === VERSION) version = reader.number()
    else if (tag === TEMPLATE) template = reader.text()
    else if (tag === REGISTERED_AT_MS) registeredAtMs = reader.number()
    else if (tag === RECORDED_AT_MS) recordedAtMs = reader.number()
    else reader.skip(tag)
  }
  const record = { identifier, key, prefix, state: STATES[state] ?? 'unspecified', version, template }
  return { ...record, attributes, values, registeredAtMs, recordedAtMs }
}

function readAttribute(reader: WireReader): [name: string, text: string] {
  const outerEnd = reader.enter()
  let name = ''
  let text = ''
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === ENTRY_NAME) name = reader.text()
    else if (tag === ENTRY_TEXT) text = reader.text()
    else reader.skip(tag)
  }
  reader.leave(outerEnd)
  return [name, text]
}
