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
import { JsonOctets, type Piece, piece } from './json-octets.js'

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
  json.raw(REGISTERED_AT)
  json.ascii(isoTime(record.registeredAtMs))
  json.raw(RECORDED_AT)
  json.ascii(isoTime(record.recordedAtMs))
  json.raw(END)
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

const IDENTIFIER = piece('{"identifier":')
const KEY = piece(',"key":')
const PREFIX = piece(',"prefix":')
const VERSION = piece(',"state":"registered","version":')
const TEMPLATE = piece(',"template":')
const ATTRIBUTES = piece(',"attributes":{')
const VALUES = piece('},"values":[')
const FIRST_INDEX = piece('{"index":')
const NEXT_INDEX = piece(',{"index":')
const TYPE = piece(',"type":')
const DATA = piece(',"data":')
const TTL_SECONDS = piece(',"ttlSeconds":')
const PERMISSIONS = Array.from({ length: 16 }, (_, bits) =>
  piece(`,"permissions":"${bits.toString(2).padStart(4, '0')}","timestamp":"`),
)
const VALUE_END = piece('"}')
const VALUES_END = piece(']')
const REGISTERED_AT = piece(',"registeredAt":"')
const RECORDED_AT = piece('","recordedAt":"')
const END = piece('"}')

interface Name {
  readonly name: string
  /** Before its data, as the first and as a later one. */
  readonly first: Piece
  readonly next: Piece
}

type Names = ReadonlyMap<number, Name>

const NO_NAMES: Names = new Map()
const namesByTemplate = new Map<string, Names>(
  TEMPLATES.map(({ name, attributes }) => [name, new Map(attributes.map(({ index, name }) => [index, nameOf(name)]))]),
)

function nameOf(name: string): Name {
  return { name, first: piece(`"${name}":`), next: piece(`,"${name}":`) }
}

function roomFor({ key, spelling, prefix, template, encoded }: EncodedRecord): number {
  const texts = key.length + spelling.length + prefix.length + template.length
  return (encoded.end - encoded.start) * MOST_PER_OCTET + texts * 6 + MOST_FIXED
}

function writeAbout({ spelling, key, prefix, version, template }: EncodedRecord): void {
  json.raw(IDENTIFIER)
  json.string(spelling)
  json.raw(KEY)
  json.string(key)
  json.raw(PREFIX)
  json.string(prefix)
  json.raw(VERSION)
  json.number(version)
  json.raw(TEMPLATE)
  json.string(template)
}

/** Attributes come first, but stand last: of the free values before them it is only noted where they end. */
function writeValues({ encoded, template }: EncodedRecord, names: Names): boolean {
  const { bytes, start, end } = encoded
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, end - start)
  const reader = new WireReader(bytes.subarray(start, end))
  let freeEnd = 0
  let lastIndex = 0
  let isFirst = true
  json.raw(ATTRIBUTES)
  while (reader.tag() !== 0) {
    if (!findPlaces(reader, value) || value.index <= lastIndex) return false
    lastIndex = value.index
    if (template === '' || value.index < FIRST_ATTRIBUTE_INDEX) freeEnd = reader.position
    else if ((value.permissions & PUBLIC_READ) !== 0) {
      const name = names.get(value.index)
      if (name === undefined || !isNamed(view, name.name)) return false
      json.raw(isFirst ? name.first : name.next)
      if (!json.text(view, value.textStart, value.textEnd)) return false
      isFirst = false
    }
  }
  json.raw(VALUES)
  if (!writeFreeValues(new WireReader(bytes.subarray(start, start + freeEnd)), view)) return false
  json.raw(VALUES_END)
  return true
}

function writeFreeValues(reader: WireReader, view: DataView): boolean {
  let isFirst = true
  while (reader.tag() !== 0) {
    findPlaces(reader, value)
    if ((value.permissions & PUBLIC_READ) === 0) continue
    if (mayBeSecret(view)) return false
    json.raw(isFirst ? FIRST_INDEX : NEXT_INDEX)
    json.number(value.index)
    json.raw(TYPE)
    if (!json.text(view, value.typeStart, value.typeEnd)) return false
    json.raw(DATA)
    if (!json.text(view, value.textStart, value.textEnd)) return false
    json.raw(TTL_SECONDS)
    json.number(value.ttlSeconds)
    json.raw(PERMISSIONS[value.permissions]!)
    json.ascii(isoSecond(value.timestampSeconds))
    json.raw(VALUE_END)
    isFirst = false
  }
  return true
}

const SECRET_START = Buffer.from('hs_seckey')

/** A secret that anybody may read, by its permissions: the long way leaves it out. */
function mayBeSecret(view: DataView): boolean {
  const { typeStart, typeEnd } = value
  if (typeEnd - typeStart < SECRET_START.length) return false
  for (let at = 0; at < SECRET_START.length; at++) {
    // Letters are folded; what else looks alike then merely goes the long way.
    if ((view.getUint8(typeStart + at) | 0x20) !== (SECRET_START[at]! | 0x20)) return false
  }
  return true
}

function isNamed(view: DataView, name: string): boolean {
  const { typeStart, typeEnd } = value
  if (typeEnd - typeStart !== name.length) return false
  for (let at = 0; at < name.length; at++) if (view.getUint8(typeStart + at) !== name.charCodeAt(at)) return false
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
