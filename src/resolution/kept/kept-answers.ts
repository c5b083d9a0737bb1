/**
 * Answers kept as bytes off the JavaScript heap, bounded in bytes, index included. What enters must first prove itself in
 * a small queue, so that a scan of identifiers nobody asks for twice cannot push out the ones in use.
 *
 *   put ──> small (a tenth) ──used twice──> main ──used since──> main again
 *             └─ else out, its hash remembered: soon asked for again, it enters main at once
 *
 * Source: S3-FIFO (Yang, Zhang, Qiu, Yue, Vinayak: FIFO queues are all you need for cache eviction, SOSP 2023). Both queues
 * are logs of segments: what leaves is the oldest segment, and what stays of it is copied to the end.
 */
import { randomInt } from 'node:crypto'
import type { Answer } from '../../record/answer.js'
import { encodeAnswer } from '../../record/codec.js'
import type { Face } from '../../record/face.js'
import {
  answerIn,
  copyEntry,
  ENTRY_HEAD_BYTES,
  type EntryParts,
  entryBytes,
  entryHash,
  entryIsAsked,
  entryIsOf,
  entrySize,
  entryStamp,
  entryVersion,
  FACE_HEAD_BYTES,
  placeFace,
  writeEntry,
} from './entry.js'
import { type FaceSearch, FOLDED } from './face-search.js'
import { type Queue, type Segment, Segments } from './segments.js'
import { Slots } from './slots.js'

export interface KeptAnswersOptions {
  readonly capacityBytes: number
  /** A guess; with smaller entries the index, which is made for so many, is full before the bytes are. */
  readonly meanEntryBytes: number
}

/** A kept answer, and the generation of change knowledge it was last found valid in. */
export interface Kept {
  readonly answer: Answer
  generation: number
}

/** What orders an answer against others of its key. */
export interface Standing {
  readonly version: number
  readonly stamp: number
  /** How often it was used of late, 0 to 3. */
  readonly uses: number
}

export interface KeptUsage {
  readonly entries: number
  /** Octets of answers and faces alone. */
  readonly payloadBytes: number
  /** Taken from the machine. */
  readonly bytes: number
}

const MAX_SEGMENT_BYTES = 256 * 1024
const SEGMENTS_AT_LEAST = 32
const SMALL_SHARE = 0.1
const MAX_ENTRY_SHARE = 0.125
const MAX_USES = 3
const USES_TO_STAY = 2
/** So many segments are looked through for entries out of use; then whatever is oldest goes, or one insertion could copy all. */
const SPARING_ROUNDS = 8

export class KeptAnswers {
  readonly #seed = randomInt(2 ** 32)
  readonly #slots: Slots
  readonly #segments: Segments
  /** Segments, the newest last. */
  readonly #queues: Readonly<Record<Queue, Segment[]>> = { small: [], main: [] }
  /** Hashes of what left the small queue of late; one place each, the newer takes it. */
  readonly #ghosts: Uint32Array
  readonly #dataBytes: number
  #payloadBytes = 0

  constructor({ capacityBytes, meanEntryBytes }: KeptAnswersOptions) {
    const slots = 2 ** Math.max(4, Math.ceil(Math.log2(capacityBytes / meanEntryBytes)))
    this.#slots = new Slots(slots)
    this.#ghosts = new Uint32Array(slots / 2)
    const segmentBytes = Math.min(MAX_SEGMENT_BYTES, Math.ceil(capacityBytes / SEGMENTS_AT_LEAST))
    this.#segments = new Segments(segmentBytes)
    // While the oldest segment is emptied, what stays of it needs a new one.
    this.#dataBytes = capacityBytes - this.#slots.bytes - this.#ghosts.byteLength - segmentBytes
  }

  usage(): KeptUsage {
    const bytes = this.#allocatedBytes() + this.#slots.bytes + this.#ghosts.byteLength
    return { entries: this.#slots.count, payloadBytes: this.#payloadBytes, bytes }
  }

  /** Counts as a use. */
  find(key: string): Kept | undefined {
    const slot = this.#slotOf(key)
    if (slot < 0) return undefined
    this.#used(slot)
    const segment = this.#segmentAt(slot)
    const at = this.#slots.offsetOf(slot)
    const keepFace = (face: Face, octets: string) => this.#addFace(key, { segment, at }, { id: face.id, octets })
    return new KeptEntry(answerIn(segment, at, { key, keepFace }), this.#slots, slot)
  }

  /** Whether there is such a face, and then where. Counts as a use. */
  findFace(search: FaceSearch): boolean {
    const hash = this.#hashOfOctets(search)
    const slots = this.#slots
    for (let slot = hash === 0 ? -1 : slots.find(hash); slot >= 0; slot = slots.find(hash, slot + 1)) {
      const segment = this.#segmentAt(slot)
      const at = slots.offsetOf(slot)
      if (!entryIsAsked(segment, at, search)) continue
      if (slots.generationOf(slot) !== search.generation || !placeFace(segment, at, search)) return false
      this.#used(slot)
      return true
    }
    return false
  }

  standing(key: string): Standing | undefined {
    const slot = this.#slotOf(key)
    if (slot < 0) return undefined
    const segment = this.#segmentAt(slot)
    const at = this.#slots.offsetOf(slot)
    return { version: entryVersion(segment, at), stamp: entryStamp(segment, at), uses: this.#slots.usesOf(slot) }
  }

  /** Takes the place of what is kept of this key. One that is out of proportion to the whole is not kept. */
  put(answer: Answer, generation: number, face?: EntryParts['face']): void {
    this.remove(answer.key)
    const hash = this.#hashOf(answer.key)
    const parts = { hash, answer, encoded: encodeAnswer(answer), face }
    const size = entryBytes(parts)
    if (size > this.#dataBytes * MAX_ENTRY_SHARE) return
    this.#evictWhile(() => this.#slots.count >= this.#slots.capacity)
    const isBack = this.#ghosts[this.#ghostOf(hash)] === hash
    const segment = this.#roomFor(size, isBack ? 'main' : 'small')
    const slot = this.#slots.add(hash, segment.ordinal, segment.used)
    this.#slots.setGeneration(slot, generation)
    writeEntry(segment, parts)
    this.#payloadBytes += size - ENTRY_HEAD_BYTES
  }

  remove(key: string): void {
    const slot = this.#slotOf(key)
    if (slot >= 0) this.#drop(slot)
  }

  clear(): void {
    this.#slots.clear()
    this.#segments.clear()
    this.#ghosts.fill(0)
    this.#queues.small.length = 0
    this.#queues.main.length = 0
    this.#payloadBytes = 0
  }

  #used(slot: number): void {
    const uses = this.#slots.usesOf(slot)
    if (uses < MAX_USES) this.#slots.setUses(slot, uses + 1)
  }

  #slotOf(key: string): number {
    const hash = this.#hashOf(key)
    const slots = this.#slots
    for (let slot = slots.find(hash); slot >= 0; slot = slots.find(hash, slot + 1)) {
      if (entryIsOf(this.#segmentAt(slot), slots.offsetOf(slot), key)) return slot
    }
    return -1
  }

  #segmentAt(slot: number): Segment {
    return this.#segments.at(this.#slots.segmentOf(slot))
  }

  #drop(slot: number): void {
    this.#payloadBytes -= entrySize(this.#segmentAt(slot), this.#slots.offsetOf(slot)) - ENTRY_HEAD_BYTES
    this.#slots.remove(slot)
  }

  /** The entry moves to where there is room for it and its face. Gone or replaced meanwhile, it gets none. */
  #addFace(key: string, from: { segment: Segment; at: number }, face: NonNullable<EntryParts['face']>): void {
    const { segment: source, at } = from
    const faceBytes = FACE_HEAD_BYTES + face.octets.length
    const size = entrySize(source, at) + faceBytes
    if (size > this.#dataBytes * MAX_ENTRY_SHARE) return
    const target = this.#roomFor(size, source.queue)
    // Looked for only now: making room may have moved it or thrown it out.
    const slot = this.#slotOf(key)
    if (slot < 0 || this.#segmentAt(slot) !== source || this.#slots.offsetOf(slot) !== at) return
    this.#slots.move(slot, target.ordinal, target.used)
    copyEntry(target, source, at, face)
    this.#payloadBytes += faceBytes
  }

  /** The queue's last segment, with room for so many octets. */
  #roomFor(size: number, queue: Queue): Segment {
    const last = this.#lastWithRoom(size, queue)
    if (last !== undefined) return last
    const opened = this.#segments.bytesFor(size)
    this.#evictWhile(() => this.#allocatedBytes() + opened > this.#dataBytes)
    return this.#append(size, queue)
  }

  #append(size: number, queue: Queue): Segment {
    const last = this.#lastWithRoom(size, queue)
    if (last !== undefined) return last
    const opened = this.#segments.open(queue, size)
    this.#queues[queue].push(opened)
    return opened
  }

  #lastWithRoom(size: number, queue: Queue): Segment | undefined {
    const last = this.#queues[queue].at(-1)
    return last !== undefined && last.bytes.length - last.used >= size ? last : undefined
  }

  #allocatedBytes(): number {
    return this.#segments.allocatedBytes('small') + this.#segments.allocatedBytes('main')
  }

  #evictWhile(isTooMuch: () => boolean): void {
    for (let round = 0; isTooMuch(); round += 1) {
      const { small, main } = this.#queues
      const isSmall = main.length === 0 || this.#segments.allocatedBytes('small') > this.#dataBytes * SMALL_SHARE
      const segment = (isSmall ? small : main).shift()
      if (segment === undefined) return
      this.#empty(segment, round < SPARING_ROUNDS)
    }
  }

  #empty(segment: Segment, isSparing: boolean): void {
    const usesToStay = isSparing ? (segment.queue === 'small' ? USES_TO_STAY : 1) : Number.POSITIVE_INFINITY
    for (let at = 0; at < segment.used; at += entrySize(segment, at)) this.#pass(segment, at, usesToStay)
    this.#segments.close(segment)
  }

  /** Decides about one entry of a segment that is being emptied. */
  #pass(segment: Segment, at: number, usesToStay: number): void {
    const hash = entryHash(segment, at)
    const slot = this.#slots.findAt(hash, segment.ordinal, at)
    if (slot < 0) return
    const isSmall = segment.queue === 'small'
    const uses = this.#slots.usesOf(slot)
    if (uses < usesToStay) {
      if (isSmall) this.#ghosts[this.#ghostOf(hash)] = hash
      this.#drop(slot)
      return
    }
    this.#slots.setUses(slot, isSmall ? 0 : uses - 1)
    const target = this.#append(entrySize(segment, at), 'main')
    this.#slots.move(slot, target.ordinal, target.used)
    copyEntry(target, segment, at)
  }

  #ghostOf(hash: number): number {
    return (hash >>> 8) & (this.#ghosts.length - 1)
  }

  /** Seeded, so that nobody can aim at a slot. Never 0: that is no ghost. */
  #hashOf(key: string): number {
    let hash = this.#seed
    for (let at = 0; at < key.length; at += 1) {
      hash = Math.imul(hash ^ key.charCodeAt(at), 0x5bd1e995)
      hash ^= hash >>> 15
    }
    return hash >>> 0 || 1
  }

  /** The same of a key as octets, with letters in whatever case; 0 when it is not ASCII. */
  #hashOfOctets({ key, keyStart, keyEnd }: FaceSearch): number {
    let hash = this.#seed
    let octets = 0
    for (let at = keyStart; at < keyEnd; at += 1) {
      const octet = key[at]!
      octets |= octet
      hash = Math.imul(hash ^ FOLDED[octet]!, 0x5bd1e995)
      hash ^= hash >>> 15
    }
    return octets > 0x7f ? 0 : hash >>> 0 || 1
  }
}

/** Valid until the next change of the table: its maker looks at it at once. */
class KeptEntry implements Kept {
  readonly answer: Answer
  readonly #slots: Slots
  readonly #slot: number

  constructor(answer: Answer, slots: Slots, slot: number) {
    this.answer = answer
    this.#slots = slots
    this.#slot = slot
  }

  get generation(): number {
    return this.#slots.generationOf(this.#slot)
  }

  set generation(generation: number) {
    this.#slots.setGeneration(this.#slot, generation)
  }
}
