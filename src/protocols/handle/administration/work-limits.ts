/**
 * Holds back whoever makes too many failing proofs, and bounds how many slow ones are worked out at a time. Counts are of this
 * process: with several workers the bound is so many times as high.
 */
import type { Clock } from '../../../platform/clock.js'

export interface FailureBudget {
  isSpent(from: string): boolean
  failed(from: string): void
}

const MAX_FAILURES = 30
const PERIOD_MS = 60_000
const MAX_ADDRESSES = 10_000

interface Failures {
  count: number
  readonly sinceMs: number
}

export function failureBudget(clock: Clock, maxFailures = MAX_FAILURES): FailureBudget {
  const known = new Map<string, Failures>()

  function current(from: string): Failures | undefined {
    const found = known.get(from)
    if (found === undefined || clock.monotonicMs() - found.sinceMs < PERIOD_MS) return found
    known.delete(from)
    return undefined
  }

  return {
    isSpent: (from) => (current(from)?.count ?? 0) >= maxFailures,
    failed(from) {
      const found = current(from)
      if (found !== undefined) {
        found.count += 1
        return
      }
      // The one that is known longest makes room.
      if (known.size >= MAX_ADDRESSES) known.delete(known.keys().next().value!)
      known.set(from, { count: 1, sinceMs: clock.monotonicMs() })
    },
  }
}

export interface Gate {
  /** Undefined: too many are waiting already. */
  pass<Result>(work: () => Promise<Result>): Promise<Result> | undefined
}

export function gate(maxRunning: number, maxWaiting: number): Gate {
  let running = 0
  const waiting: (() => void)[] = []

  async function run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (running >= maxRunning) await new Promise<void>((go) => waiting.push(go))
    else running += 1
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      // Its place is handed on, so that nobody comes between.
      if (next === undefined) running -= 1
      else next()
    }
  }

  return {
    pass: (work) => (running >= maxRunning && waiting.length >= maxWaiting ? undefined : run(work)),
  }
}
