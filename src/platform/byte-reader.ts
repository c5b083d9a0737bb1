/**
 * Reads big-endian octets that may come from anywhere. Nothing beyond the end is read, and no length or count makes room
 * for more than is there.
 *
 * The first fault stays: after it every read gives 0, '' or nothing, at no cost, and `decoded` gives the fault. So a
 * decoder reads straight on, and asks once, at its end. It never throws.
 */
import type { ByteFault, ByteFaultReason, Decoded } from './byte-fault.js'
import { readUtf8 } from './utf8.js'

const EMPTY = new Uint8Array(0)

export class ByteReader {
  private found: ByteFault | undefined
  private readonly bytes: Buffer
  private at: number
  private end: number

  /** Reads `bytes` from `start` up to `end`; offsets in faults count from the start of `bytes`. */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = start
    this.end = end
  }

  /** The first fault, if there was one. */
  fault(): ByteFault | undefined {
    return this.found
  }

  get offset(): number {
    return this.at
  }

  get left(): number {
    return this.end - this.at
  }

  int1(field: string): number {
    const at = this.take(1, field)
    return at < 0 ? 0 : this.bytes[at]!
  }

  /** Unsigned, as the others are. */
  int2(field: string): number {
    const at = this.take(2, field)
    return at < 0 ? 0 : (this.bytes[at]! << 8) | this.bytes[at + 1]!
  }

  int4(field: string): number {
    const at = this.take(4, field)
    return at < 0 ? 0 : uint32At(this.bytes, at)
  }

  /** The next octet, which stays unread; -1 at the end. */
  peek(): number {
    return this.at < this.end ? this.bytes[this.at]! : -1
  }

  /** The next two, which stay unread; -1 when there are not so many. */
  peek2(): number {
    return this.left < 2 ? -1 : (this.bytes[this.at]! << 8) | this.bytes[this.at + 1]!
  }

  /** A copy of the next `length` octets: what is read may be a slice of a much larger buffer. */
  octets(length: number, field: string): Uint8Array {
    const at = this.take(length, field)
    return at < 0 || length === 0 ? EMPTY : new Uint8Array(this.bytes.subarray(at, at + length))
  }

  /** Octets with their length in front. */
  lengthAndOctets(field: string): Uint8Array {
    return this.octets(this.int4(field), field)
  }

  /** UTF-8 with its length in front. */
  text(field: string): string {
    const length = this.int4(field)
    const at = this.take(length, field)
    if (at < 0 || length === 0) return ''
    const text = readUtf8(this.bytes, at, at + length)
    if (text !== undefined) return text
    this.fail('not-utf8', { field, offset: at, message: `${field} is no UTF-8 text (octet ${at})` })
    return ''
  }

  /** How many items follow, each of at least `leastOctets`. */
  count(leastOctets: number, field: string): number {
    const offset = this.at
    const count = this.int4(field)
    if (count * leastOctets <= this.left) return count
    const message = `${field} are said to be ${count}, for which the ${this.left} octets left are too few (octet ${offset})`
    this.fail('too-many', { field, offset, message })
    return 0
  }

  /** Keeps to the next `length` octets; `leave` takes what this gives. */
  enter(length: number, field: string): number {
    const outerEnd = this.end
    if (length <= this.left) this.end = this.at + length
    else this.take(length, field)
    return outerEnd
  }

  /** What was left of the octets entered is passed over. */
  leave(outerEnd: number): void {
    if (this.found !== undefined) return
    this.at = this.end
    this.end = outerEnd
  }

  /** Whatever is left now should not be there. */
  mustEnd(what: string): void {
    if (this.left === 0) return
    const message = `${what} is followed by ${this.left} octets too many (octet ${this.at})`
    this.fail('left-over', { field: what, offset: this.at, message })
  }

  fail(reason: ByteFaultReason, { offset, field, message }: Omit<ByteFault, 'reason'>): void {
    this.found ??= { reason, offset, field, message }
    this.at = this.end
  }

  decoded<Value>(value: Value): Decoded<Value> {
    return this.found === undefined ? { ok: true, value } : { ok: false, ...this.found }
  }

  /** Where the next `octets` begin, which then count as read; -1 when so many are not there. */
  private take(octets: number, field: string): number {
    const start = this.at
    if (octets <= this.end - start) {
      this.at = start + octets
      return start
    }
    if (this.found === undefined) this.cutOff(octets, field)
    return -1
  }

  private cutOff(octets: number, field: string): void {
    const message = `${field} needs ${octets} octets and has ${this.left} (octet ${this.at})`
    this.fail('cut-off', { field, offset: this.at, message })
  }
}

export function uint32At(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}
