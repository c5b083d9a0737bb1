/** Reads messages in the protobuf wire format (wire.ts), strictly: the bytes may come from anywhere. */
import { readUtf8 } from '../platform/utf8.js'
import { RecordCodecError } from './wire.js'

/** Reads one message; every step is checked against its end. Throws `RecordCodecError`, nothing else. */
export class WireReader {
  private readonly bytes: Buffer
  private at = 0
  private end: number

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.end = bytes.length
  }

  /** The next field's tag, or 0 at the end of the message. */
  tag(): number {
    if (this.at === this.end) return 0
    const tag = this.number()
    if (tag < 8 || tag > 0xffffffff) throw this.malformed('a field has no valid number')
    return tag
  }

  /** A varint of at most 2^53 - 1. */
  number(): number {
    // Most are of one octet.
    if (this.at < this.end && this.bytes[this.at]! < 0x80) return this.bytes[this.at++]!
    return this.longNumber()
  }

  private longNumber(): number {
    const { bytes, end } = this
    let value = 0
    let scale = 1
    for (let octet = 0; octet < 10; octet++) {
      if (this.at >= end) throw this.malformed('a number is cut off')
      const next = bytes[this.at++]!
      value += (next & 0x7f) * scale
      if (next < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break
        return value
      }
      scale *= 0x80
    }
    throw this.malformed('a number is above 2^53 - 1')
  }

  text(): string {
    const start = this.take(this.number())
    const text = readUtf8(this.bytes, start, this.at)
    if (text === undefined) throw this.malformed('text is not UTF-8')
    return text
  }

  /** A copy: the message read may be a slice of a much larger buffer. */
  octets(): Uint8Array {
    const start = this.take(this.number())
    const copy = new Uint8Array(this.at - start)
    copy.set(this.bytes.subarray(start, this.at))
    return copy
  }

  /** Where the next octet read stands. */
  get position(): number {
    return this.at
  }

  /** Passes over text or octets; gives where they start, and `position` is where they end. */
  pass(): number {
    return this.take(this.number())
  }

  /** Enters a message within the message; `leave` takes what this gives. */
  enter(): number {
    const outerEnd = this.end
    const length = this.number()
    if (length > outerEnd - this.at) throw this.malformed('a field is longer than its message')
    this.end = this.at + length
    return outerEnd
  }

  leave(outerEnd: number): void {
    this.end = outerEnd
  }

  /** Passes over a field that this version does not know. */
  skip(tag: number): void {
    const wireType = tag & 7
    if (wireType === 0) this.skipVarint()
    else if (wireType === 1) this.take(8)
    else if (wireType === 2) this.take(this.number())
    else if (wireType === 5) this.take(4)
    else throw this.malformed(`wire type ${wireType} is not in use`)
  }

  malformed(what: string): RecordCodecError {
    return new RecordCodecError(`${what} (octet ${this.at} of ${this.bytes.length})`)
  }

  private skipVarint(): void {
    for (let octet = 0; octet < 10; octet++) {
      if (this.bytes[this.take(1)]! < 0x80) return
    }
    throw this.malformed('a number has more than ten octets')
  }

  private take(octets: number): number {
    const start = this.at
    if (octets > this.end - start) throw this.malformed('a field is longer than its message')
    this.at = start + octets
    return start
  }
}
