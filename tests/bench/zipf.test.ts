import { expect, test } from 'vitest'
import { randomStream } from '../../bench/workload/random.js'
import { zipfSampler } from '../../bench/workload/zipf.js'

const DRAWS = 200_000

test.each([
  { count: 1, exponent: 0.99 },
  { count: 2, exponent: 0.99 },
  { count: 40, exponent: 0.99 },
  { count: 40, exponent: 1 },
  { count: 40, exponent: 0.5 },
  { count: 40, exponent: 2.5 },
])('$count ranks with exponent $exponent follow the exact distribution', ({ count, exponent }) => {
  const drawn = frequencies(count, exponent)
  const exact = exactShares(count, exponent)
  let chiSquare = 0
  exact.forEach((share, rank) => {
    chiSquare += (drawn[rank]! - share * DRAWS) ** 2 / (share * DRAWS)
  })
  // Mean of chi-square: its degrees of freedom; standard deviation: the root of twice that. Five of them never happen.
  const freedom = count - 1
  expect(chiSquare).toBeLessThanOrEqual(freedom + 5 * Math.sqrt(2 * freedom))
})

test('of two million ranks the head and the tail have their exact share', () => {
  const count = 2_000_000
  const weight = (rank: number) => (rank + 1) ** -0.99
  let total = 0
  for (let rank = count - 1; rank >= 0; rank -= 1) total += weight(rank)
  const sample = zipfSampler({ count, exponent: 0.99 }, randomStream(3))
  let first = 0
  let firstThousand = 0
  let lastHalf = 0
  for (let draw = 0; draw < DRAWS; draw += 1) {
    const rank = sample()
    expect(rank >= 0 && rank < count).toBe(true)
    if (rank === 0) first += 1
    if (rank < 1_000) firstThousand += 1
    if (rank >= count / 2) lastHalf += 1
  }
  const share = (from: number, to: number) => {
    let sum = 0
    for (let rank = from; rank < to; rank += 1) sum += weight(rank)
    return sum / total
  }
  expect(Math.abs(first / DRAWS - share(0, 1))).toBeLessThan(0.003)
  expect(Math.abs(firstThousand / DRAWS - share(0, 1_000))).toBeLessThan(0.006)
  expect(Math.abs(lastHalf / DRAWS - share(count / 2, count))).toBeLessThan(0.006)
})

test('the same seed gives the same ranks, another seed others', () => {
  const ranks = (seed: number) => {
    const sample = zipfSampler({ count: 1_000_000, exponent: 0.99 }, randomStream(seed))
    return Array.from({ length: 50 }, sample)
  }
  expect(ranks(1)).toEqual(ranks(1))
  expect(ranks(1)).not.toEqual(ranks(2))
})

function frequencies(count: number, exponent: number): number[] {
  const sample = zipfSampler({ count, exponent }, randomStream(42))
  const drawn = new Array<number>(count).fill(0)
  for (let draw = 0; draw < DRAWS; draw += 1) drawn[sample()]! += 1
  return drawn
}

function exactShares(count: number, exponent: number): number[] {
  const weights = Array.from({ length: count }, (_, rank) => (rank + 1) ** -exponent)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.map((weight) => weight / total)
}
