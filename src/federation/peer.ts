/**
 * Another node as this one knows it: whether it may be asked now, for how long to wait for it, and what came of it so far.
 *
 * A node that fails a few times in a row is left alone for a second, then for twice as long each time, up to five minutes;
 * one request at a time finds out whether it is back. Requests that were under way together and fail together are one
 * failure: a node that was slow for a moment is not one that is away, and is given more time the next time. How many requests
 * it gets at once is bounded, and so is how many wait.
 * A probe passes all that: there is one now and then, and nobody would know how a node is that is never asked.
 */
import { type CircuitBreaker, circuitBreaker } from '../platform/circuit-breaker.js'
import type { Clock } from '../platform/clock.js'
import { messageOf, NodeError } from '../platform/errors.js'

export interface PeerLimits {
  /** Requests under way at once; twice as many may wait. */
  readonly maxConcurrent: number
}

export type Purpose = 'lookup' | 'probe'

/** One request to the node. Must be ended, and ends once: each tells whether this was its end. */
export interface Exchange {
  /** It said something: that counts, whatever it said. */
  answered(): boolean
  /** It said nothing, or a lie. */
  failed(error: unknown): boolean
  /** Nobody wants the answer any more. */
  abandoned(): boolean
}

export interface PeerState {
  /** Where it is: `tcp://203.0.113.9:2641`. */
  readonly peer: string
  /** `unknown`: never asked; `failing`: left alone for a while. */
  readonly state: 'unknown' | 'up' | 'down' | 'failing'
  readonly requests: number
  readonly failures: number
  /** Not sent, since it fails or has too much to do. */
  readonly refused: number
  readonly inFlight: number
  readonly waiting: number
  /** Smoothed; undefined: it has never answered. */
  readonly latencyMs: number | undefined
  readonly lastAnswerAtMs: number | undefined
  readonly lastError: { readonly atMs: number; readonly message: string } | undefined
}

const FAILURES_IN_A_ROW = 3
const LEAST_PAUSE_MS = 1_000
const MAX_PAUSE_MS = 300_000
const QUEUE_PER_SLOT = 2
const LEAST_TIMEOUT_MS = 200
const MAX_TIMEOUT_MS = 800
const MAX_ERROR_LENGTH = 300
const MAX_WAITS = 8

export class Peer {
  readonly name: string
  private readonly clock: Clock
  private readonly limits: PeerLimits
  private readonly breaker: CircuitBreaker
  private readonly waiting: (() => void)[] = []
  private readonly latency = new SmoothedLatency()
  private inFlight = 0
  private requests = 0
  private failures = 0
  private refused = 0
  private isDown: boolean | undefined
  private lastAnswerAtMs: number | undefined
  private lastError: PeerState['lastError']
  private failedAtMs = Number.NEGATIVE_INFINITY

  constructor(name: string, limits: PeerLimits, clock: Clock) {
    this.name = name
    this.limits = limits
    this.clock = clock
    const pauses = { openMs: LEAST_PAUSE_MS, maxOpenMs: MAX_PAUSE_MS }
    this.breaker = circuitBreaker({ clock, failures: FAILURES_IN_A_ROW, ...pauses })
  }

  /** Waits for its turn. @throws NodeError `authority-unavailable` while it fails, `overloaded` when too many wait */
  async enter(waitMs: number, purpose: Purpose = 'lookup'): Promise<Exchange> {
    if (purpose === 'probe') {
      this.inFlight += 1
      this.requests += 1
      return this.exchange()
    }
    // Whoever has waited is given the place of the one before.
    if (this.inFlight >= this.limits.maxConcurrent) await this.turn(waitMs)
    else this.inFlight += 1
    if (!this.breaker.tryEnter()) {
      this.refused += 1
      this.leave()
      throw new NodeError('authority-unavailable', `${this.name} is left alone for a while: ${this.lastFailure()}`)
    }
    this.requests += 1
    return this.exchange()
  }

  /** How long to wait for it, where others could be asked, too. */
  timeoutMs(leftMs: number): number {
    const usualMs = this.latency.boundMs() ?? MAX_TIMEOUT_MS
    return Math.min(leftMs, Math.max(LEAST_TIMEOUT_MS, Math.min(MAX_TIMEOUT_MS, usualMs)))
  }

  /** When it is late, for its kind. */
  hedgeAfterMs(): number {
    return Math.min(MAX_TIMEOUT_MS / 2, Math.max(20, this.latency.lateMs() ?? LEAST_TIMEOUT_MS))
  }

  state(): PeerState {
    const { name, requests, failures, refused, inFlight, lastAnswerAtMs, lastError } = this
    const state = this.breaker.isOpen()
      ? 'failing'
      : this.isDown === undefined
        ? 'unknown'
        : this.isDown
          ? 'down'
          : 'up'
    const counts = { requests, failures, refused, inFlight, waiting: this.waiting.length }
    return { peer: name, state, ...counts, latencyMs: this.latency.meanMs(), lastAnswerAtMs, lastError }
  }

  private exchange(): Exchange {
    const startedMs = this.clock.monotonicMs()
    let isOver = false
    const once = (end: () => void) => () => {
      if (isOver) return false
      isOver = true
      end()
      this.leave()
      return true
    }
    return {
      answered: once(() => this.noteAnswer(this.clock.monotonicMs() - startedMs)),
      failed: (error) => once(() => this.noteFailure(error, startedMs))(),
      abandoned: once(() => undefined),
    }
  }

  private noteAnswer(tookMs: number): void {
    this.latency.note(tookMs)
    this.breaker.succeeded()
    this.isDown = false
    this.lastAnswerAtMs = this.clock.nowMs()
  }

  private noteFailure(error: unknown, startedMs: number): void {
    this.failures += 1
    this.isDown = true
    this.lastError = { atMs: this.clock.nowMs(), message: messageOf(error).slice(0, MAX_ERROR_LENGTH) }
    if (startedMs < this.failedAtMs) return
    this.failedAtMs = this.clock.monotonicMs()
    if (this.failedAtMs - startedMs >= LEAST_TIMEOUT_MS) this.latency.noteLate()
    this.breaker.failed()
  }

  private turn(waitMs: number): Promise<void> {
    if (this.waiting.length >= this.limits.maxConcurrent * QUEUE_PER_SLOT) {
      this.refused += 1
      throw new NodeError('overloaded', `${this.waiting.length} requests wait for ${this.name} already.`, {
        retryAfterSeconds: 1,
      })
    }
    return new Promise((resolve, reject) => {
      const begin = () => {
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(begin), 1)
        reject(new NodeError('authority-unavailable', `${this.name} has too much to do for the time that is left.`))
      }, waitMs)
      this.waiting.push(begin)
    })
  }

  private leave(): void {
    // A probe takes a place beyond the bound, and leaves it to nobody.
    const next = this.inFlight > this.limits.maxConcurrent ? undefined : this.waiting.shift()
    if (next === undefined) this.inFlight -= 1
    else next()
  }

  private lastFailure(): string {
    return this.lastError?.message ?? 'it does not answer.'
  }
}

/** Mean and deviation as TCP keeps them, and longer waits after one in vain. Source: RFC 6298 §2, §5.5. */
class SmoothedLatency {
  private mean: number | undefined
  private deviation = 0
  private waits = 1

  note(tookMs: number): void {
    this.waits = 1
    if (this.mean === undefined) {
      this.mean = tookMs
      this.deviation = tookMs / 2
      return
    }
    this.deviation += (Math.abs(tookMs - this.mean) - this.deviation) / 4
    this.mean += (tookMs - this.mean) / 8
  }

  noteLate(): void {
    this.waits = Math.min(this.waits * 2, MAX_WAITS)
  }

  meanMs(): number | undefined {
    return this.mean
  }

  /** About one answer in twenty is later. */
  lateMs(): number | undefined {
    return this.mean === undefined ? undefined : this.mean + 2 * this.deviation
  }

  /** Beyond what is to be expected of it. */
  boundMs(): number | undefined {
    return this.mean === undefined
      ? undefined
      : Math.max(LEAST_TIMEOUT_MS, 3 * (this.mean + 4 * this.deviation)) * this.waits
  }
}
