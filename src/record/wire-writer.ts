/** Writes messages in the protobuf wire format (wire.ts), fields in the order they are given. */
import { hasUtf8 } from '../platform/utf8.js'
import { RecordCodecError } from './wire.js'

const INITIAL_OCTETS = 64 * 1024
/** A bigger buffer is let go after use: one large message must not cost its size for ever. */
const MAX_KEPT_OCTETS = 1024 * 1024
/** Up to here a loop in JavaScript beats the call into native code. */
const SHORT_TEXT = 40

/** Writes one message at a time into a buffer of its own. */
export class WireWriter {
  private bytes = Buffer.allocUnsafeSlow(INITIAL_OCTETS)
  private at = 0

  /** Forgets what an earlier, failed message left behind. */
  begin(): this {
    this.at = 0
    return this
  }

  /** A copy of the message written. */
  finish(): Buffer {
    const message = Buffer.allocUnsafe(this.at)
    this.bytes.copy(message, 0, 0, this.at)
    if (this.bytes.length > MAX_KEPT_OCTETS) this.bytes = Buffer.allocUnsafeSlow(INITIAL_OCTETS)
    return message
  }

  /** Left out when 0, as proto3 does. */
  number(tag: number, value: number): void {
    if (value !== 0) this.presentNumber(tag, value)
  }

  presentNumber(tag: number, value: number): void {
    this.reserve(11)
    this.bytes[this.at++] = tag
    this.varint(value)
  }

  /** Left out when empty, as proto3 does. */
  text(tag: number, text: string): void {
    if (text !== '') this.presentText(tag, text)
  }

  presentText(tag: number, text: string): void {
    const { length } = text
    this.reserve(length * 3 + 11)
    this.bytes[this.at++] = tag
    if (length > SHORT_TEXT || !this.shortAscii(text)) this.anyText(text)
  }

  octets(tag: number, octets: Uint8Array): void {
    this.reserve(octets.length + 11)
    this.bytes[this.at++] = tag
    this.varint(octets.length)
    this.bytes.set(octets, this.at)
    this.at += octets.length
  }

  /** Octets that are fields already, one straight after the other; all get this tag of one octet in place of their own. */
  fields(tag: number, bytes: Uint8Array): void {
    this.reserve(bytes.length)
    const { bytes: target, at: start } = this
    target.set(bytes, start)
    this.at = start + bytes.length
    if (bytes[0] === tag) return
    for (let at = start; at < this.at; ) {
      target[at++] = tag
      let length = 0
      let scale = 1
      for (let octet = 0x80; octet >= 0x80; scale *= 0x80) {
        octet = target[at++]!
        length += (octet & 0x7f) * scale
      }
      at += length
    }
  }

  /** Begins a message within the message; `close` takes what this gives. */
  open(tag: number): number {
    this.reserve(2)
    this.bytes[this.at++] = tag
    return ++this.at
  }

  close(start: number): void {
    const length = this.at - start
    if (length < 0x80) {
      this.bytes[start - 1] = length
      return
    }
    // One octet was kept for the length: make room for the rest.
    this.reserve(9)
    const more = varintOctets(length) - 1
    this.bytes.copyWithin(start + more, start, this.at)
    this.at = start - 1
    this.varint(length)
    this.at += length
  }

  private shortAscii(text: string): boolean {
    const { bytes, at } = this
    const { length } = text
    for (let position = 0; position < length; position++) {
      const unit = text.charCodeAt(position)
      if (unit > 0x7f) return false
      bytes[at + 1 + position] = unit
    }
    bytes[at] = length
    this.at = at + 1 + length
    return true
  }

  private anyText(text: string): void {
    const octets = Buffer.byteLength(text)
    const ascii = octets === text.length
    if (!ascii && !hasUtf8(text)) {
      throw new RecordCodecError('text with a lone surrogate has no UTF-8 form')
    }
    this.varint(octets)
    this.at += this.bytes.write(text, this.at, ascii ? 'latin1' : 'utf8')
  }

  private varint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RecordCodecError(`${value} is no number of 0 to 2^53 - 1`)
    const { bytes } = this
    let rest = value
    while (rest > 0x7fffffff) {
      bytes[this.at++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    while (rest > 0x7f) {
      bytes[this.at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    bytes[this.at++] = rest
  }

  private reserve(octets: number): void {
    const needed = this.at + octets
    if (needed <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2))
    this.bytes.copy(larger, 0, 0, this.at)
    this.bytes = larger
  }
}

function varintOctets(value: number): number {
  let octets = 1
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) octets += 1
  return octets
}
