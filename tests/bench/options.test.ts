import { expect, test } from 'vitest'
import { type BenchOptions, readOptions } from '../../bench/options.js'
import { ROW_NAMES } from '../../bench/rows/row-names.js'
import { parseCoreList } from '../../bench/stage/pinning.js'

test('without options: all rows over 200,000 records; --quick is smaller and shorter', () => {
  expect(readOptions([])).toMatchObject({
    records: 200_000,
    durationMs: 2_000,
    rounds: 5,
    connections: 64,
    quick: false,
  })
  expect((readOptions([]) as BenchOptions).only.size).toBe(ROW_NAMES.length)
  expect(readOptions(['--quick'])).toMatchObject({ records: 10_000, quick: true, rounds: 2 })
  expect(readOptions(['--quick', '--records', '5000', '--duration', '0.5'])).toMatchObject({
    records: 5_000,
    durationMs: 500,
  })
})

test('some rows can be asked for alone', () => {
  expect(readOptions(['--only', 'redis, postgres'])).toMatchObject({ only: new Set(['redis', 'postgres']) })
  expect(readOptions(['--help'])).toBe('help')
})

test('every fault of a command line is told at once, with what would be right', () => {
  const faulty = ['--records', '12.5', '--rounds', '0', '--duration', 'long', '--only', 'redis,memcached']
  for (const told of [
    /--records 12\.5: give a whole number from/,
    /--rounds 0: give/,
    /--duration long: give a number/,
    /memcached: no such row/,
  ]) {
    expect(() => readOptions(faulty)).toThrow(told)
  }
  expect(() => readOptions(['--record', '5'])).toThrow(/--record/)
})

test('a list of cores is read as the kernel writes it', () => {
  expect(parseCoreList('0-1\n')).toEqual([0, 1])
  expect(parseCoreList('2,5-7')).toEqual([2, 5, 6, 7])
  expect(parseCoreList('')).toEqual([])
})
