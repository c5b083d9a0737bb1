/**
 * The header that a message begins with, behind its envelope.
 *
 *   0   operation, 4 octets          14  recursion count
 *   4   response code, 4; 0: request 15  reserved
 *   8   flags, 4                     16  expiration, 4: seconds since the epoch
 *   12  serial of the site, 2        20  length of the body, 4
 *
 * Source: RFC 3652 §2.2.2.
 */
import type { ByteReader } from '../../platform/byte-reader.js'
import type { ByteWriter } from '../../platform/byte-writer.js'

export const HEADER_OCTETS = 24

export interface Header {
  /** Of `OP`, or any other. */
  readonly opCode: number
  /** Of `RC`, or any other; 0 in requests. */
  readonly responseCode: number
  /** Bits of `FLAG`. */
  readonly opFlags: number
  /** The site's serial as the sender knows it; `UNKNOWN_SERIAL` when it does not. */
  readonly siteSerial: number
  readonly recursionCount: number
  /** Clients refuse a response past it; servers don't ask. */
  readonly expirationSeconds: number
}

/** Gives the header and the length of the body that follows it. */
export function readHeader(reader: ByteReader): { readonly header: Header; readonly bodyOctets: number } {
  const opCode = reader.int4('opCode')
  const responseCode = reader.int4('responseCode')
  const opFlags = reader.int4('opFlags')
  const siteSerial = reader.int2('siteInfoSerial')
  const recursionCount = reader.int1('recursionCount')
  reader.int1('reserved')
  const expirationSeconds = reader.int4('expiration')
  const bodyOctets = reader.int4('bodyLength')
  return { header: { opCode, responseCode, opFlags, siteSerial, recursionCount, expirationSeconds }, bodyOctets }
}

/** All but the length of the body. */
export function writeHeader(writer: ByteWriter, header: Header): void {
  writer.int4('opCode', header.opCode)
  writer.int4('responseCode', header.responseCode)
  writer.int4('opFlags', header.opFlags)
  writer.int2('siteInfoSerial', header.siteSerial)
  writer.int1('recursionCount', header.recursionCount)
  writer.int1('reserved', 0)
  writer.int4('expiration', header.expirationSeconds)
}
