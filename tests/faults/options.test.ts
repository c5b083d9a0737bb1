import { expect, test } from 'vitest'
import { readOptions } from './options.js'

test('a storm of so many minutes, its faults by the seed', () => {
  const task = readOptions(['--minutes', '0.5', '--seed', '7'])
  expect(task).toMatchObject({ kind: 'storm', seed: 7, durationMs: 30_000, readsPerSecond: 8_000, waitShare: 0.25 })
  expect(readOptions(['--minutes', '0.5', '--seed', '7'])).toEqual(task)
})

test('kills in place of a storm', () => {
  expect(readOptions(['--kills', '30', '--seed', '2'])).toEqual({ kind: 'kills', kills: 30, seed: 2 })
})

test('the list names every fault with its meaning', () => {
  expect(readOptions(['--list'])).toMatchObject({ text: expect.stringMatching(/redis\.rollback +fail over/) })
})

test.each([
  [['--minutes', 'five'], '--minutes must be a number above 0, not "five"'],
  [['--wait', '2'], '--wait must be a number from 0 to 1, not "2"'],
  [['--kills', '0'], '--kills must be a number above 0'],
  [['--nonsense'], "Unknown option '--nonsense'"],
])('%j is refused with a reason', (args, reason) => {
  expect(() => readOptions(args)).toThrow(reason)
})
