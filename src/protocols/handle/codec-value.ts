/**
 * Values of a handle.
 *
 *   value      = index timestamp ttlType ttl permissions type data references
 *   index      = 4OCTET              timestamp = 4OCTET       ; seconds since the epoch
 *   ttlType    = OCTET               ttl = 4OCTET             ; 0: seconds, 1: a time, in seconds since the epoch
 *   permissions = OCTET              ; as record/record.ts
 *   type, data = length *OCTET       references as in HS_VLIST
 *
 * Source: RFC 3651 §3.1, RFC 3652 §3.2.
 */
import type { ByteReader } from '../../platform/byte-reader.js'
import { ByteWriter } from '../../platform/byte-writer.js'
import type { Reference } from '../../record/record.js'
import { readReferences, writeReferences } from '../../record/value-types/hs-vlist.js'

export const RELATIVE_TTL = 0
export const ABSOLUTE_TTL = 1

/** As on the wire; `codec-record.ts` makes a record's value of it. */
export interface HandleValue {
  readonly index: number
  readonly timestampSeconds: number
  readonly ttlType: number
  readonly ttl: number
  readonly permissions: number
  readonly type: string
  readonly data: Uint8Array
  readonly references: readonly Reference[]
}

const LEAST_VALUE_OCTETS = 26
const ownWriter = new ByteWriter()

export function readValues(reader: ByteReader): readonly HandleValue[] {
  const count = reader.count(LEAST_VALUE_OCTETS, 'values')
  const values: HandleValue[] = []
  for (let place = 0; place < count; place++) values.push(readValue(reader))
  return values
}

function readValue(reader: ByteReader): HandleValue {
  return {
    index: reader.int4('value.index'),
    timestampSeconds: reader.int4('value.timestamp'),
    ttlType: reader.int1('value.ttlType'),
    ttl: reader.int4('value.ttl'),
    permissions: reader.int1('value.permissions'),
    type: reader.text('value.type'),
    data: reader.lengthAndOctets('value.data'),
    references: readReferences(reader, 'value.references'),
  }
}

/** A list of values, ready to be part of any number of answers (codec-resolution.ts). @throws EncodingError */
export function encodeValues(values: readonly HandleValue[]): Buffer {
  writeValues(ownWriter.begin(), values)
  return ownWriter.finish()
}

export function writeValues(writer: ByteWriter, values: readonly HandleValue[]): void {
  writer.int4('values', values.length)
  for (const value of values) {
    writer.int4('value.index', value.index)
    writer.int4('value.timestamp', value.timestampSeconds)
    writer.int1('value.ttlType', value.ttlType)
    writer.int4('value.ttl', value.ttl)
    writer.int1('value.permissions', value.permissions)
    writer.text('value.type', value.type)
    writer.lengthAndOctets('value.data', value.data)
    writeReferences(writer, value.references, 'value.references')
  }
}
