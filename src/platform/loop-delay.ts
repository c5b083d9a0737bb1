/**
 * How far this process is behind with its work, by a timer that comes late: whatever is asked for waits as long before
 * anybody looks at it. One late turn is an accident (a large batch, a machine that slept); several in succession are
 * overload, and it lasts until as many come in time again.
 *
 * While it lasts, work that has waited too long is better refused than begun: what is begun is then answered soon, and who is
 * refused learns it at once (CoDel's idea, RFC 8289).
 */
import type { Clock } from './clock.js'

export interface LoopDelay {
  /** Whether work that has come to this process now should be refused. */
  isOverloaded(): boolean
  /** Milliseconds that work waits now before it is begun. */
  delayMs(): number
  stop(): void
}

const TICK_MS = 20
/** So late is a turn that speaks for overload. */
const LATE_MS = 100
/** Within overload, work that waited for less is begun. */
const PROMPT_MS = 20
const TURNS = 5

export function loopDelay(clock: Pick<Clock, 'monotonicMs'>): LoopDelay {
  let expectedMs = clock.monotonicMs() + TICK_MS
  let lastDelayMs = 0
  let lateTurns = 0
  let promptTurns = 0
  let isBehind = false

  const overdueMs = () => Math.max(0, clock.monotonicMs() - expectedMs)
  const timer = setInterval(() => {
    lastDelayMs = overdueMs()
    expectedMs = clock.monotonicMs() + TICK_MS
    lateTurns = lastDelayMs >= LATE_MS ? lateTurns + 1 : 0
    promptTurns = lastDelayMs < PROMPT_MS ? promptTurns + 1 : 0
    if (lateTurns >= TURNS) isBehind = true
    else if (promptTurns >= TURNS) isBehind = false
  }, TICK_MS)
  timer.unref()

  // Between two turns of the timer, what has passed since the last one is known better than what was seen then.
  const delayMs = () => Math.max(overdueMs(), lastDelayMs)
  return {
    delayMs,
    isOverloaded: () => isBehind && delayMs() >= PROMPT_MS,
    stop: () => clearInterval(timer),
  }
}
