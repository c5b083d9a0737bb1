/**
 * Where each kept entry stands: a hash table with linear probing in one typed array, so that a million entries are nothing
 * to the garbage collector, and all that is known of a slot comes with one line of the processor's cache. Its size is fixed;
 * the cache evicts before it is too full.
 *
 *   slot  = hash place offset generation     ; 4 octets each
 *   place = uses segment                     ; 2 and 30 bits: ordinal of the segment + 1; 0 for a free slot
 */
const FULL_SHARE = 0.7
const WORDS = 4
const PLACE = 1
const OFFSET = 2
const GENERATION = 3
const SEGMENT_BITS = 30
const SEGMENT = 2 ** SEGMENT_BITS - 1

export class Slots {
  readonly #words: Uint32Array
  readonly #mask: number
  /** Entries it can take. */
  readonly capacity: number
  #count = 0

  /** @param slots a power of two */
  constructor(slots: number) {
    this.#words = new Uint32Array(slots * WORDS)
    this.#mask = slots - 1
    this.capacity = Math.floor(slots * FULL_SHARE)
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#words.byteLength
  }

  segmentOf(slot: number): number {
    return (this.#words[slot * WORDS + PLACE]! & SEGMENT) - 1
  }

  offsetOf(slot: number): number {
    return this.#words[slot * WORDS + OFFSET]!
  }

  /** The generation of change knowledge that the entry was last found valid in. */
  generationOf(slot: number): number {
    return this.#words[slot * WORDS + GENERATION]!
  }

  setGeneration(slot: number, generation: number): void {
    this.#words[slot * WORDS + GENERATION] = generation
  }

  /** How often the entry was used of late, 0 to 3. */
  usesOf(slot: number): number {
    return this.#words[slot * WORDS + PLACE]! >>> SEGMENT_BITS
  }

  setUses(slot: number, uses: number): void {
    const at = slot * WORDS + PLACE
    this.#words[at] = (this.#words[at]! & SEGMENT) | (uses << SEGMENT_BITS)
  }

  /** The first slot with this hash, from `from` on; -1 when there is no more. */
  find(hash: number, from = hash & this.#mask): number {
    const words = this.#words
    for (let slot = from & this.#mask; words[slot * WORDS + PLACE] !== 0; slot = (slot + 1) & this.#mask) {
      if (words[slot * WORDS] === hash) return slot
    }
    return -1
  }

  /** The slot of the entry that stands there; -1 when it is none any more. */
  findAt(hash: number, segment: number, offset: number): number {
    for (let slot = this.find(hash); slot >= 0; slot = this.find(hash, slot + 1)) {
      if (this.segmentOf(slot) === segment && this.offsetOf(slot) === offset) return slot
    }
    return -1
  }

  add(hash: number, segment: number, offset: number): number {
    const words = this.#words
    let slot = hash & this.#mask
    while (words[slot * WORDS + PLACE] !== 0) slot = (slot + 1) & this.#mask
    words[slot * WORDS] = hash
    words[slot * WORDS + PLACE] = segment + 1
    words[slot * WORDS + OFFSET] = offset
    this.#count += 1
    return slot
  }

  move(slot: number, segment: number, offset: number): void {
    const at = slot * WORDS + PLACE
    this.#words[at] = (this.#words[at]! & ~SEGMENT) | (segment + 1)
    this.#words[slot * WORDS + OFFSET] = offset
  }

  /** Entries behind it move up, or a search would end at the gap (Knuth 6.4, algorithm R). */
  remove(slot: number): void {
    const words = this.#words
    this.#count -= 1
    let gap = slot
    for (let next = (gap + 1) & this.#mask; words[next * WORDS + PLACE] !== 0; next = (next + 1) & this.#mask) {
      const fromHome = (next - (words[next * WORDS]! & this.#mask)) & this.#mask
      if (fromHome < ((next - gap) & this.#mask)) continue
      words.copyWithin(gap * WORDS, next * WORDS, (next + 1) * WORDS)
      gap = next
    }
    words[gap * WORDS + PLACE] = 0
  }

  clear(): void {
    this.#words.fill(0)
    this.#count = 0
  }
}
