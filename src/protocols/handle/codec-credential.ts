/**
 * The credential behind a body: who vouches for the message, and the signature or MAC.
 *
 *   credential = version reserved options handle index type section
 *   version, reserved = OCTET         options = 2OCTET
 *   handle, type      = text          index = 4OCTET        ; in a session's MAC the index is the message's counter
 *   section    = length algorithm signature                 ; algorithm: `SHA-256`, `HMAC-SHA256`, …, or one octet as in DIGEST
 *
 * Types are HS_SIGNED and HS_MAC; HS_DSAPUBKEY is an old name of the former. Source: RFC 3652 §2.2.4.
 */
import type { ByteReader } from '../../platform/byte-reader.js'
import type { ByteWriter } from '../../platform/byte-writer.js'

export const SIGNED = 'HS_SIGNED'
export const MAC = 'HS_MAC'

export interface Credential {
  readonly version: number
  readonly options: number
  readonly handle: string
  /** The counter of a message within its session; else the index of the signer's key. */
  readonly index: number
  readonly type: string
  readonly algorithm: string
  readonly signature: Uint8Array
}

export function readCredential(reader: ByteReader): Credential {
  const version = reader.int1('credential.version')
  reader.int1('credential.reserved')
  const options = reader.int2('credential.options')
  const handle = reader.text('credential.handle')
  const index = reader.int4('credential.index')
  const type = reader.text('credential.type')
  const outerEnd = reader.enter(reader.int4('credential.section'), 'credential.section')
  const algorithm = reader.text('credential.algorithm')
  const signature = reader.lengthAndOctets('credential.signature')
  reader.leave(outerEnd)
  return { version, options, handle, index, type, algorithm, signature }
}

/** With its length in front. */
export function writeCredential(writer: ByteWriter, credential: Credential): void {
  const start = writer.open()
  writer.int1('credential.version', credential.version)
  writer.int1('credential.reserved', 0)
  writer.int2('credential.options', credential.options)
  writer.text('credential.handle', credential.handle)
  writer.int4('credential.index', credential.index)
  writer.text('credential.type', credential.type)
  const section = writer.open()
  writer.text('credential.algorithm', credential.algorithm)
  writer.lengthAndOctets('credential.signature', credential.signature)
  writer.close(section)
  writer.close(start)
}
