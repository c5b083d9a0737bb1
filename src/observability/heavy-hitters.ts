/**
 * The names that come most often among any number of names, counted in bounded room.
 *
 * At most 2 × capacity counters. When another would be needed, the count of rank capacity + 1 is taken from all of them,
 * and those with nothing left go. Each time that takes at least capacity + 1 times that count from what was counted, so
 * what was taken in all, `error`, is at most total / (capacity + 1). Of every name:
 *
 *   count <= true count <= count + error            ; one that has no counter: count 0
 *
 * The same holds of sums of several (`merge`). Source: Misra and Gries, Finding repeated elements (1982); taking by rank,
 * and so rarely: Anderson et al., A high-performance algorithm for identifying frequent items in data streams (2017).
 */
export interface Tally {
  readonly name: string
  readonly count: number
}

/** What can be stored, and merged again. */
export interface HittersState {
  readonly total: number
  readonly error: number
  readonly counts: readonly (readonly [name: string, count: number])[]
}

interface Counter {
  readonly name: string
  count: number
}

export class HeavyHitters {
  readonly capacity: number
  readonly #counters = new Map<string, Counter>()
  /** Of the name that came last: often it comes again. */
  #last: Counter | undefined
  #total = 0
  #error = 0

  constructor(capacity: number) {
    this.capacity = capacity
  }

  /** Of all that was added, whatever its name. */
  get total(): number {
    return this.#total
  }

  /** No count falls short of the true one by more. */
  get error(): number {
    return this.#error
  }

  get size(): number {
    return this.#counters.size
  }

  add(name: string, count = 1): void {
    this.#total += count
    this.#raise(name, count)
  }

  merge({ total, error, counts }: HittersState): void {
    this.#total += total
    this.#error += error
    for (const [name, count] of counts) this.#raise(name, count)
  }

  /** The largest first; of equal ones, in the order of names. */
  top(limit: number): readonly Tally[] {
    return Array.from(this.#counters.values(), ({ name, count }) => ({ name, count }))
      .sort((one, other) => other.count - one.count || (one.name < other.name ? -1 : 1))
      .slice(0, limit)
  }

  state(): HittersState {
    return {
      total: this.#total,
      error: this.#error,
      counts: Array.from(this.#counters.values(), ({ name, count }) => [name, count] as const),
    }
  }

  #raise(name: string, count: number): void {
    if (this.#last?.name !== name) this.#last = this.#counterOf(name)
    this.#last.count += count
  }

  #counterOf(name: string): Counter {
    const known = this.#counters.get(name)
    if (known !== undefined) return known
    if (this.#counters.size >= 2 * this.capacity) this.#makeRoom()
    const counter = { name, count: 0 }
    this.#counters.set(name, counter)
    return counter
  }

  #makeRoom(): void {
    const byRank = Array.from(this.#counters.values(), ({ count }) => count).sort((one, other) => other - one)
    const taken = byRank[this.capacity]!
    this.#error += taken
    for (const counter of this.#counters.values()) {
      counter.count -= taken
      if (counter.count <= 0) this.#counters.delete(counter.name)
    }
  }
}
