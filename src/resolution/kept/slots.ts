/**
 * Where each kept entry stands: a hash table with linear probing in typed arrays, so that a million entries are nothing
 * to the garbage collector. Its size is fixed; the cache evicts before it is too full.
 */
const FULL_SHARE = 0.7
const BYTES_PER_SLOT = 4 + 4 + 4 + 4 + 1

export class Slots {
  readonly #hash: Uint32Array
  /** Ordinal of the segment + 1; 0 for a free slot. */
  readonly #segment: Uint32Array
  readonly #offset: Uint32Array
  readonly #mask: number
  /** By slot: the generation of change knowledge that the entry was last found valid in. */
  readonly generation: Uint32Array
  /** By slot: how often the entry was used of late, 0 to 3. */
  readonly uses: Uint8Array
  /** Entries it can take. */
  readonly capacity: number
  #count = 0

  /** @param slots a power of two */
  constructor(slots: number) {
    this.#hash = new Uint32Array(slots)
    this.#segment = new Uint32Array(slots)
    this.#offset = new Uint32Array(slots)
    this.generation = new Uint32Array(slots)
    this.uses = new Uint8Array(slots)
    this.#mask = slots - 1
    this.capacity = Math.floor(slots * FULL_SHARE)
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#hash.length * BYTES_PER_SLOT
  }

  segmentOf(slot: number): number {
    return this.#segment[slot]! - 1
  }

  offsetOf(slot: number): number {
    return this.#offset[slot]!
  }

  /** The first slot with this hash, from `from` on; -1 when there is no more. */
  find(hash: number, from = hash & this.#mask): number {
    for (let slot = from & this.#mask; this.#segment[slot] !== 0; slot = (slot + 1) & this.#mask) {
      if (this.#hash[slot] === hash) return slot
    }
    return -1
  }

  /** The slot of the entry that stands there; -1 when it is none any more. */
  findAt(hash: number, segment: number, offset: number): number {
    for (let slot = this.find(hash); slot >= 0; slot = this.find(hash, slot + 1)) {
      if (this.#segment[slot] === segment + 1 && this.#offset[slot] === offset) return slot
    }
    return -1
  }

  add(hash: number, segment: number, offset: number): number {
    let slot = hash & this.#mask
    while (this.#segment[slot] !== 0) slot = (slot + 1) & this.#mask
    this.#hash[slot] = hash
    this.#count += 1
    this.uses[slot] = 0
    this.move(slot, segment, offset)
    return slot
  }

  move(slot: number, segment: number, offset: number): void {
    this.#segment[slot] = segment + 1
    this.#offset[slot] = offset
  }

  /** Entries behind it move up, or a search would end at the gap (Knuth 6.4, algorithm R). */
  remove(slot: number): void {
    this.#count -= 1
    let gap = slot
    for (let next = (gap + 1) & this.#mask; this.#segment[next] !== 0; next = (next + 1) & this.#mask) {
      const fromHome = (next - (this.#hash[next]! & this.#mask)) & this.#mask
      if (fromHome < ((next - gap) & this.#mask)) continue
      this.#copy(next, gap)
      gap = next
    }
    this.#segment[gap] = 0
  }

  clear(): void {
    this.#segment.fill(0)
    this.#count = 0
  }

  #copy(from: number, to: number): void {
    this.#hash[to] = this.#hash[from]!
    this.#segment[to] = this.#segment[from]!
    this.#offset[to] = this.#offset[from]!
    this.generation[to] = this.generation[from]!
    this.uses[to] = this.uses[from]!
  }
}
