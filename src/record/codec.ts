/**
 * Records as bytes: what the registry stores, what a receipt's digest is taken over, what Redis holds.
 * The layout is proto/record.proto. Malformed bytes throw `RecordCodecError`; fields of later versions are passed over.
 */
import { hash } from 'node:crypto'
import { readValue, writeTimelessValue, writeValue } from './codec-value.js'
import type { EncodedValues } from './encoded-values.js'
import type { Value } from './record.js'
import { lengthTag } from './wire.js'
import { WireReader } from './wire-reader.js'
import { WireWriter } from './wire-writer.js'

export { decodeAnswer, encodeAnswer, lazyAnswer } from './codec-answer.js'
export { RecordCodecError } from './wire.js'

/** Of StoredValues. */
export const VALUES = lengthTag(1)
const CONTENT_TEMPLATE = lengthTag(1)
/** Of Content. */
export const CONTENT_VALUES = lengthTag(2)
/** Of a content's digest. */
export const DIGEST_OCTETS = 32

// Encoding never awaits, so one writer serves every call.
const writer = new WireWriter()

/** The message StoredValues, values in the order given. */
export function encodeValues(values: readonly Value[]): Uint8Array {
  writer.begin()
  for (const value of values) writeValue(writer, VALUES, value)
  return writer.finish()
}

export function decodeValues(bytes: Uint8Array): Value[] {
  const reader = new WireReader(bytes)
  const values: Value[] = []
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === VALUES) values.push(readValue(reader))
    else reader.skip(tag)
  }
  return values
}

/** The same values left as they are; undefined when something else stands among them. */
export function passValues(bytes: Uint8Array): EncodedValues | undefined {
  const reader = new WireReader(bytes)
  for (let from = 0; reader.tag() !== 0; from = reader.position) {
    if (bytes[from] !== VALUES) return undefined
    reader.pass()
  }
  return { bytes, start: 0, end: bytes.length, tag: VALUES }
}

/** SHA-256 over the message Content: equal for equal contents whatever the values' order and timestamps. */
export function contentDigest(template: string, values: readonly Value[]): Buffer {
  writer.begin()
  writer.text(CONTENT_TEMPLATE, template)
  for (const value of ascending(values)) writeTimelessValue(writer, CONTENT_VALUES, value)
  return digestOf(writer.finish())
}

/** What Content begins with; the values follow. */
export function encodeContentHead(template: string): Buffer {
  writer.begin()
  writer.text(CONTENT_TEMPLATE, template)
  return writer.finish()
}

function digestOf(content: Uint8Array): Buffer {
  // Less than half the time of asking for a Buffer, which makes an ArrayBuffer of its own.
  return Buffer.from(hash('sha256', content, 'binary'), 'binary')
}

function ascending(values: readonly Value[]): readonly Value[] {
  const sorted = values.every((value, place) => place === 0 || values[place - 1]!.index < value.index)
  return sorted ? values : values.toSorted((a, b) => a.index - b.index)
}
