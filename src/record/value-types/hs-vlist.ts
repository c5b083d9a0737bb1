/**
 * HS_VLIST: a list of values of handles, mostly the keys of a group of administrators.
 *
 *   list      = count *reference    ; count = 4OCTET
 *   reference = handle index        ; handle = length *OCTET, index = 4OCTET
 *
 * The references of a value have the same bytes. Source: RFC 3651 §3.2.8.
 */
import type { Decoded } from '../../platform/byte-fault.js'
import { ByteReader } from '../../platform/byte-reader.js'
import { ByteWriter } from '../../platform/byte-writer.js'
import type { Reference } from '../record.js'

const LEAST_REFERENCE_OCTETS = 8
const writer = new ByteWriter()

export function decodeValueList(octets: Uint8Array): Decoded<readonly Reference[]> {
  const reader = new ByteReader(octets)
  const references = readReferences(reader, 'references')
  reader.mustEnd('HS_VLIST')
  return reader.decoded(references)
}

/** @throws EncodingError */
export function encodeValueList(references: readonly Reference[]): Uint8Array {
  writeReferences(writer.begin(), references, 'references')
  return writer.finish()
}

export function readReferences(reader: ByteReader, field: string): readonly Reference[] {
  const count = reader.count(LEAST_REFERENCE_OCTETS, field)
  const references: Reference[] = []
  for (let place = 0; place < count; place++) {
    references.push({ handle: reader.text('reference.handle'), index: reader.int4('reference.index') })
  }
  return references
}

export function writeReferences(to: ByteWriter, references: readonly Reference[], field: string): void {
  to.int4(field, references.length)
  for (const { handle, index } of references) {
    to.text('reference.handle', handle)
    to.int4('reference.index', index)
  }
}
