/** Stops asking a service that keeps failing: during an outage nobody waits for its time-out. */
import type { Clock } from './clock.js'

export interface CircuitBreakerOptions {
  readonly clock: Clock
  /** Failures in a row that open it. */
  readonly failures: number
  /** How long it stays open; then one caller at a time may try. */
  readonly openMs: number
  /** Each try that fails doubles the time, up to this. Default `openMs`: it stays the same. */
  readonly maxOpenMs?: number
  readonly onOpen?: () => void
}

export interface CircuitBreaker {
  /** True when the service may be asked now; whoever was told so must report `succeeded` or `failed`. */
  tryEnter(): boolean
  succeeded(): void
  failed(): void
  isOpen(): boolean
}

export function circuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const { clock, failures, openMs, maxOpenMs = openMs, onOpen } = options
  let failedInARow = 0
  let openUntilMs: number | undefined
  let isTried = false
  let pauseMs = openMs

  return {
    tryEnter() {
      if (openUntilMs === undefined) return true
      if (clock.monotonicMs() < openUntilMs) return false
      // The one who tries; the next may when this one is overdue.
      openUntilMs = clock.monotonicMs() + pauseMs
      isTried = true
      return true
    },
    succeeded() {
      failedInARow = 0
      openUntilMs = undefined
      isTried = false
      pauseMs = openMs
    },
    failed() {
      failedInARow += 1
      if (failedInARow < failures) return
      const wasClosed = openUntilMs === undefined
      // Those that were under way when it opened say nothing new.
      if (isTried) pauseMs = Math.min(pauseMs * 2, maxOpenMs)
      isTried = false
      openUntilMs = clock.monotonicMs() + pauseMs
      if (wasClosed) onOpen?.()
    },
    isOpen: () => openUntilMs !== undefined && clock.monotonicMs() < openUntilMs,
  }
}
