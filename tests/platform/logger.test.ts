import { spawnSync } from 'node:child_process'
import { expect, test, vi } from 'vitest'
import { type Level, logger } from '../../src/platform/logger.js'
import { manualClock } from '../support/manual-clock.js'

test('one JSON object a line: time, level, message, fields', () => {
  const { log, lines } = setUp()
  log.info('listening', { port: 8080 })
  expect(lines).toEqual(['{"time":"2027-01-15T08:00:00.000Z","level":"info","msg":"listening","port":8080}\n'])
})

test('fields may come first, as pino and Fastify give them', () => {
  const { log, entries } = setUp()
  log.warn({ requestId: 7 }, 'slow')
  log.error(new Error('broken'))
  expect(entries()[0]).toMatchObject({ level: 'warn', msg: 'slow', requestId: 7 })
  expect(entries()[1]).toMatchObject({ level: 'error', err: { type: 'Error', message: 'broken' } })
})

test('what is below the level is not written', () => {
  const { log, entries } = setUp('warn')
  for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const) log[level](level)
  expect(entries().map(({ msg }) => msg)).toEqual(['warn', 'error', 'fatal'])
  const quiet = setUp('silent')
  quiet.log.fatal('nothing')
  expect(quiet.lines).toEqual([])
})

test('a child writes the fields of its parent too', () => {
  const { log, entries } = setUp()
  log.child({ node: 'a' }).child({ part: 'feed' }).info('ready', { part: 'other' })
  expect(entries()[0]).toMatchObject({ node: 'a', part: 'other', msg: 'ready' })
})

test('unhurried lines are written together, a moment later', async () => {
  const { log, lines } = setUp()
  const unhurried = log.unhurried()
  for (const part of ['a', 'b', 'c']) unhurried.info('request', { part })
  log.info('at once')
  expect(lines).toHaveLength(1)
  await vi.waitUntil(() => lines.length > 1, { timeout: 15_000 })
  expect(
    lines[1]!
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).part),
  ).toEqual(['a', 'b', 'c'])
  unhurried.info('request', { part: 'd'.repeat(1_000) })
  for (let written = 0; written < 20; written += 1) unhurried.info('request', { part: 'e'.repeat(1_000) })
  // So much does not wait.
  expect(lines).toHaveLength(3)
})

test.each(['process.exit(0)', 'throw new Error("broken")', ''])(
  'a process that ends by "%s" writes what is held',
  (end) => {
    const program = `
    import { logger } from './src/platform/logger.ts'
    const log = logger({ level: 'info', clock: { nowMs: () => 0, monotonicMs: () => 0 } }).unhurried()
    for (let line = 0; line < 300; line += 1) log.info('request', { line })
    ${end}`
    const { stdout } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
      encoding: 'utf8',
    })
    const lines = stdout.trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line).line)).toEqual(Array.from({ length: 300 }, (_, line) => line))
  },
)

test('secrets do not get in, by name or by shape', () => {
  const { log, lines } = setUp()
  const key = `jx_abcdefgh2345_${'s3cr3t-'.repeat(6)}`
  log.info(`got ${key} from postgres://me:s3cr3t@db/x`, {
    password: 's3cr3t',
    headers: { authorization: 's3cr3t', cookie: 's3cr3t', 'x-api-key': 's3cr3t' },
    list: [{ adminKey: 's3cr3t', token: 's3cr3t' }],
    cause: new Error(`redis://:s3cr3t@cache refused ${key}`),
  })
  expect(lines.join()).not.toContain('s3cr3t')
  expect(lines.join()).toContain('postgres://me:[hidden]@db/x')
})

test('of an error only what is harmless: what drivers hang on it stays out', () => {
  const { log, entries, lines } = setUp()
  const cause = Object.assign(new Error('inner'), {
    code: '23505',
    detail: 'row contents',
    parameters: ['row contents'],
  })
  log.error('failed', { err: new Error('outer', { cause }) })
  expect(entries()[0]).toMatchObject({ err: { message: 'outer', cause: { message: 'inner', code: '23505' } } })
  expect(lines.join()).not.toContain('row contents')
})

test('lines are bounded, whatever is logged', () => {
  const { log, lines, entries } = setUp()
  const circle: Record<string, unknown> = { big: 5n, when: new Date(Number.NaN), bytes: Buffer.alloc(9), call: () => 1 }
  circle['self'] = circle
  log.info('x'.repeat(1e6), { circle, many: Array.from({ length: 1e5 }, () => 'y'.repeat(100)) })
  expect(lines[0]!.length).toBeLessThan(40_000)
  expect(entries()[0]).toMatchObject({ circle: { big: '5', when: 'invalid date', bytes: '9 bytes' } })
})

test('a secret across the cut of a long text is not shown in part', () => {
  const { log, lines } = setUp()
  log.info(`${'x'.repeat(1_990)} jx_abcdefgh2345_${'s3cr3t-'.repeat(6)}`)
  expect(lines.join()).not.toContain('s3cr3t')
})

test('line ends in a value cannot forge a line', () => {
  const { log, lines } = setUp()
  log.info('one\n{"level":"fatal"}', { field: '\r\n' })
  expect(lines[0]!.trimEnd().split('\n')).toHaveLength(1)
})

function setUp(level: Level = 'trace') {
  const lines: string[] = []
  const log = logger({ level, clock: manualClock(), write: (line) => lines.push(line) })
  return { log, lines, entries: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) }
}
