import { expect, test } from 'vitest'
import { backoff } from '../../src/platform/backoff.js'

test('pauses double up to their bound, and begin anew after a success', () => {
  const pauses = backoff({ leastMs: 100, mostMs: 1_000, random: () => 1 })
  expect(Array.from({ length: 6 }, () => pauses.next())).toEqual([100, 200, 400, 800, 1_000, 1_000])
  pauses.reset()
  expect(pauses.next()).toBe(100)
})

test('chance takes at most half of a pause away', () => {
  const pauses = backoff({ leastMs: 100, mostMs: 100 })
  const drawn = Array.from({ length: 200 }, () => pauses.next())
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(50)
  expect(Math.max(...drawn)).toBeLessThanOrEqual(100)
  expect(new Set(drawn).size).toBeGreaterThan(100)
})

test('after any number of failures the pause stays a number', () => {
  const pauses = backoff({ leastMs: 100, mostMs: 30_000, random: () => 1 })
  for (let tries = 0; tries < 5_000; tries += 1) pauses.next()
  expect(pauses.next()).toBe(30_000)
})
