/** Which records a load asks for, drawn ahead of the run: drawing must not cost the generator while it measures. */
import { laneSeed, randomStream } from './random.js'
import { zipfSampler } from './zipf.js'

export type KeyDistribution = 'zipf' | 'uniform'

export const ZIPF_EXPONENT = 0.99
/** Larger than any count, so it divides none; small enough that rank × prime is exact up to MAX_RECORDS. */
const SPREAD_PRIME = 472_882_027
export const MAX_RECORDS = 19_000_000

/** `length` indexes of records below `count`. Zipf's frequent ones are spread over the whole set, not its first records. */
export function drawKeys(
  distribution: KeyDistribution,
  options: { readonly count: number; readonly length: number; readonly seed: number },
): Uint32Array {
  const { count, length, seed } = options
  const random = randomStream(laneSeed(seed, distribution === 'zipf' ? 1 : 2))
  const rank = zipfSampler({ count, exponent: ZIPF_EXPONENT }, random)
  const draw = distribution === 'zipf' ? () => spreadRank(rank(), count) : () => Math.floor(random() * count)
  return Uint32Array.from({ length }, draw)
}

/** A bijection of 0 … count - 1. */
export function spreadRank(rank: number, count: number): number {
  return (rank * SPREAD_PRIME) % count
}

/** Gives the requests in their order, again and again. */
export function cycle(requests: readonly Buffer[]): () => Buffer {
  let next = 0
  return () => {
    const request = requests[next]!
    next = next + 1 === requests.length ? 0 : next + 1
    return request
  }
}
