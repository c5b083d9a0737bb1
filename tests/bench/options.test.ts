import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { type BenchOptions, readOptions } from '../../bench/command/options.js'
import { USAGE } from '../../bench/command/usage.js'
import { ROW_NAMES } from '../../bench/rows/row-names.js'
import { sizesOfScale } from '../../bench/rows/scale.js'
import { parseCoreList } from '../../bench/stage/pinning.js'

test('without options: all rows over 200,000 records; --quick is smaller and shorter', () => {
  expect(readOptions([])).toMatchObject({
    records: 200_000,
    durationMs: 1_000,
    rounds: 5,
    connections: 64,
    quick: false,
    baselines: [],
    compare: undefined,
  })
  expect(read().only.size).toBe(ROW_NAMES.length)
  expect(readOptions(['--quick'])).toMatchObject({ records: 10_000, quick: true, rounds: 2 })
  expect(readOptions(['--quick', '--records', '5000', '--duration', '0.5'])).toMatchObject({
    records: 5_000,
    durationMs: 500,
  })
})

test('some rows can be asked for alone', () => {
  expect(readOptions(['--only', 'redis, postgres'])).toMatchObject({ only: new Set(['redis', 'postgres']) })
  expect(readOptions(['--help', '--records', 'many'])).toBe('help')
})

test('the sizes of the row scale go up by tens to the one that was asked for', () => {
  expect(sizesOfScale(read())).toEqual([10_000, 100_000, 1_000_000])
  expect(sizesOfScale(read('--scale', '10000000'))).toEqual([10_000, 100_000, 1_000_000, 10_000_000])
  expect(sizesOfScale(read('--scale', '50000'))).toEqual([10_000, 50_000])
  expect(sizesOfScale(read('--scale', '4000'))).toEqual([2_000, 4_000])
  expect(sizesOfScale(read('--quick'))).toEqual([2_000, 20_000])
})

test('baselines are named in a list; a command is taken whole, with the commas in it', () => {
  const { baselines } = read('--baseline', 'net, fastify', '--baseline', 'nginx,cmd:serve --on 0,{port} --fast')
  expect(baselines).toEqual([
    { kind: 'net' },
    { kind: 'fastify' },
    { kind: 'nginx' },
    { kind: 'command', command: 'serve --on 0,{port} --fast' },
  ])
})

test('one revision is compared with the working tree, two with each other', () => {
  expect(read('--compare', 'v1').compare).toEqual({ from: 'v1', to: undefined })
  expect(read('--compare', 'v1', 'v2', '--only', 'redis').compare).toEqual({ from: 'v1', to: 'v2' })
  expect(read('--compare', 'v1', '--compare=v2').compare).toEqual({ from: 'v1', to: 'v2' })
  expect(read('--compare', 'v1').rounds).toBe(9)
  expect(faultsOf(['--compare', 'v1', '--door', 'udp'])).toEqual([
    expect.stringMatching(/^--compare: none of the rows asked for can be compared; there are import, /),
  ])
})

test('every fault of a command line is told at once, with what would be right', () => {
  const faulty = [
    ...['--records', '12.5', '--rounds', '0', '--duration', 'long', '--only', 'redis,memcached', '--record', '5'],
    ...['--baseline', 'apache,cmd:serve', '--quick=1', '--json', '/nowhere/at/all/x.json', '--html'],
  ]
  const told = faultsOf(faulty)
  expect(told).toEqual([
    '--record: there is no such option',
    '--quick: takes no value',
    '--html: needs a value',
    '5: not an option, and of none',
    expect.stringMatching(/^--records 12\.5: give a whole number from/),
    expect.stringMatching(/^--only redis,memcached|^--only memcached: no such row; there are import/),
    expect.stringMatching(/^--duration long: give a number/),
    expect.stringMatching(/^--rounds 0: give a whole number/),
    expect.stringMatching(/^--baseline apache: no such baseline; there are fastify/),
    expect.stringMatching(/^--baseline cmd:serve: say \{port\}/),
    '--json /nowhere/at/all/x.json: there is no folder /nowhere/at/all',
  ])
})

test('what would contradict itself is refused before anything is measured', () => {
  expect(faultsOf(['--save', '--quick'])).toEqual([
    '--save: results are kept of whole runs, without --quick and --only',
  ])
  expect(faultsOf(['--compare', 'a', 'b', 'c', '--save', '--baseline', 'net', '--html', `${tmpdir()}/x.html`])).toEqual(
    [
      'c: not an option, and of none',
      '--save: not with --compare',
      '--baseline: not with --compare, where one side is the baseline',
      '--html: not with --compare, which is told as a table',
    ],
  )
  expect(faultsOf(['--baseline-path', '/x', '--json', '--quick'])).toEqual([
    '--json: needs a value',
    "--baseline-path: of use only with --baseline 'cmd:…'",
  ])
})

test('the help names every row and every option', () => {
  for (const name of ROW_NAMES) expect(USAGE).toContain(name)
  for (const line of USAGE.split('\n')) expect(line.length).toBeLessThanOrEqual(120)
})

test('a list of cores is read as the kernel writes it', () => {
  expect(parseCoreList('0-1\n')).toEqual([0, 1])
  expect(parseCoreList('2,5-7')).toEqual([2, 5, 6, 7])
  expect(parseCoreList('')).toEqual([])
})

function read(...parameters: string[]): BenchOptions {
  return readOptions(parameters) as BenchOptions
}

function faultsOf(parameters: readonly string[]): string[] {
  try {
    readOptions(parameters)
  } catch (error) {
    return (error as Error).message.split('\n')
  }
  return []
}
