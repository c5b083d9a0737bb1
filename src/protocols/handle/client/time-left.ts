/** What is left of a call's time, by the monotonic clock. */

/** Timers count whole milliseconds and may end one early: what they leave is time for nobody. */
export function isOver(deadlineMs: number): boolean {
  return deadlineMs - performance.now() < 1
}
