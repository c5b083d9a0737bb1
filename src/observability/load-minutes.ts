/**
 * How much happened in each second, and how long it took: one row per minute, with the time of each extreme. A row holds
 * what a day's extremes and its busiest second are made of, and rows of several processes can be added up.
 */
export interface LoadMinute {
  /** Milliseconds since the epoch, a whole minute. */
  readonly minuteMs: number
  /** What happened in each of its 60 seconds. */
  readonly seconds: readonly number[]
  /** How many of them were timed, and how long those took together. */
  readonly timed: number
  readonly sumMs: number
  /** undefined: none was timed. */
  readonly fastest: Extreme | undefined
  readonly slowest: Extreme | undefined
}

export interface Extreme {
  readonly tookMs: number
  /** When it ended, in milliseconds since the epoch. */
  readonly atMs: number
}

const MINUTE_MS = 60_000
/** A day's: for so long the database may be away before the oldest go. */
const MAX_FINISHED = 1_440

interface Open {
  minuteMs: number
  readonly seconds: number[]
  timed: number
  sumMs: number
  minMs: number
  minAtMs: number
  maxMs: number
  maxAtMs: number
}

export class LoadMinutes {
  #open: Open | undefined
  #finished: LoadMinute[] = []
  #lost = 0

  /** Minutes that were given up because nobody took them for a day. */
  get lost(): number {
    return this.#lost
  }

  /** So much happened, which ended then. */
  note(atMs: number, count: number): void {
    const open = this.#at(atMs)
    open.seconds[Math.floor((atMs - open.minuteMs) / 1000)]! += count
  }

  /** How long one of what is noted took. */
  time(atMs: number, tookMs: number): void {
    const open = this.#at(atMs)
    open.timed += 1
    open.sumMs += tookMs
    if (tookMs < open.minMs) {
      open.minMs = tookMs
      open.minAtMs = atMs
    }
    if (tookMs > open.maxMs) {
      open.maxMs = tookMs
      open.maxAtMs = atMs
    }
  }

  /** All that was noted since the last time. */
  take(): readonly LoadMinute[] {
    this.#close()
    const taken = this.#finished
    this.#finished = []
    return taken
  }

  #at(atMs: number): Open {
    const open = this.#open
    const isOpen = open !== undefined && atMs >= open.minuteMs && atMs < open.minuteMs + MINUTE_MS
    return isOpen ? open : this.#turn(atMs)
  }

  #turn(atMs: number): Open {
    this.#close()
    const minuteMs = Math.floor(atMs / MINUTE_MS) * MINUTE_MS
    const seconds = new Array<number>(60).fill(0)
    this.#open = {
      minuteMs,
      seconds,
      timed: 0,
      sumMs: 0,
      minMs: Number.POSITIVE_INFINITY,
      minAtMs: 0,
      maxMs: -1,
      maxAtMs: 0,
    }
    return this.#open
  }

  #close(): void {
    if (this.#open === undefined) return
    const { minuteMs, seconds, timed, sumMs, minMs, minAtMs, maxMs, maxAtMs } = this.#open
    const isTimed = timed > 0
    this.#finished.push({
      minuteMs,
      seconds,
      timed,
      sumMs,
      fastest: isTimed ? { tookMs: minMs, atMs: minAtMs } : undefined,
      slowest: isTimed ? { tookMs: maxMs, atMs: maxAtMs } : undefined,
    })
    this.#open = undefined
    if (this.#finished.length <= MAX_FINISHED) return
    this.#finished.shift()
    this.#lost += 1
  }
}
