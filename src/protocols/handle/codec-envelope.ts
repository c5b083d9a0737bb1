/**
 * The envelope in front of every message, and of every packet of one.
 *
 *   0   major version            4   session id, 4 octets; 0: none
 *   1   minor version            8   request id, 4 octets; the answer has the request's
 *   2   bits and suggested major 12  sequence number of the packet, 4 octets
 *   3   suggested minor          16  length of the whole message, 4 octets, the envelope not counted
 *
 * Bits of octet 2: %x80 compressed, %x40 encrypted, %x20 one of several packets; the five below are the suggested major
 * version, where 0 means that the version of the message is also the one suggested. All numbers are big-endian.
 *
 * Source: RFC 3652 §2.2.1.
 */
import type { Decoded } from '../../platform/byte-fault.js'
import { ByteReader } from '../../platform/byte-reader.js'
import type { ByteWriter } from '../../platform/byte-writer.js'
import type { Version } from './codec-version.js'

export const ENVELOPE_OCTETS = 20

export const COMPRESSED = 0x80
export const ENCRYPTED = 0x40
export const TRUNCATED = 0x20
const SUGGESTED_MAJOR = 0x1f

export interface Envelope {
  readonly version: Version
  /** As written: major 0 when the version itself is suggested. */
  readonly suggestedVersion: Version
  readonly isCompressed: boolean
  readonly isEncrypted: boolean
  /** One of several packets. Some software doesn't say so. */
  readonly isTruncated: boolean
  readonly sessionId: number
  readonly requestId: number
  readonly sequence: number
  readonly messageOctets: number
}

/** Reads the first 20 octets, whatever follows them. */
export function decodeEnvelope(bytes: Uint8Array): Decoded<Envelope> {
  const reader = new ByteReader(bytes)
  return reader.decoded(readEnvelope(reader))
}

export function readEnvelope(reader: ByteReader): Envelope {
  const version = { major: reader.int1('version.major'), minor: reader.int1('version.minor') }
  const bits = reader.int1('bits')
  return {
    version,
    suggestedVersion: { major: bits & SUGGESTED_MAJOR, minor: reader.int1('suggested.minor') },
    isCompressed: (bits & COMPRESSED) !== 0,
    isEncrypted: (bits & ENCRYPTED) !== 0,
    isTruncated: (bits & TRUNCATED) !== 0,
    sessionId: reader.int4('sessionId'),
    requestId: reader.int4('requestId'),
    sequence: reader.int4('sequence'),
    messageOctets: reader.int4('messageLength'),
  }
}

export function writeEnvelope(writer: ByteWriter, envelope: Envelope): void {
  writer.int1('version.major', envelope.version.major)
  writer.int1('version.minor', envelope.version.minor)
  writer.int1('bits', bitsOf(envelope))
  writer.int1('suggested.minor', envelope.suggestedVersion.minor)
  writer.int4('sessionId', envelope.sessionId)
  writer.int4('requestId', envelope.requestId)
  writer.int4('sequence', envelope.sequence)
  writer.int4('messageLength', envelope.messageOctets)
}

function bitsOf({ isCompressed, isEncrypted, isTruncated, suggestedVersion }: Envelope): number {
  const bits = (isCompressed ? COMPRESSED : 0) | (isEncrypted ? ENCRYPTED : 0) | (isTruncated ? TRUNCATED : 0)
  return bits | (suggestedVersion.major & SUGGESTED_MAJOR)
}

/** What the sender would rather speak. */
export function suggestionOf({ version, suggestedVersion }: Pick<Envelope, 'version' | 'suggestedVersion'>): Version {
  return suggestedVersion.major === 0 ? version : suggestedVersion
}
