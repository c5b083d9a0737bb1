/**
 * Writes plain records as they are stored (stored-content.ts): the message StoredValues and, beside it, the message
 * Content, whose digest is taken. Values that are alike in all but their data are put together from ready octets
 * (codec-value.ts).
 */
import { hash } from 'node:crypto'
import { CONTENT_VALUES, DIGEST_OCTETS, VALUES } from './codec.js'
import type { ValueTail } from './codec-value.js'
import { LENGTH_OCTETS, type StoredContent } from './stored-content.js'

/** A text within `octets`, with the octets that come before it in its value. */
export interface PlainValue {
  readonly head: Uint8Array
  readonly from: number
  readonly to: number
}

/** Around a value's head and data: tags, lengths, TTL, permissions and time. */
export const VALUE_OVERHEAD_OCTETS = 48
const SLAB_OCTETS = 262_144
/** Up to here a loop in JavaScript beats the view that native code needs. */
const SHORT_COPY = 96
/** Beside the body. */
const AROUND_OCTETS = 2 * LENGTH_OCTETS + DIGEST_OCTETS
const NOTHING = Buffer.alloc(0)

export class PlainWriter {
  private slab = NOTHING
  private start = 0
  private at = 0
  /** The content is put together behind all that the body may take, and written over by the next record. */
  private contentStart = 0
  private contentAt = 0

  /** `mostOctets`: neither message will have more. */
  begin(contentHead: Uint8Array, mostOctets: number): void {
    const needed = 2 * mostOctets + AROUND_OCTETS
    // What was written stays with whoever holds it.
    if (this.at + needed > this.slab.length) {
      this.slab = Buffer.allocUnsafeSlow(Math.max(SLAB_OCTETS, needed))
      this.at = 0
    }
    this.start = this.at
    this.at += LENGTH_OCTETS
    this.contentStart = this.start + mostOctets + AROUND_OCTETS
    this.slab.set(contentHead, this.contentStart)
    this.contentAt = this.contentStart + contentHead.length
  }

  value(octets: Buffer, { head, from, to }: PlainValue, tail: ValueTail): void {
    const { slab } = this
    const data = to - from
    const upToTail = head.length + varintOctets(data) + data
    slab[this.at] = VALUES
    const valueAt = putVarint(slab, this.at + 1, upToTail + tail.octets.length)
    putOctets(slab, valueAt, head)
    const dataAt = putVarint(slab, valueAt + head.length, data)
    if (data > SHORT_COPY) octets.copy(slab, dataAt, from, to)
    else for (let place = 0; place < data; place += 1) slab[dataAt + place] = octets[from + place]!
    putOctets(slab, dataAt + data, tail.octets)
    this.at = dataAt + data + tail.octets.length

    const timeless = upToTail + tail.timelessOctets
    slab[this.contentAt] = CONTENT_VALUES
    const contentAt = putVarint(slab, this.contentAt + 1, timeless)
    slab.copyWithin(contentAt, valueAt, valueAt + timeless)
    this.contentAt = contentAt + timeless
  }

  finish(template: string): StoredContent {
    const { slab, start, at } = this
    const digest = hash('sha256', slab.subarray(this.contentStart, this.contentAt), 'binary')
    slab.writeUInt32BE(at - start - LENGTH_OCTETS, start)
    const digestAt = slab.writeUInt32BE(DIGEST_OCTETS, at)
    this.at = digestAt + slab.write(digest, digestAt, 'binary')
    return { template, octets: slab.subarray(start, this.at) }
  }
}

function putOctets(to: Buffer, at: number, octets: Uint8Array): void {
  for (let place = 0; place < octets.length; place += 1) to[at + place] = octets[place]!
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
