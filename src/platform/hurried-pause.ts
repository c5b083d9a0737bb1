/**
 * A pause that others may shorten, to a length that depends on how urgent it is to them. Being hurried outside of a pause
 * shortens the next one.
 */
import type { Clock } from './clock.js'

/** Milliseconds from the beginning of the pause; each at most the one before. */
export interface PauseLengths {
  readonly usual: number
  readonly soon: number
  readonly now: number
}

export interface HurriedPause {
  /** At most one at a time. */
  wait(lengths: PauseLengths): Promise<void>
  hurry(urgency: 'soon' | 'now'): void
}

export function hurriedPause(clock: Clock): HurriedPause {
  let urgency: keyof PauseLengths = 'usual'
  let reschedule: (() => void) | undefined

  return {
    hurry(wanted) {
      if (urgency === 'now' || urgency === wanted) return
      urgency = wanted
      reschedule?.()
    },
    wait: (lengths) =>
      new Promise((resolve) => {
        const startedAtMs = clock.monotonicMs()
        let timer: NodeJS.Timeout | undefined
        // A timer may fire early: only the clock counts.
        const endOrGoOn = () => {
          clearTimeout(timer)
          const leftMs = startedAtMs + lengths[urgency] - clock.monotonicMs()
          if (leftMs > 0) {
            timer = setTimeout(endOrGoOn, Math.ceil(leftMs))
            return
          }
          urgency = 'usual'
          reschedule = undefined
          resolve()
        }
        reschedule = endOrGoOn
        endOrGoOn()
      }),
  }
}
