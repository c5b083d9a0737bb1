import type { Clock } from '../../src/platform/clock.js'

export interface ManualClock extends Clock {
  advanceMs(milliseconds: number): void
  /** Wall time passes, monotonic time does not: what a suspended machine sees. */
  suspendMs(milliseconds: number): void
}

/** A clock that only the test moves. */
export function manualClock(startMs = 1_800_000_000_000): ManualClock {
  let monotonic = 1_000
  let wall = startMs
  return {
    monotonicMs: () => monotonic,
    nowMs: () => wall,
    advanceMs(milliseconds) {
      monotonic += milliseconds
      wall += milliseconds
    },
    suspendMs(milliseconds) {
      wall += milliseconds
    },
  }
}
