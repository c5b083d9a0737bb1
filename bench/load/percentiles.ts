/** What is told of a latency: some quantiles, each the median of the rounds, and the longest of all. */
import type { Histogram } from './histogram.js'
import { spreadOf } from './rounds.js'

export interface Percentiles {
  /** All in microseconds. */
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  /** Share of the requests (0 … 1) and the microseconds that it did not exceed, as far as there were enough requests. */
  readonly curve: readonly (readonly [number, number])[]
  /** Of all rounds together. */
  readonly requests: number
}

const CURVE = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999]

/** @param rounds a histogram of each round, in microseconds */
export function percentilesOf(rounds: readonly Histogram[]): Percentiles {
  const at = (share: number) => spreadOf(rounds.map((round) => round.quantile(share))).median
  const max = Math.max(0, ...rounds.map((round) => round.max))
  const fewest = Math.min(...rounds.map(({ count }) => count))
  const told = CURVE.filter((share) => fewest * (1 - share) >= 1)
  return {
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    p999: at(0.999),
    max,
    curve: [...told.map((share) => [share, at(share)] as const), [1, max]],
    requests: rounds.reduce((sum, { count }) => sum + count, 0),
  }
}
