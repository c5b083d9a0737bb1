/**
 * Zipf-distributed ranks: rank k (1 … count) is drawn with a probability proportional to k^-exponent.
 *
 * Rejection-inversion after Hörmann and Derflinger, "Rejection-inversion to generate variates from monotone discrete
 * distributions", ACM TOMACS 6(3), 1996: exact, no table, the same cost for a thousand ranks and for ten million.
 */
import type { Random } from './random.js'

export interface ZipfOptions {
  /** Number of ranks, at least 1. */
  readonly count: number
  /** Greater than 0; 0.99 is the customary value of key-value benchmarks (YCSB). */
  readonly exponent: number
}

/** A sampler of ranks counted from zero: 0 is the most frequent. */
export function zipfSampler(options: ZipfOptions, random: Random): () => number {
  const { count, exponent } = options
  const area = (x: number) => areaTo(x, exponent)
  const inverseArea = (y: number) => endOf(y, exponent)
  const density = (x: number) => Math.exp(-exponent * Math.log(x))

  const lowest = area(1.5) - 1
  const highest = area(count + 0.5)
  // Within this distance of the rank every draw is accepted, which spares the exact test in most cases.
  const certain = 2 - inverseArea(area(2.5) - density(2))

  return () => {
    for (;;) {
      const y = highest + random() * (lowest - highest)
      const x = inverseArea(y)
      const rank = Math.min(Math.max(Math.round(x), 1), count)
      if (rank - x <= certain || y >= area(rank + 0.5) - density(rank)) return rank - 1
    }
  }
}

/** Integral of t^-exponent from 1 to x. */
function areaTo(x: number, exponent: number): number {
  const q = 1 - exponent
  return q === 0 ? Math.log(x) : Math.expm1(q * Math.log(x)) / q
}

/** The x up to which the integral is `area`. */
function endOf(area: number, exponent: number): number {
  const q = 1 - exponent
  return Math.exp(q === 0 ? area : Math.log1p(q * area) / q)
}
