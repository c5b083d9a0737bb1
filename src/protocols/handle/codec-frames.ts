/** Messages in a stream, for TCP: an envelope says how long the message behind it is. */
import { uint32At } from '../../platform/byte-reader.js'
import { ENVELOPE_OCTETS } from './codec-envelope.js'

const LENGTH_AT = 16

/** What `frameOctets` gives besides a length. */
export const INCOMPLETE_ENVELOPE = 0
export const TOO_LONG = -1

/**
 * Octets of the next message with its envelope, in what has come from `start` up to `end`; they may not all be there yet.
 * A stream whose message is too long can't be read on: there is no telling where the next one begins.
 */
export function frameOctets(bytes: Buffer, { start, end }: Span, maxMessageOctets: number): number {
  if (end - start < ENVELOPE_OCTETS) return INCOMPLETE_ENVELOPE
  const messageOctets = uint32At(bytes, start + LENGTH_AT)
  return messageOctets > maxMessageOctets ? TOO_LONG : ENVELOPE_OCTETS + messageOctets
}

export interface Span {
  readonly start: number
  readonly end: number
}
