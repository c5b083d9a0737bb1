/** In how many seconds of each minute this process said that it answers: looked at once a second, stored with the counts. */
import type { Clock } from '../../platform/clock.js'

export interface ServiceMinutes {
  /** Notes the state of this second. */
  look(): void
  /** Seconds by minute, in milliseconds since the epoch, of all that can be said finally and of the minute under way. */
  take(): ReadonlyMap<number, number>
  stop(): void
}

const MINUTE_MS = 60_000
/** Twice a second, so that no second is missed. */
const LOOK_EVERY_MS = 500
/** A week's: for so long the database may be away. */
const MAX_MINUTES = 10_080

export interface ServiceMinutesOptions {
  readonly clock: Clock
  readonly isReady: () => boolean
  /** Default true: looks by itself, once a second. */
  readonly isTimed?: boolean
}

export function serviceMinutes({ clock, isReady, isTimed = true }: ServiceMinutesOptions): ServiceMinutes {
  const minutes = new Map<number, number>()
  let lastSecond = Number.NEGATIVE_INFINITY

  function look(): void {
    const second = Math.floor(clock.nowMs() / 1000)
    if (second <= lastSecond) return
    lastSecond = second
    const minuteMs = Math.floor((second * 1000) / MINUTE_MS) * MINUTE_MS
    minutes.set(minuteMs, (minutes.get(minuteMs) ?? 0) + (isReady() ? 1 : 0))
    if (minutes.size > MAX_MINUTES) minutes.delete(minutes.keys().next().value!)
  }

  const timer = isTimed ? setInterval(look, LOOK_EVERY_MS).unref() : undefined
  return {
    look,
    take() {
      const taken = new Map(minutes)
      const newest = Math.floor((lastSecond * 1000) / MINUTE_MS) * MINUTE_MS
      // The minute under way is told again with what comes: rows keep the largest.
      for (const minuteMs of taken.keys()) if (minuteMs !== newest) minutes.delete(minuteMs)
      return taken
    },
    stop: () => clearInterval(timer),
  }
}
