/**
 * Messages in packets, for UDP: each packet has the message's envelope with its own sequence number, and the length of
 * the whole message.
 */
import { writeUint32 } from '../../platform/byte-writer.js'
import { ENVELOPE_OCTETS, TRUNCATED } from './codec-envelope.js'

/** All software in use sends packets of at most 512 octets. */
export const PACKET_OCTETS = 512
export const PACKET_CONTENT_OCTETS = PACKET_OCTETS - ENVELOPE_OCTETS

const BITS_AT = 2
const SEQUENCE_AT = 12

/**
 * The packets of a whole message; the message itself when it fits one.
 *
 * @param markTruncated whether to say in each of several packets that it is one. RFC 3652 §2.2.1 wants it and clients
 * do it; servers in use leave it out of what they answer, and every client has learned to do without.
 */
export function packetsOf(message: Buffer, markTruncated: boolean): readonly Buffer[] {
  if (message.length <= PACKET_OCTETS) return [message]
  const packets: Buffer[] = []
  for (let at = ENVELOPE_OCTETS; at < message.length; at += PACKET_CONTENT_OCTETS) {
    const content = message.subarray(at, at + PACKET_CONTENT_OCTETS)
    const packet = Buffer.concat([message.subarray(0, ENVELOPE_OCTETS), content])
    if (markTruncated) packet[BITS_AT]! |= TRUNCATED
    writeUint32(packet, SEQUENCE_AT, packets.length)
    packets.push(packet)
  }
  return packets
}
