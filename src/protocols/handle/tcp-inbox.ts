/**
 * What has come on a connection of a message that is not there as a whole. The room for it grows with what has come, never
 * with what was promised, and no octet is copied more than a few times however small the pieces are.
 */
import { ENVELOPE_OCTETS } from './codec-envelope.js'
import { frameOctets, INCOMPLETE_ENVELOPE, TOO_LONG } from './codec-frames.js'
import { MAX_MESSAGE_OCTETS } from './limits.js'

const LEAST_ROOM = 512

export class Inbox {
  private room: Buffer = Buffer.alloc(0)
  private used = 0

  get octets(): number {
    return this.used
  }

  /**
   * Takes from `bytes` what is missing of the message that was begun, and gives where it stopped. When that made it whole,
   * `whole` gives it.
   */
  fill(bytes: Buffer, start: number): number {
    let at = start
    for (let missing = this.missing(); missing > 0 && at < bytes.length; missing = this.missing()) {
      const taken = Math.min(missing, bytes.length - at)
      this.reserve(taken)
      bytes.copy(this.room, this.used, at, at + taken)
      this.used += taken
      at += taken
    }
    return at
  }

  /** The message, once it is all there: it is the taker's then. Its length may be one that is too long. */
  whole(): Buffer | undefined {
    if (this.used === 0 || this.missing() > 0) return undefined
    const message = this.room.subarray(0, this.used)
    this.room = Buffer.alloc(0)
    this.used = 0
    return message
  }

  /** Octets up to the next thing that can be told. */
  private missing(): number {
    const frame = frameOctets(this.room, { start: 0, end: this.used }, MAX_MESSAGE_OCTETS)
    if (frame === INCOMPLETE_ENVELOPE) return ENVELOPE_OCTETS - this.used
    return frame === TOO_LONG ? 0 : frame - this.used
  }

  private reserve(octets: number): void {
    const needed = this.used + octets
    if (needed <= this.room.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.room.length * 2, LEAST_ROOM))
    this.room.copy(larger, 0, 0, this.used)
    this.room = larger
  }
}
