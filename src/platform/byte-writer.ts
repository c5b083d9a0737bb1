/** Writes big-endian octets into a buffer of its own that grows. */
import { NodeError } from './errors.js'
import { hasUtf8 } from './utf8.js'

const INITIAL_OCTETS = 4 * 1024
/** A bigger buffer is let go after use: one large message must not cost its size for ever. */
const MAX_KEPT_OCTETS = 1024 * 1024

/** A content that has no bytes: its maker's fault, never that of somebody outside. */
export class EncodingError extends NodeError {
  readonly field: string

  constructor(field: string, message: string) {
    super('internal', `${field}: ${message}`)
    this.name = 'EncodingError'
    this.field = field
  }
}

/** Writes one message at a time. Throws `EncodingError`, nothing else. */
export class ByteWriter {
  private bytes = Buffer.allocUnsafeSlow(INITIAL_OCTETS)
  private at = 0

  /** Forgets what an earlier, failed message left behind. */
  begin(): this {
    this.at = 0
    return this
  }

  /** A copy of what was written. */
  finish(): Buffer {
    const message = Buffer.allocUnsafe(this.at)
    this.bytes.copy(message, 0, 0, this.at)
    if (this.bytes.length > MAX_KEPT_OCTETS) this.bytes = Buffer.allocUnsafeSlow(INITIAL_OCTETS)
    return message
  }

  /** Octets written so far. */
  get length(): number {
    return this.at
  }

  int1(field: string, value: number): void {
    if ((value & 0xff) !== value) throw outOfRange(field, value, 8)
    this.reserve(1)
    this.bytes[this.at++] = value
  }

  int2(field: string, value: number): void {
    if ((value & 0xffff) !== value) throw outOfRange(field, value, 16)
    this.reserve(2)
    this.bytes[this.at++] = value >>> 8
    this.bytes[this.at++] = value
  }

  int4(field: string, value: number): void {
    if (value >>> 0 !== value) throw outOfRange(field, value, 32)
    this.reserve(4)
    writeUint32(this.bytes, this.at, value)
    this.at += 4
  }

  octets(octets: Uint8Array): void {
    this.reserve(octets.length)
    this.bytes.set(octets, this.at)
    this.at += octets.length
  }

  lengthAndOctets(field: string, octets: Uint8Array): void {
    this.int4(field, octets.length)
    this.octets(octets)
  }

  /** UTF-8 with its length in front. */
  text(field: string, text: string): void {
    // A code unit never takes more than 3 octets.
    this.reserve(4 + text.length * 3)
    const octets = this.bytes.write(text, this.at + 4)
    if (octets !== text.length && !hasUtf8(text)) throw new EncodingError(field, 'half a character has no UTF-8')
    writeUint32(this.bytes, this.at, octets)
    this.at += 4 + octets
  }

  /** Keeps room for a length that is known only when `close` is called with what this gives. */
  open(): number {
    this.reserve(4)
    this.at += 4
    return this.at
  }

  close(start: number): void {
    writeUint32(this.bytes, start - 4, this.at - start)
  }

  private reserve(octets: number): void {
    const needed = this.at + octets
    if (needed <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2))
    this.bytes.copy(larger, 0, 0, this.at)
    this.bytes = larger
  }
}

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

function outOfRange(field: string, value: number, bits: number): EncodingError {
  return new EncodingError(field, `${value} is no whole number of ${bits} bits without a sign`)
}
