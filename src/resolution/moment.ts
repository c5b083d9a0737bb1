/** A moment of this process, for telling how long ago it was even if the machine was suspended since. */
import type { Clock } from '../platform/clock.js'

export interface Moment {
  readonly monotonicMs: number
  readonly wallMs: number
}

export function momentOf(clock: Clock): Moment {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() }
}

/** By whichever clock says more: the monotonic one stands still in suspension, the wall clock may be set back. */
export function elapsedMs(clock: Clock, since: Moment): number {
  return Math.max(clock.monotonicMs() - since.monotonicMs, clock.nowMs() - since.wallMs)
}
