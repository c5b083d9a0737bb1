/**
 * A record's values as a handle's, and back. An attribute of a template is a value like any other: its index is from
 * 2000 on, its type the attribute's name.
 *
 * From the wire to a record and out again, every octet comes back. From a record to the wire and back everything does
 * but one thing that the wire doesn't tell: octets that are text come back as text (value-types.ts, `recordData`).
 * What a record can't hold is refused, not bent.
 */
import type { Result } from '../../identifier/result.js'
import { ByteWriter } from '../../platform/byte-writer.js'
import type { Value } from '../../record/record.js'
import { writeReferences } from '../../record/value-types/hs-vlist.js'
import { recordData } from '../../record/value-types/value-types.js'
import { ABSOLUTE_TTL, type HandleValue, RELATIVE_TTL } from './codec-value.js'

const MAX_TTL_SECONDS = 0x7fff_ffff
const MAX_PERMISSIONS = 0b1111
const writer = new ByteWriter()

export interface ValueFault {
  readonly reason: 'index' | 'index-taken' | 'ttl' | 'absolute-ttl' | 'permissions'
  /** Of the value, among those given. */
  readonly place: number
  readonly message: string
}

export function handleValuesOf(values: readonly Value[]): HandleValue[] {
  return values.map((value) => ({
    index: value.index,
    timestampSeconds: value.timestampSeconds,
    ttlType: RELATIVE_TTL,
    ttl: value.ttlSeconds,
    permissions: value.permissions,
    type: value.type,
    data: typeof value.data === 'string' ? Buffer.from(value.data) : value.data,
    references: value.references ?? [],
  }))
}

/** Ascending by index, as a record has them. */
export function recordValuesOf(values: readonly HandleValue[]): Result<Value[], ValueFault> {
  const taken = new Set<number>()
  for (const [place, value] of values.entries()) {
    const fault = valueFault(value, place, taken)
    if (fault !== undefined) return { ok: false, ...fault }
    taken.add(value.index)
  }
  return { ok: true, value: values.map(recordValue).sort((a, b) => a.index - b.index) }
}

function recordValue({ index, type, data, ttl, permissions, timestampSeconds, references }: HandleValue): Value {
  const value = { index, type, data: recordData(type, data), ttlSeconds: ttl, permissions, timestampSeconds }
  return references.length === 0 ? value : { ...value, references }
}

function valueFault(value: HandleValue, place: number, taken: ReadonlySet<number>): ValueFault | undefined {
  const { index, ttlType, ttl, permissions } = value
  if (index === 0) return { reason: 'index', place, message: 'index 0 is no value’s: take one from 1 on' }
  if (taken.has(index)) return { reason: 'index-taken', place, message: `two values have index ${index}` }
  if (ttlType === ABSOLUTE_TTL)
    return { reason: 'absolute-ttl', place, message: `value ${index} ends at a time: give it seconds to live` }
  if (ttlType !== RELATIVE_TTL || ttl > MAX_TTL_SECONDS)
    return { reason: 'ttl', place, message: `value ${index} has a time to live of ${ttl}, type ${ttlType}` }
  if (permissions > MAX_PERMISSIONS)
    return { reason: 'permissions', place, message: `value ${index} has permissions ${permissions}: at most 15` }
  return undefined
}

/** A value that ends at a time as one with the seconds it still has: for records of other nodes. */
export function withRelativeTtl(value: HandleValue, nowSeconds: number): HandleValue {
  if (value.ttlType !== ABSOLUTE_TTL) return value
  const ttl = Math.min(Math.max(value.ttl - nowSeconds, 0), MAX_TTL_SECONDS)
  return { ...value, ttlType: RELATIVE_TTL, ttl }
}

/**
 * The values of a record, ready to be part of any number of answers (codec-resolution.ts): the octets of `encodeValues` and
 * `handleValuesOf`, without what lies between.
 *
 * @throws EncodingError
 */
export function encodeRecordValues(values: readonly Value[]): Buffer {
  writer.begin()
  writer.int4('values', values.length)
  for (const value of values) {
    writer.int4('value.index', value.index)
    writer.int4('value.timestamp', value.timestampSeconds)
    writer.int1('value.ttlType', RELATIVE_TTL)
    writer.int4('value.ttl', value.ttlSeconds)
    writer.int1('value.permissions', value.permissions)
    writer.text('value.type', value.type)
    if (typeof value.data === 'string') writer.text('value.data', value.data)
    else writer.lengthAndOctets('value.data', value.data)
    if (value.references === undefined) writer.int4('value.references', 0)
    else writeReferences(writer, value.references, 'value.references')
  }
  return writer.finish()
}
