/** Calls back at due times to within microseconds: sleeps while the next one is far, spins when it is near. */

export interface Pace {
  /** To be called when something was sent or received, so that the turn does not count as idle. */
  wasBusy(): void
  /** Milliseconds spent spinning with nothing to do: CPU time that is not work. */
  readonly idleSpinMs: number
  stop(): void
}

/** Node's timers are whole milliseconds: nearer than this to the next due time, the loop spins instead of sleeping. */
const SLEEP_ABOVE_MS = 2.5
const WAKE_EARLY_MS = 1.5

/** `turn` does what is due and returns the milliseconds until the next due time. */
export function keepPace(turn: (nowMs: number) => number): Pace {
  let idleSpinMs = 0
  let busy = true
  let turnedMs = 0
  let stopped = false

  const spin = () => {
    if (stopped) return
    const nowMs = performance.now()
    if (!busy) idleSpinMs += nowMs - turnedMs
    busy = false
    turnedMs = nowMs
    const waitMs = turn(nowMs)
    if (waitMs < SLEEP_ABOVE_MS) setImmediate(spin)
    else setTimeout(wake, waitMs - WAKE_EARLY_MS)
  }
  const wake = () => {
    busy = true
    spin()
  }
  setImmediate(spin)

  return {
    wasBusy: () => {
      busy = true
    },
    get idleSpinMs() {
      return idleSpinMs
    },
    stop: () => {
      stopped = true
    },
  }
}
