/** One value on the wire: the same fields in the stored form and in the public one (proto/record.proto, proto/resolution.proto). */
import type { Reference, Value } from './record.js'
import { lengthTag, RecordCodecError, varintTag } from './wire.js'
import type { WireReader } from './wire-reader.js'
import { WireWriter } from './wire-writer.js'

const INDEX = varintTag(1)
const TYPE = lengthTag(2)
const TEXT = lengthTag(3)
const OCTETS = lengthTag(4)
const TTL_SECONDS = varintTag(5)
const PERMISSIONS = varintTag(6)
const TIMESTAMP_SECONDS = varintTag(7)
const REFERENCES = lengthTag(8)

const HANDLE = lengthTag(1)
const REFERENCE_INDEX = varintTag(2)

const MAX_UINT32 = 0xffff_ffff
const MAX_TTL_SECONDS = 0x7fff_ffff
const MAX_PERMISSIONS = 0b1111

// Encoding never awaits, so one writer serves every call.
const writer = new WireWriter()

/** Writes `value` as the field `tag` of the message under way. */
export function writeValue(writer: WireWriter, tag: number, value: Value): void {
  writeValueAt(writer, tag, value, value.timestampSeconds)
}

/** As `writeValue`, without the time it last changed. */
export function writeTimelessValue(writer: WireWriter, tag: number, value: Value): void {
  writeValueAt(writer, tag, value, 0)
}

function writeValueAt(writer: WireWriter, tag: number, value: Value, timestampSeconds: number): void {
  requireSound(value)
  const start = writer.open(tag)
  writer.presentNumber(INDEX, value.index)
  writer.text(TYPE, value.type)
  if (typeof value.data === 'string') writer.presentText(TEXT, value.data)
  else writer.octets(OCTETS, value.data)
  writer.number(TTL_SECONDS, value.ttlSeconds)
  writer.number(PERMISSIONS, value.permissions)
  writer.number(TIMESTAMP_SECONDS, timestampSeconds)
  if (value.references !== undefined) writeReferences(writer, value.references)
  writer.close(start)
}

function writeReferences(writer: WireWriter, references: readonly Reference[]): void {
  for (const { handle, index } of references) {
    if (index > MAX_UINT32) throw new RecordCodecError(`a reference has index ${index}`)
    const start = writer.open(REFERENCES)
    writer.text(HANDLE, handle)
    writer.number(REFERENCE_INDEX, index)
    writer.close(start)
  }
}

/**
 * The fields of a text value before its data, up to the data's own tag. With these, `encodeValueTail` and the length of
 * the data, values that are alike in all but their data are put together from ready octets.
 */
export function encodeValueHead(index: number, type: string): Buffer {
  writer.begin()
  writer.presentNumber(INDEX, index)
  writer.text(TYPE, type)
  return Buffer.concat([writer.finish(), Uint8Array.of(TEXT)])
}

export interface ValueTail {
  /** The fields after the data. */
  readonly octets: Buffer
  /** How many of them come before the time it last changed. */
  readonly timelessOctets: number
}

export function encodeValueTail(value: Pick<Value, 'ttlSeconds' | 'permissions' | 'timestampSeconds'>): ValueTail {
  writer.begin()
  writer.number(TTL_SECONDS, value.ttlSeconds)
  writer.number(PERMISSIONS, value.permissions)
  const timeless = writer.finish()
  writer.begin()
  writer.number(TIMESTAMP_SECONDS, value.timestampSeconds)
  return { octets: Buffer.concat([timeless, writer.finish()]), timelessOctets: timeless.length }
}

/** Reads the value whose tag has just been read. */
export function readValue(reader: WireReader): Value {
  const outerEnd = reader.enter()
  let index = 0
  let type = ''
  let data: string | Uint8Array | undefined
  let ttlSeconds = 0
  let permissions = 0
  let timestampSeconds = 0
  let references: Reference[] | undefined
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === INDEX) index = reader.number()
    else if (tag === TYPE) type = reader.text()
    else if (tag === TEXT) data = reader.text()
    else if (tag === OCTETS) data = reader.octets()
    else if (tag === TTL_SECONDS) ttlSeconds = reader.number()
    else if (tag === PERMISSIONS) permissions = reader.number()
    else if (tag === TIMESTAMP_SECONDS) timestampSeconds = reader.number()
    else if (tag === REFERENCES) {
      references ??= []
      references.push(readReference(reader))
    } else reader.skip(tag)
  }
  reader.leave(outerEnd)
  if (data === undefined) throw reader.malformed('a value has no data')
  const value = { index, type, data, ttlSeconds, permissions, timestampSeconds }
  requireSound(value)
  return references === undefined ? value : { ...value, references }
}

/** Where a value's fields stand among the octets read: for whoever sends them on without having them decoded. */
export interface ValuePlaces {
  index: number
  typeStart: number
  typeEnd: number
  textStart: number
  textEnd: number
  ttlSeconds: number
  permissions: number
  timestampSeconds: number
}

/**
 * Finds the fields of the value whose tag has just been read. False for one that is not everyday (octets, references,
 * fields of later versions) or not sound; the reader stands somewhere within it then.
 */
export function findPlaces(reader: WireReader, places: ValuePlaces): boolean {
  const outerEnd = reader.enter()
  places.index = 0
  places.typeStart = places.typeEnd = 0
  places.textStart = -1
  places.ttlSeconds = places.permissions = places.timestampSeconds = 0
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === INDEX) places.index = reader.number()
    else if (tag === TYPE) {
      places.typeStart = reader.pass()
      places.typeEnd = reader.position
    } else if (tag === TEXT) {
      places.textStart = reader.pass()
      places.textEnd = reader.position
    } else if (tag === TTL_SECONDS) places.ttlSeconds = reader.number()
    else if (tag === PERMISSIONS) places.permissions = reader.number()
    else if (tag === TIMESTAMP_SECONDS) places.timestampSeconds = reader.number()
    else return false
  }
  reader.leave(outerEnd)
  return places.textStart >= 0 && isSound(places)
}

function readReference(reader: WireReader): Reference {
  const outerEnd = reader.enter()
  let handle = ''
  let index = 0
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === HANDLE) handle = reader.text()
    else if (tag === REFERENCE_INDEX) index = reader.number()
    else reader.skip(tag)
  }
  reader.leave(outerEnd)
  if (index > MAX_UINT32) throw reader.malformed(`a reference has index ${index}`)
  return { handle, index }
}

function isSound({ index, ttlSeconds, permissions }: Pick<Value, 'index' | 'ttlSeconds' | 'permissions'>): boolean {
  return index >= 1 && index <= MAX_UINT32 && ttlSeconds <= MAX_TTL_SECONDS && permissions <= MAX_PERMISSIONS
}

/** Both ways, so that nothing is written which could not be read again. */
function requireSound(value: Value): void {
  if (isSound(value)) return
  const { index, ttlSeconds, permissions } = value
  if (index < 1 || index > MAX_UINT32) throw new RecordCodecError(`a value has index ${index}, not 1 to 2^32 - 1`)
  if (ttlSeconds > MAX_TTL_SECONDS) throw new RecordCodecError(`value ${index} has a TTL of ${ttlSeconds} s`)
  throw new RecordCodecError(`value ${index} has permissions ${permissions}`)
}
