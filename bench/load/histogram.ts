/**
 * A histogram of microseconds, log-linear like HdrHistogram: exact below 256 µs, above that 128 equal steps to each
 * doubling, so a quantile is at most 1/128 too high and never too low. Longest duration kept apart: 2^36 µs, 19 hours.
 */

const STEP_BITS = 7
const EXACT_BELOW = 2 << STEP_BITS
const LARGEST = 2 ** 36 - 1

export interface Histogram {
  /** Durations in microseconds; a fraction is rounded up, below zero counts as zero. */
  record(microseconds: number): void
  readonly count: number
  /** Mean of what was recorded, unrounded; 0 when nothing was. */
  readonly mean: number
  /** The longest, exact; 0 when nothing was recorded. */
  readonly max: number
  /** The smallest duration that at least `share` (0 … 1) of the recorded ones do not exceed. 0 when nothing was recorded. */
  quantile(share: number): number
  /** Adds all that `other` recorded. */
  add(other: Histogram): void
  /** Number of durations by bucket. */
  readonly buckets: Float64Array
}

export function histogram(): Histogram {
  const buckets = new Float64Array(bucketOf(LARGEST) + 1)
  let count = 0
  let sum = 0
  let max = 0

  return {
    record(microseconds) {
      const duration = Math.max(microseconds, 0)
      buckets[bucketOf(Math.min(Math.ceil(duration), LARGEST))]! += 1
      count += 1
      sum += duration
      if (duration > max) max = duration
    },
    get count() {
      return count
    },
    get mean() {
      return count === 0 ? 0 : sum / count
    },
    get max() {
      return max
    },
    quantile(share) {
      const rank = Math.max(1, Math.ceil(share * count))
      let seen = 0
      for (let bucket = 0; bucket < buckets.length; bucket += 1) {
        seen += buckets[bucket]!
        if (seen >= rank) return Math.min(highestOf(bucket), max)
      }
      return 0
    },
    add(other) {
      other.buckets.forEach((durations, bucket) => {
        buckets[bucket]! += durations
      })
      count += other.count
      sum += other.mean * other.count
      max = Math.max(max, other.max)
    },
    buckets,
  }
}

/** `microseconds` is a whole number from 0 to LARGEST. */
function bucketOf(microseconds: number): number {
  if (microseconds < EXACT_BELOW) return microseconds
  const doublings = Math.floor(Math.log2(microseconds)) - STEP_BITS
  return (doublings << STEP_BITS) + Math.floor(microseconds / 2 ** doublings)
}

/** The longest whole duration that falls into the bucket. */
function highestOf(bucket: number): number {
  if (bucket < EXACT_BELOW) return bucket
  const doublings = (bucket >> STEP_BITS) - 1
  const step = bucket - (doublings << STEP_BITS)
  return (step + 1) * 2 ** doublings - 1
}
