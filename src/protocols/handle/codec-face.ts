/**
 * What this door keeps of a record beside it, ready to be sent (record/face.ts), and what can be told from it alone.
 *
 *   face   = extent values
 *   extent = OCTET                  ; bit 1: the record has values that only administrators may read
 *   values = as `encodeRecordValues` gives them: the public ones
 */
import { uint32At } from '../../platform/byte-reader.js'
import { writeUint32 } from '../../platform/byte-writer.js'
import { FACE_IDS, type Face } from '../../record/face.js'
import { ADMIN_READ, PUBLIC_READ, type Value } from '../../record/record.js'
import { isSecretType } from '../../record/secret.js'
import { matchesAnyType, visibleValues } from '../../record/select.js'
import { encodeRecordValues } from './codec-record.js'

const RESTRICTED = 1
const COUNT_OCTETS = 4
/** Index, timestamp, kind of TTL, TTL, permissions. */
const BEFORE_TYPE_OCTETS = 14

export const HANDLE_VALUES: Face = {
  id: FACE_IDS.handleValues,
  encode({ record: { values } }) {
    const extent = values.some(isRestricted) ? RESTRICTED : 0
    return String.fromCharCode(extent) + encodeRecordValues(visibleValues(values, 'public')).toString('latin1')
  },
}

/** Readable, but by administrators alone: by permission, or because it is a secret. */
export function isRestricted({ permissions, type }: Pick<Value, 'permissions' | 'type'>): boolean {
  if ((permissions & PUBLIC_READ) === 0) return (permissions & ADMIN_READ) !== 0
  return isSecretType(type)
}

/** @param start where the face begins in these octets */
export function hasRestricted(octets: Uint8Array, start: number): boolean {
  return (octets[start]! & RESTRICTED) !== 0
}

/** Of the face from `start` up to `end`. No Buffer: that would take longer to make. */
export function publicValues({ buffer, byteOffset }: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(buffer, byteOffset + start + 1, end - start - 1)
}

/** How many values a list has. */
export function valueCount(values: Uint8Array): number {
  return uint32At(values, 0)
}

/**
 * Those of a list that have one of the indexes or types, as a list again. Nothing is decoded but their types.
 *
 * @param wantedTypes each with its ASCII letters folded
 */
export function selectedOctets(values: Buffer, indexes: readonly number[], wantedTypes: readonly string[]): Buffer {
  const parts: Buffer[] = [Buffer.alloc(COUNT_OCTETS)]
  for (let at = COUNT_OCTETS; at < values.length; ) {
    const typeAt = at + BEFORE_TYPE_OCTETS + COUNT_OCTETS
    const dataAt = typeAt + uint32At(values, typeAt - COUNT_OCTETS)
    const end = referencesEnd(values, dataAt + COUNT_OCTETS + uint32At(values, dataAt))
    const isWanted =
      indexes.includes(uint32At(values, at)) ||
      (wantedTypes.length > 0 && matchesAnyType(values.toString('utf8', typeAt, dataAt), wantedTypes))
    if (isWanted) parts.push(values.subarray(at, end))
    at = end
  }
  writeUint32(parts[0]!, 0, parts.length - 1)
  return Buffer.concat(parts)
}

function referencesEnd(values: Buffer, countAt: number): number {
  let at = countAt + COUNT_OCTETS
  for (let left = uint32At(values, countAt); left > 0; left--) at += COUNT_OCTETS + uint32At(values, at) + COUNT_OCTETS
  return at
}
