/**
 * Answers as bytes, for caches outside this process: the message StoredAnswer of proto/record.proto.
 * The tier is not part of it (whoever reads an answer knows where from), and a stale answer has no bytes at all.
 */
import type { Absent, Answer, Found, Referral, Withdrawn } from './answer.js'
import { readValue, writeValue } from './codec-value.js'
import { EncodedRecord } from './encoded-values.js'
import { OneFace } from './face.js'
import type { IdentifierRecord, Value } from './record.js'
import { lengthTag, RecordCodecError, varintTag } from './wire.js'
import { WireReader } from './wire-reader.js'
import { WireWriter } from './wire-writer.js'

const KEY = lengthTag(1)
const PREFIX = lengthTag(2)
const VERSION = varintTag(3)
const STAMP = varintTag(4)
const FOUND = lengthTag(5)
const WITHDRAWN = lengthTag(6)
const ABSENT = lengthTag(7)
const REFERRAL = lengthTag(8)

const RECORD_KEY = lengthTag(1)
const RECORD_SPELLING = lengthTag(2)
const RECORD_PREFIX = lengthTag(3)
const RECORD_VERSION = varintTag(4)
const RECORD_TEMPLATE = lengthTag(5)
const RECORD_VALUES = lengthTag(6)
const RECORD_REGISTERED_AT = varintTag(7)
const RECORD_RECORDED_AT = varintTag(8)

const TOMBSTONE_SPELLING = lengthTag(1)
const TOMBSTONE_WITHDRAWN_AT = varintTag(2)
const TOMBSTONE_REASON = lengthTag(3)

// Field 1 was `locations`, which nothing ever wrote.
const REFERRAL_HANDLE = lengthTag(2)
const REFERRAL_SITES = lengthTag(3)

/** What every answer has, once its bytes are read. */
interface Common {
  readonly key: string
  readonly prefix: string
  readonly version: number
  readonly tier: 'redis'
  readonly stamp: number
}

/** Completes an outcome that may have come before the fields it refers to. */
type Outcome = (common: Common) => Answer

// Encoding never awaits, so one writer serves every call.
const writer = new WireWriter()

/** @throws RecordCodecError for a stale answer: read back, it would pass for a fresh one. */
export function encodeAnswer(answer: Answer): Uint8Array {
  if (answer.stale !== undefined)
    throw new RecordCodecError(`the answer for ${answer.key} is stale: it has no stored form`)
  writer.begin()
  writer.text(KEY, answer.key)
  writer.text(PREFIX, answer.prefix)
  writer.number(VERSION, answer.version)
  writer.number(STAMP, answer.stamp)
  writeOutcome(answer)
  return writer.finish()
}

function writeOutcome(answer: Answer): void {
  if (answer.kind === 'found') writeFound(answer)
  else if (answer.kind === 'withdrawn') writeWithdrawn(answer)
  else if (answer.kind === 'referral') writeReferral(answer)
  else writer.close(writer.open(ABSENT))
}

function writeFound({ key, prefix, version, record }: Found): void {
  const start = writer.open(FOUND)
  if (record.key !== key) writer.presentText(RECORD_KEY, record.key)
  if (record.spelling !== key) writer.presentText(RECORD_SPELLING, record.spelling)
  if (record.prefix !== prefix) writer.presentText(RECORD_PREFIX, record.prefix)
  if (record.version !== version) writer.presentNumber(RECORD_VERSION, record.version)
  writer.text(RECORD_TEMPLATE, record.template)
  writeValues(record)
  writer.number(RECORD_REGISTERED_AT, record.registeredAtMs)
  writer.number(RECORD_RECORDED_AT, record.recordedAtMs)
  writer.close(start)
}

function writeValues(record: IdentifierRecord): void {
  if (record instanceof EncodedRecord) {
    const { bytes, start, end } = record.encoded
    if (start < end) writer.fields(RECORD_VALUES, bytes.subarray(start, end))
  } else {
    for (const value of record.values) writeValue(writer, RECORD_VALUES, value)
  }
}

function writeWithdrawn({ key, spelling, withdrawnAtMs, reason }: Withdrawn): void {
  const start = writer.open(WITHDRAWN)
  if (spelling !== key) writer.presentText(TOMBSTONE_SPELLING, spelling)
  writer.number(TOMBSTONE_WITHDRAWN_AT, withdrawnAtMs)
  writer.text(TOMBSTONE_REASON, reason)
  writer.close(start)
}

function writeReferral({ service }: Referral): void {
  const start = writer.open(REFERRAL)
  writer.text(REFERRAL_HANDLE, service.handle)
  for (const site of service.sites) writer.octets(REFERRAL_SITES, site)
  writer.close(start)
}

/** The answer, with the tier that such bytes come from. */
export function decodeAnswer(bytes: Uint8Array): Answer {
  return readAnswer(bytes, new DecodedValues())
}

/**
 * The same, but a record's values stay in `bytes`, which must not change any more, until somebody asks for them; what is
 * wrong inside a value is found only then.
 */
export function lazyAnswer(bytes: Uint8Array): Answer {
  const values = new PassedValues(bytes)
  const answer = readAnswer(bytes, values)
  return values.areApart ? decodeAnswer(bytes) : answer
}

/** What becomes of the values of a record that is read. */
interface ValuesRead {
  /** A record begins: of several, the last counts. */
  begin(): void
  /** The tag of a value has just been read. */
  take(reader: WireReader): void
  found(common: Common, about: Omit<IdentifierRecord, 'values'>): Found
}

class DecodedValues implements ValuesRead {
  #values: Value[] = []

  begin(): void {
    this.#values = []
  }

  take(reader: WireReader): void {
    this.#values.push(readValue(reader))
  }

  found(common: Common, about: Omit<IdentifierRecord, 'values'>): Found {
    return { kind: 'found', ...common, record: { ...about, values: this.#values } }
  }
}

class PassedValues implements ValuesRead {
  /** Something stands between two of the values, which no writer of ours does. */
  areApart = false
  readonly #bytes: Uint8Array
  #start = 0
  #end = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  begin(): void {
    this.#end = 0
    this.areApart = false
  }

  take(reader: WireReader): void {
    const from = reader.position - 1
    if (this.#end === 0) this.#start = from
    else if (this.#end !== from) this.areApart = true
    // The tag may be written in more octets than it needs.
    if (this.#bytes[from] !== RECORD_VALUES) this.areApart = true
    reader.pass()
    this.#end = reader.position
  }

  found(common: Common, about: Omit<IdentifierRecord, 'values'>): Found {
    const encoded = { bytes: this.#bytes, start: this.#start, end: this.#end, tag: RECORD_VALUES }
    return { kind: 'found', ...common, record: new EncodedRecord(about, encoded), faces: new OneFace() }
  }
}

function readAnswer(bytes: Uint8Array, values: ValuesRead): Answer {
  const reader = new WireReader(bytes)
  let key = ''
  let prefix = ''
  let version = 0
  let stamp = 0
  let outcome: Outcome | undefined
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === KEY) key = reader.text()
    else if (tag === PREFIX) prefix = reader.text()
    else if (tag === VERSION) version = reader.number()
    else if (tag === STAMP) stamp = reader.number()
    else if (tag === FOUND) outcome = readFound(reader, values)
    else if (tag === WITHDRAWN) outcome = readWithdrawn(reader)
    else if (tag === ABSENT) outcome = readAbsent(reader)
    else if (tag === REFERRAL) outcome = readReferral(reader)
    else reader.skip(tag)
  }
  if (outcome === undefined) throw reader.malformed('an answer has no outcome')
  return outcome({ key, prefix, version, tier: 'redis', stamp })
}

function readFound(reader: WireReader, values: ValuesRead): Outcome {
  const outerEnd = reader.enter()
  values.begin()
  let key: string | undefined
  let spelling: string | undefined
  let prefix: string | undefined
  let version: number | undefined
  let template = ''
  let registeredAtMs = 0
  let recordedAtMs = 0
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === RECORD_VALUES) values.take(reader)
    else if (tag === RECORD_KEY) key = reader.text()
    else if (tag === RECORD_SPELLING) spelling = reader.text()
    else if (tag === RECORD_PREFIX) prefix = reader.text()
    else if (tag === RECORD_VERSION) version = reader.number()
    else if (tag === RECORD_TEMPLATE) template = reader.text()
    else if (tag === RECORD_REGISTERED_AT) registeredAtMs = reader.number()
    else if (tag === RECORD_RECORDED_AT) recordedAtMs = reader.number()
    else reader.skip(tag)
  }
  reader.leave(outerEnd)
  return (common) =>
    values.found(common, {
      key: key ?? common.key,
      spelling: spelling ?? common.key,
      prefix: prefix ?? common.prefix,
      version: version ?? common.version,
      template,
      registeredAtMs,
      recordedAtMs,
    })
}

function readWithdrawn(reader: WireReader): Outcome {
  const outerEnd = reader.enter()
  let spelling: string | undefined
  let withdrawnAtMs = 0
  let reason = ''
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === TOMBSTONE_SPELLING) spelling = reader.text()
    else if (tag === TOMBSTONE_WITHDRAWN_AT) withdrawnAtMs = reader.number()
    else if (tag === TOMBSTONE_REASON) reason = reader.text()
    else reader.skip(tag)
  }
  reader.leave(outerEnd)
  return (common): Withdrawn => ({
    kind: 'withdrawn',
    ...common,
    spelling: spelling ?? common.key,
    withdrawnAtMs,
    reason,
  })
}

function readAbsent(reader: WireReader): Outcome {
  const outerEnd = reader.enter()
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) reader.skip(tag)
  reader.leave(outerEnd)
  return (common): Absent => ({ kind: 'absent', ...common })
}

function readReferral(reader: WireReader): Outcome {
  const outerEnd = reader.enter()
  let handle = ''
  const sites: Uint8Array[] = []
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === REFERRAL_HANDLE) handle = reader.text()
    else if (tag === REFERRAL_SITES) sites.push(reader.octets())
    else reader.skip(tag)
  }
  reader.leave(outerEnd)
  return (common): Referral => ({ kind: 'referral', ...common, service: { handle, sites } })
}
