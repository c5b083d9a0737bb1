/**
 * Writes plain records: the message StoredValues and, beside it, the message Content, whose digest is taken. Values that
 * are alike in all but their data are put together from ready octets (codec-value.ts).
 */
import { hash } from 'node:crypto'
import { CONTENT_VALUES, DIGEST_OCTETS, VALUES } from './codec.js'
import type { ValueTail } from './codec-value.js'

export interface PlainContent {
  readonly template: string
  /** Both are views of memory that many records share. */
  readonly body: Buffer
  readonly digest: Buffer
}

/** A text within `octets`, with the octets that come before it in its value. */
export interface PlainValue {
  readonly head: Uint8Array
  readonly from: number
  readonly to: number
}

/** Around a value's head and data: tags, lengths, TTL, permissions and time. */
export const VALUE_OVERHEAD_OCTETS = 48
const SLAB_OCTETS = 262_144
/** Up to here a loop in JavaScript beats the call into native code. */
const SHORT_COPY = 48
const NOTHING = Buffer.alloc(0)

export class PlainWriter {
  private slab = NOTHING
  private start = 0
  private at = 0
  private content = NOTHING
  private contentAt = 0

  /** `mostOctets`: no more will be written until `finish`. */
  begin(contentHead: Uint8Array, mostOctets: number): void {
    const needed = mostOctets + DIGEST_OCTETS
    // What was written stays with whoever holds it.
    if (this.at + needed > this.slab.length) {
      this.slab = Buffer.allocUnsafeSlow(Math.max(SLAB_OCTETS, needed))
      this.at = 0
    }
    if (needed > this.content.length) this.content = Buffer.allocUnsafeSlow(needed * 2)
    this.start = this.at
    this.content.set(contentHead, 0)
    this.contentAt = contentHead.length
  }

  value(octets: Buffer, { head, from, to }: PlainValue, tail: ValueTail): void {
    const { slab, content } = this
    const data = to - from
    const upToTail = head.length + varintOctets(data) + data
    slab[this.at] = VALUES
    const valueAt = putVarint(slab, this.at + 1, upToTail + tail.octets.length)
    copyShort(head, slab, valueAt)
    const dataAt = putVarint(slab, valueAt + head.length, data)
    if (data > SHORT_COPY) octets.copy(slab, dataAt, from, to)
    else for (let place = 0; place < data; place += 1) slab[dataAt + place] = octets[from + place]!
    copyShort(tail.octets, slab, dataAt + data)
    this.at = dataAt + data + tail.octets.length

    const timeless = upToTail + tail.timelessOctets
    content[this.contentAt] = CONTENT_VALUES
    const contentAt = putVarint(content, this.contentAt + 1, timeless)
    slab.copy(content, contentAt, valueAt, valueAt + timeless)
    this.contentAt = contentAt + timeless
  }

  finish(template: string): PlainContent {
    const { slab, start, at } = this
    const digest = hash('sha256', this.content.subarray(0, this.contentAt), 'binary')
    this.at += slab.write(digest, at, 'binary')
    return { template, body: slab.subarray(start, at), digest: slab.subarray(at, this.at) }
  }
}

function copyShort(octets: Uint8Array, to: Buffer, at: number): void {
  if (octets.length > SHORT_COPY) to.set(octets, at)
  else for (let place = 0; place < octets.length; place += 1) to[at + place] = octets[place]!
}

function putVarint(to: Buffer, at: number, value: number): number {
  let rest = value
  let end = at
  for (; rest > 0x7f; rest >>>= 7) to[end++] = (rest & 0x7f) | 0x80
  to[end++] = rest
  return end
}

function varintOctets(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  return 3
}
