/**
 * The plain representation of a record (plain-json.ts) straight from its encoded values: a fraction of the time of the way
 * through values, objects and `JSON.stringify`.
 *
 * For everyday records only: values with text and without references, attributes as a template has them. Whatever is
 * otherwise, or malformed, goes the long way, which knows what to do with it; a test compares the two octet by octet.
 */
import { findPlaces, type ValuePlaces } from '../../record/codec-value.js'
import { EncodedRecord } from '../../record/encoded-values.js'
import { type IdentifierRecord, PUBLIC_READ } from '../../record/record.js'
import { FIRST_ATTRIBUTE_INDEX, TEMPLATES } from '../../record/template.js'
import { WireReader } from '../../record/wire-reader.js'
import { JsonOctets } from './json-octets.js'

const json = new JsonOctets(256 * 1024)
/** Octets of JSON that one octet of a stored value may come to: the shortest value has six, and six field names around it. */
const MOST_PER_OCTET = 24
const MOST_FIXED = 1024

/** Undefined: take the long way. */
export function plainOctets(record: IdentifierRecord): string | undefined {
  if (!(record instanceof EncodedRecord)) return undefined
  const names = record.template === '' ? NO_NAMES : namesByTemplate.get(record.template)
  if (names === undefined || roomFor(record) > json.room) return undefined
  json.begin()
  writeAbout(record)
  if (!writeValues(record, names)) return undefined
  json.raw(',"registeredAt":"')
  json.raw(isoTime(record.registeredAtMs))
  json.raw('","recordedAt":"')
  json.raw(isoTime(record.recordedAtMs))
  json.raw('"}')
  return json.finish()
}

/** Of the value just read. */
const value: ValuePlaces = {
  index: 0,
  typeStart: 0,
  typeEnd: 0,
  textStart: 0,
  textEnd: 0,
  ttlSeconds: 0,
  permissions: 0,
  timestampSeconds: 0,
}
const PERMISSIONS = Array.from({ length: 16 }, (_, bits) => bits.toString(2).padStart(4, '0'))

type Names = ReadonlyMap<number, string>

const NO_NAMES: Names = new Map()
const namesByTemplate = new Map<string, Names>(
  TEMPLATES.map(({ name, attributes }) => [name, new Map(attributes.map(({ index, name }) => [index, name]))]),
)

function roomFor({ key, spelling, prefix, template, encoded }: EncodedRecord): number {
  const texts = key.length + spelling.length + prefix.length + template.length
  return (encoded.end - encoded.start) * MOST_PER_OCTET + texts * 6 + MOST_FIXED
}

function writeAbout({ spelling, key, prefix, version, template }: EncodedRecord): void {
  json.raw('{"identifier":')
  json.string(spelling)
  json.raw(',"key":')
  json.string(key)
  json.raw(',"prefix":')
  json.string(prefix)
  json.raw(',"state":"registered","version":')
  json.raw(String(version))
  json.raw(',"template":')
  json.string(template)
}

/** Attributes come first, but stand last: of the free values before them it is only noted where they end. */
function writeValues({ encoded, template }: EncodedRecord, names: Names): boolean {
  const bytes = encoded.bytes.subarray(encoded.start, encoded.end)
  const reader = new WireReader(bytes)
  let freeEnd = 0
  let lastIndex = 0
  let separator = ''
  json.raw(',"attributes":{')
  while (reader.tag() !== 0) {
    if (!findPlaces(reader, value) || value.index <= lastIndex) return false
    lastIndex = value.index
    if (template === '' || value.index < FIRST_ATTRIBUTE_INDEX) freeEnd = reader.position
    else if ((value.permissions & PUBLIC_READ) !== 0) {
      const name = names.get(value.index)
      if (name === undefined || !isNamed(bytes, name)) return false
      json.raw(separator)
      json.string(name)
      json.raw(':')
      if (!json.text(bytes, value.textStart, value.textEnd)) return false
      separator = ','
    }
  }
  json.raw('},"values":[')
  if (!writeFreeValues(bytes.subarray(0, freeEnd))) return false
  json.raw(']')
  return true
}

function writeFreeValues(bytes: Uint8Array): boolean {
  const reader = new WireReader(bytes)
  let separator = '{"index":'
  while (reader.tag() !== 0) {
    findPlaces(reader, value)
    if ((value.permissions & PUBLIC_READ) === 0) continue
    json.raw(separator)
    json.raw(String(value.index))
    json.raw(',"type":')
    if (!json.text(bytes, value.typeStart, value.typeEnd)) return false
    json.raw(',"data":')
    if (!json.text(bytes, value.textStart, value.textEnd)) return false
    json.raw(',"ttlSeconds":')
    json.raw(String(value.ttlSeconds))
    json.raw(',"permissions":"')
    json.raw(PERMISSIONS[value.permissions]!)
    json.raw('","timestamp":"')
    json.raw(isoSecond(value.timestampSeconds))
    json.raw('"}')
    separator = ',{"index":'
  }
  return true
}

function isNamed(bytes: Uint8Array, name: string): boolean {
  const { typeStart, typeEnd } = value
  if (typeEnd - typeStart !== name.length) return false
  for (let at = 0; at < name.length; at++) if (bytes[typeStart + at] !== name.charCodeAt(at)) return false
  return true
}

/** Neighbouring records, and the times of one record, are often the same: the last one is at hand. */
let isoMs = Number.NaN
let iso = ''

function isoTime(ms: number): string {
  if (ms !== isoMs) {
    iso = new Date(ms).toISOString()
    isoMs = ms
  }
  return iso
}

let isoSecondOf = Number.NaN
let isoOfSecond = ''

function isoSecond(seconds: number): string {
  if (seconds !== isoSecondOf) {
    isoOfSecond = `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`
    isoSecondOf = seconds
  }
  return isoOfSecond
}
