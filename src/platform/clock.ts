/** Time as an argument. Durations and deadlines use the monotonic clock, dates the wall clock. */
export interface Clock {
  /** Monotonic milliseconds with a fraction; never goes back, means nothing outside this process. */
  monotonicMs(): number
  /** Wall-clock milliseconds since the epoch. */
  nowMs(): number
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  nowMs: () => Date.now(),
}
