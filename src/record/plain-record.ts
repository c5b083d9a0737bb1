/**
 * The short way of a record from its texts to what is stored: octets of UTF-8 are checked where they lie and copied into
 * their stored form, with no object or string in between. It takes only what is plainly right; a record that is wrong, or
 * might be, or is merely unusual, it leaves to draft.ts, which alone decides and words the faults. A test holds the two
 * to the same octets.
 *
 * One `PlainRecord` serves many records in turn: `begin`, the texts, `finish`. Whoever calls vouches that the octets are
 * UTF-8 and each text plain (plain-text.ts).
 */
import { kindFault } from './attribute-kinds.js'
import { encodeValueHead, encodeValueTail, type ValueTail } from './codec-value.js'
import { ANY_INDEX, type FreeColumn, type PlainShape, type Slot } from './plain-shape.js'
import { isPlainlyVisible, type Span, spanEquals } from './plain-text.js'
import { PlainWriter, VALUE_OVERHEAD_OCTETS } from './plain-writer.js'
import { DEFAULT_PERMISSIONS, DEFAULT_TTL_SECONDS } from './record.js'
import { isSecretType } from './secret.js'
import type { StoredContent } from './stored-content.js'
import { RESERVED_INDEXES } from './template.js'

/** Longer ones go the ordinary way: every bound on a record as a whole is then far away. */
export const MAX_PLAIN_OCTETS = 65_536
/** Slots of a shape, attributes of a record, free values of a record. */
const MAX_TEXTS = 64
const MAX_TYPE_OCTETS = 128
const PLAIN_TYPE = /^[\x20-\x7e]{1,128}$/
const NOTHING = Buffer.alloc(0)

interface FreeHead {
  readonly index: number
  readonly type: Buffer
  readonly head: Buffer
}

/** A text's place; `to` 0: it is nowhere. */
interface Text extends Span {
  head: Uint8Array
}

export class PlainRecord {
  private readonly writer = new PlainWriter()
  private octets: Buffer = NOTHING
  private tail: ValueTail = { octets: NOTHING, timelessOctets: 0 }
  private tailSeconds = -1
  private isPlain = true

  private readonly slots = texts()
  private readonly names = texts()
  private readonly named = texts()
  private nameCount = 0
  /** Of each shape, the slot that the n-th name had in the record before: most often it is the same again. */
  private readonly usualSlots = new WeakMap<PlainShape, Int32Array>()
  private readonly free = texts()
  private readonly freeHeads: FreeHead[] = []
  private freeCount = 0

  /** `nowSeconds` becomes the time of its values. */
  begin(octets: Buffer, nowSeconds: number): void {
    this.octets = octets
    this.isPlain = octets.length <= MAX_PLAIN_OCTETS
    for (const slot of this.slots) slot.to = 0
    this.nameCount = 0
    this.freeCount = 0
    if (nowSeconds === this.tailSeconds) return
    const times = { ttlSeconds: DEFAULT_TTL_SECONDS, permissions: DEFAULT_PERMISSIONS, timestampSeconds: nowSeconds }
    this.tail = encodeValueTail(times)
    this.tailSeconds = nowSeconds
  }

  /** The text of a slot, not empty; at most once for each. */
  fill(place: number, { from, to }: Span): void {
    const slot = this.slots[place]!
    slot.from = from
    slot.to = to
  }

  addAttribute(name: Span, text: Span): void {
    if (this.nameCount === MAX_TEXTS) this.isPlain = false
    else {
      copySpan(name, this.names[this.nameCount]!)
      copySpan(text, this.named[this.nameCount]!)
      this.nameCount += 1
    }
  }

  addFree(index: number, type: Span, data: Span): void {
    const place = this.freeCount
    if (place === MAX_TEXTS || !this.knowsHead(place, index, type)) this.isPlain = false
    else {
      copySpan(data, this.free[place]!)
      this.free[place]!.head = this.freeHeads[place]!.head
      this.freeCount += 1
    }
  }

  /** undefined: for draft.ts to judge. */
  finish(shape: PlainShape): StoredContent | undefined {
    if (!this.isPlain || shape.slots.length > MAX_TEXTS) return undefined
    if (!this.isFreeSound(shape) || !this.placeNamed(shape) || !this.areSlotsSound(shape)) return undefined
    const { writer, octets, tail } = this
    const values = this.freeCount + shape.slots.length
    const heads = shape.headOctets + this.freeCount * (MAX_TYPE_OCTETS + VALUE_OVERHEAD_OCTETS)
    writer.begin(shape.contentHead, octets.length + heads + values * VALUE_OVERHEAD_OCTETS)
    for (let place = 0; place < this.freeCount; place += 1) writer.value(octets, this.free[place]!, tail)
    for (let place = 0; place < shape.slots.length; place += 1) {
      const slot = this.slots[place]!
      if (slot.to !== 0) writer.value(octets, slot, tail)
    }
    return writer.finish(shape.template)
  }

  /** The head of the n-th free value: most often the same as in the record before. */
  private knowsHead(place: number, index: number, type: Span): boolean {
    const known = this.freeHeads[place]
    if (known !== undefined && known.index === index && spanEquals(this.octets, type, known.type)) return true
    const text = this.octets.toString('utf8', type.from, type.to)
    if (!isPlainFree({ index, type: text })) return false
    this.freeHeads[place] = { index, type: Buffer.from(text), head: encodeValueHead(index, text) }
    return true
  }

  private isFreeSound({ freeBelow }: PlainShape): boolean {
    for (let place = 0; place < this.freeCount; place += 1) {
      const { index } = this.freeHeads[place]!
      if (index >= freeBelow || (place > 0 && index <= this.freeHeads[place - 1]!.index)) return false
    }
    return true
  }

  private placeNamed(shape: PlainShape): boolean {
    const { slots } = shape
    const usual = this.usualSlotsOf(shape)
    for (let at = 0; at < this.nameCount; at += 1) {
      const name = this.names[at]!
      let place = usual[at]!
      if (!this.isNamed(slots[place], name)) {
        place = this.findSlot(slots, name)
        if (place < 0) return false
        usual[at] = place
      }
      if (this.slots[place]!.to !== 0) return false
      copySpan(this.named[at]!, this.slots[place]!)
    }
    return true
  }

  private usualSlotsOf(shape: PlainShape): Int32Array {
    const known = this.usualSlots.get(shape)
    if (known !== undefined) return known
    const usual = new Int32Array(MAX_TEXTS)
    this.usualSlots.set(shape, usual)
    return usual
  }

  private findSlot(slots: readonly Slot[], name: Span): number {
    return slots.findIndex((slot) => this.isNamed(slot, name))
  }

  private isNamed(slot: Slot | undefined, name: Span): boolean {
    return slot?.attribute !== undefined && spanEquals(this.octets, name, slot.name)
  }

  private areSlotsSound({ slots }: PlainShape): boolean {
    for (let place = 0; place < slots.length; place += 1) {
      const slot = slots[place]!
      const text = this.slots[place]!
      text.head = slot.head
      if (text.to === 0) {
        if (slot.attribute?.required) return false
      } else if (slot.attribute !== undefined && !this.suits(slot.attribute, text)) return false
    }
    return true
  }

  private suits({ kind, maxOctets }: NonNullable<Slot['attribute']>, text: Span): boolean {
    if (text.to - text.from > maxOctets) return false
    if (kind === 'text' && isPlainlyVisible(this.octets, text)) return true
    const decoded = this.octets.toString('utf8', text.from, text.to)
    return decoded.trim() !== '' && kindFault(kind, decoded) === undefined
  }
}

/** Whether index and type are plainly right for a free value of some record. */
export function isPlainFree({ index, type }: FreeColumn): boolean {
  const isPlainIndex = index >= 1 && index < ANY_INDEX && !RESERVED_INDEXES.includes(index)
  return isPlainIndex && PLAIN_TYPE.test(type) && !isSecretType(type)
}

function texts(): Text[] {
  return Array.from({ length: MAX_TEXTS }, () => ({ head: NOTHING, from: 0, to: 0 }))
}

function copySpan(from: Span, to: Span): void {
  to.from = from.from
  to.to = from.to
}
