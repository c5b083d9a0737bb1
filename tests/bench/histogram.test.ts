import { expect, test } from 'vitest'
import { histogram } from '../../bench/load/histogram.js'
import { randomStream } from '../../bench/workload/random.js'

test('quantiles of short durations are exact', () => {
  const durations = histogram()
  for (let microseconds = 1; microseconds <= 200; microseconds += 1) durations.record(microseconds)
  expect([0.005, 0.5, 0.99, 1].map(durations.quantile)).toEqual([1, 100, 198, 200])
  expect(durations).toMatchObject({ count: 200, mean: 100.5, max: 200 })
})

test('a quantile is never below the exact one and at most 1/128 above it, from microseconds to hours', () => {
  const random = randomStream(7)
  const durations = histogram()
  const exact = Array.from({ length: 20_000 }, () => 2 ** (random() * 34))
  for (const duration of exact) durations.record(duration)
  exact.sort((a, b) => a - b)
  for (const share of [0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999]) {
    const expected = exact[Math.ceil(share * exact.length) - 1]!
    expect(durations.quantile(share)).toBeGreaterThanOrEqual(expected)
    expect(durations.quantile(share)).toBeLessThanOrEqual(Math.ceil(expected) * (1 + 1 / 128))
  }
})

test('the longest duration is exact, also beyond the last bucket', () => {
  const durations = histogram()
  durations.record(2 ** 40)
  expect(durations.max).toBe(2 ** 40)
  durations.record(1234.5)
  expect(durations.quantile(1)).toBe(2 ** 36 - 1)
})

test('bucket borders keep their order: each doubling lies in a bucket that ends before the next', () => {
  for (let bits = 1; bits < 36; bits += 1) {
    const durations = histogram()
    durations.record(2 ** bits - 1)
    durations.record(2 ** bits)
    expect(durations.quantile(0.5)).toBe(2 ** bits - 1)
  }
})

test('nothing recorded reads as zero, a negative duration counts as zero', () => {
  const durations = histogram()
  expect([durations.quantile(0.5), durations.mean, durations.max]).toEqual([0, 0, 0])
  durations.record(-3)
  expect(durations).toMatchObject({ count: 1, max: 0 })
})

test('adding one histogram to another equals recording everything in one', () => {
  const [left, right, both] = [histogram(), histogram(), histogram()]
  for (let n = 0; n < 1_000; n += 1) {
    const duration = (n * 7919) % 100_003
    ;(n % 2 === 0 ? left : right).record(duration)
    both.record(duration)
  }
  left.add(right)
  expect(left.buckets).toEqual(both.buckets)
  expect([left.count, left.max, left.mean]).toEqual([both.count, both.max, expect.closeTo(both.mean, 6)])
})
