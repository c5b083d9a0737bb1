/**
 * What the lab records: every request and its answer, on one clock (`performance.now()` of the lab's process).
 * A read's time is when it was about to be sent, an acknowledgement's when its answer had been read: both err in favour of
 * the node by less than the lab's own delays, so a complaint is never the lab's fault.
 */

/** How an identifier is answered; `unanswered` is an error, a time-out or a lost connection. */
export type Outcome = 'found' | 'withdrawn' | 'absent' | 'unanswered'

/** One request of a reader; a retry is a row of its own. */
export interface Read {
  readonly startedAtMs: number
  readonly endedAtMs: number
  /** When the reader first asked: earlier than `startedAtMs` for a retry. */
  readonly askedAtMs: number
  readonly key: number
  /** Who asks: one reader, one request at a time. */
  readonly session: number
  readonly node: number
  /** Which process of the node: counts its starts. */
  readonly incarnation: number
  readonly outcome: Outcome
  /** Why it is unanswered: `timeout`, `connection`, `status 503`; else ''. */
  readonly failure: string
  /** 0 for absent, and for a withdrawal that a batch tells of by its reason only (withdrawals.ts). */
  readonly version: number
  /** Number of the write whose content the answer shows; 0 when there is none. */
  readonly content: number
  readonly isStale: boolean
  readonly isRetry: boolean
  /** One of many in a request: its time says little. */
  readonly isOfBatch: boolean
  /** What the token or minVersion sent along demands; 0 without one. */
  readonly minVersion: number
}

/** One write with all its tries. */
export interface Write {
  /** From 1 on. Its number stands in what it writes, so every version tells whose it is. */
  readonly number: number
  readonly key: number
  readonly intent: 'register' | 'amend' | 'withdraw'
  /** Acknowledged only once it shows everywhere. */
  readonly waits: boolean
  readonly idempotencyKey: string | undefined
  /** Number of the request that carried it together with others; undefined when it went alone. */
  readonly batch?: number
  readonly startedAtMs: number
  tries: number
  result: WriteResult
}

export type WriteResult =
  | { readonly kind: 'acknowledged'; readonly atMs: number; readonly receipt: WriteReceipt }
  /** The node said that it did nothing. */
  | { readonly kind: 'refused'; readonly status: number }
  /** No answer: it may have happened, or may yet. */
  | { readonly kind: 'unknown'; readonly failure: string }

export interface WriteReceipt {
  readonly outcome: 'created' | 'replaced' | 'unchanged' | 'withdrawn'
  readonly version: number
  /** Hexadecimal; null for a withdrawal. */
  readonly digest: string | null
  readonly token: string
  readonly node: number
  readonly incarnation: number
}

export interface FaultSpan {
  readonly text: string
  readonly startedAtMs: number
  endedAtMs: number
}

/** A version as it is in the registry at the end. */
export interface StoredVersion {
  readonly version: number
  readonly state: 'registered' | 'withdrawn'
  readonly digest: string | null
  readonly content: number
}

/** Everything the checkers look at. */
export interface Evidence {
  readonly boundMs: number
  /** Spelling by number of the key. */
  readonly keys: readonly string[]
  /** Keys below this number were registered before the storm, and are never unknown. */
  readonly registeredFirst: number
  readonly reads: Iterable<Read>
  readonly writes: readonly Write[]
  readonly faults: readonly FaultSpan[]
  /** By number of the key, versions from 1 on. */
  readonly stored: ReadonlyMap<number, readonly StoredVersion[]>
}

const OUTCOMES: readonly Outcome[] = ['found', 'withdrawn', 'absent', 'unanswered']
const SMALLS = 6
const STALE = 1
const RETRY = 2
const OF_BATCH = 4

/** A million reads in some forty megabytes: a column a field, each in one typed array that grows. */
export class ReadLog {
  #capacity = 2 ** 16
  #length = 0
  readonly #failures = ['']
  #times = new Float64Array(this.#capacity * 3)
  #numbers = new Uint32Array(this.#capacity * 4)
  #smalls = new Uint16Array(this.#capacity * SMALLS)

  get length(): number {
    return this.#length
  }

  add(read: Read): void {
    if (this.#length === this.#capacity) this.#grow()
    const at = this.#length
    this.#length += 1
    this.#times.set([read.startedAtMs, read.endedAtMs, read.askedAtMs], at * 3)
    this.#numbers.set([read.key, read.version, read.content, read.minVersion], at * 4)
    const flags = (read.isStale ? STALE : 0) | (read.isRetry ? RETRY : 0) | (read.isOfBatch ? OF_BATCH : 0)
    const { session, node, incarnation } = read
    const [outcome, failure] = [OUTCOMES.indexOf(read.outcome), this.#numberOf(read.failure)]
    this.#smalls.set([session, node, incarnation, outcome, flags, failure], at * SMALLS)
  }

  *[Symbol.iterator](): Generator<Read> {
    for (let at = 0; at < this.#length; at += 1) yield this.#read(at)
  }

  #read(at: number): Read {
    const [times, numbers, smalls] = [this.#times, this.#numbers, this.#smalls]
    const flags = smalls[at * SMALLS + 4]!
    return {
      startedAtMs: times[at * 3]!,
      endedAtMs: times[at * 3 + 1]!,
      askedAtMs: times[at * 3 + 2]!,
      key: numbers[at * 4]!,
      version: numbers[at * 4 + 1]!,
      content: numbers[at * 4 + 2]!,
      minVersion: numbers[at * 4 + 3]!,
      session: smalls[at * SMALLS]!,
      node: smalls[at * SMALLS + 1]!,
      incarnation: smalls[at * SMALLS + 2]!,
      outcome: OUTCOMES[smalls[at * SMALLS + 3]!]!,
      failure: this.#failures[smalls[at * SMALLS + 5]!]!,
      isStale: (flags & STALE) !== 0,
      isRetry: (flags & RETRY) !== 0,
      isOfBatch: (flags & OF_BATCH) !== 0,
    }
  }

  #numberOf(failure: string): number {
    const known = this.#failures.indexOf(failure)
    return known >= 0 ? known : this.#failures.push(failure) - 1
  }

  #grow(): void {
    this.#capacity *= 2
    const [times, numbers, smalls] = [this.#times, this.#numbers, this.#smalls]
    this.#times = new Float64Array(this.#capacity * 3)
    this.#numbers = new Uint32Array(this.#capacity * 4)
    this.#smalls = new Uint16Array(this.#capacity * SMALLS)
    this.#times.set(times)
    this.#numbers.set(numbers)
    this.#smalls.set(smalls)
  }
}
