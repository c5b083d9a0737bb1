/** Stops asking a service that keeps failing: during an outage nobody waits for its time-out. */
import type { Clock } from './clock.js'

export interface CircuitBreakerOptions {
  readonly clock: Clock
  /** Failures in a row that open it. */
  readonly failures: number
  /** How long it stays open; then one caller at a time may try. */
  readonly openMs: number
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
  const { clock, failures, openMs, onOpen } = options
  let failedInARow = 0
  let openUntilMs: number | undefined

  return {
    tryEnter() {
      if (openUntilMs === undefined) return true
      if (clock.monotonicMs() < openUntilMs) return false
      // The one who tries; the next may when this one is overdue.
      openUntilMs = clock.monotonicMs() + openMs
      return true
    },
    succeeded() {
      failedInARow = 0
      openUntilMs = undefined
    },
    failed() {
      failedInARow += 1
      if (failedInARow < failures) return
      const wasClosed = openUntilMs === undefined
      openUntilMs = clock.monotonicMs() + openMs
      if (wasClosed) onOpen?.()
    },
    isOpen: () => openUntilMs !== undefined && clock.monotonicMs() < openUntilMs,
  }
}
