/** Cuts a stream into messages. What it keeps is in proportion to what came, never to what a length promises. */
import { ENVELOPE_OCTETS } from '../codec-envelope.js'
import { frameOctets, TOO_LONG } from '../codec-frames.js'

export class Frames {
  private pieces: Buffer[] = []
  private octets = 0
  private needed = ENVELOPE_OCTETS
  private readonly maxMessageOctets: number

  constructor(maxMessageOctets: number) {
    this.maxMessageOctets = maxMessageOctets
  }

  /** Octets of a message that is not there as a whole. */
  get leftOver(): number {
    return this.octets
  }

  /** The messages that `piece` completes; undefined when one is too long, after which the stream can't be read on. */
  accept(piece: Buffer): Buffer[] | undefined {
    this.pieces.push(piece)
    this.octets += piece.length
    const messages: Buffer[] = []
    while (this.octets >= this.needed) {
      const joined = this.pieces.length === 1 ? this.pieces[0]! : Buffer.concat(this.pieces, this.octets)
      const frame = frameOctets(joined, { start: 0, end: joined.length }, this.maxMessageOctets)
      if (frame === TOO_LONG) return undefined
      const isWhole = joined.length >= frame
      if (isWhole) messages.push(joined.subarray(0, frame))
      this.keep(isWhole ? joined.subarray(frame) : joined)
      this.needed = isWhole ? ENVELOPE_OCTETS : frame
    }
    return messages
  }

  private keep(rest: Buffer): void {
    this.pieces = rest.length === 0 ? [] : [rest]
    this.octets = rest.length
  }
}
