/**
 * HS_ADMIN: who may administer a handle, and how far.
 *
 *   admin  = permissions handle index [ tail ]
 *   permissions = 2OCTET         ; a bit for each right, below
 *   handle = length *OCTET       ; whose value `index` holds the key, or a list of such
 *   index  = 4OCTET              ; 0: any key of the handle
 *   tail   = %x00 %x00           ; old software leaves room for permissions of four octets
 *
 * Source: RFC 3651 §3.2.1, and records of servers in use.
 */
import type { Decoded } from '../../platform/byte-fault.js'
import { ByteReader } from '../../platform/byte-reader.js'
import { ByteWriter } from '../../platform/byte-writer.js'
import type { Reference } from '../record.js'

export const ADMIN_RIGHTS = {
  addHandle: 0x001,
  deleteHandle: 0x002,
  addDerivedPrefix: 0x004,
  deleteDerivedPrefix: 0x008,
  modifyValue: 0x010,
  removeValue: 0x020,
  addValue: 0x040,
  modifyAdmin: 0x080,
  removeAdmin: 0x100,
  addAdmin: 0x200,
  readValue: 0x400,
  listHandles: 0x800,
} as const

export const ALL_ADMIN_RIGHTS = 0xfff

export interface Admin extends Reference {
  /** Bits of `ADMIN_RIGHTS`; the four above them mean nothing, and are kept. */
  readonly permissions: number
  readonly hasTail: boolean
}

const TAIL_OCTETS = 2
const writer = new ByteWriter()

export function decodeAdmin(octets: Uint8Array): Decoded<Admin> {
  const reader = new ByteReader(octets)
  const permissions = reader.int2('permissions')
  const handle = reader.text('handle')
  const index = reader.int4('index')
  const hasTail = reader.left === TAIL_OCTETS && reader.peek2() === 0
  if (hasTail) reader.int2('tail')
  reader.mustEnd('HS_ADMIN')
  return reader.decoded({ permissions, handle, index, hasTail })
}

/** @throws EncodingError */
export function encodeAdmin({ permissions, handle, index, hasTail }: Admin): Uint8Array {
  writer.begin()
  writer.int2('permissions', permissions)
  writer.text('handle', handle)
  writer.int4('index', index)
  if (hasTail) writer.int2('tail', 0)
  return writer.finish()
}
