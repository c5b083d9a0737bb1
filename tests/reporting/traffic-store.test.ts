import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { trafficMeter } from '../../src/observability/traffic.js'
import type { NodeError } from '../../src/platform/errors.js'
import type { Database } from '../../src/platform/postgres.js'
import type { Answer } from '../../src/record/answer.js'
import { serviceMinutes } from '../../src/reporting/traffic/service-minutes.js'
import { trafficStore } from '../../src/reporting/traffic/traffic-store.js'
import { probeMeter } from '../../src/reporting/watch/probe-meter.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { manualClock } from '../support/manual-clock.js'
import { failing } from './failing-database.js'

const START_MS = 1_800_000_000_000
const FOUND: Answer = {
  kind: 'referral',
  service: { handle: '', sites: [] },
  key: '88.118.8/a',
  prefix: '88.118.8',
  version: 1,
  tier: 'memory',
  stamp: 1,
}

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  await database.db.query('truncate load_minute, lookup_hour, service_minute, traffic_writer')
})

test('what two processes counted at the same time adds up, each extreme with its own time', async () => {
  const [one, other] = [counting(), counting()]
  one.ask('192.0.2.1', 4)
  one.ask('192.0.2.2', 2)
  other.clock.advanceMs(10)
  other.ask('192.0.2.1', 7)
  other.ask('192.0.2.1', 1)
  await Promise.all([one.store.flush(), other.store.flush()])
  expect(await lookupHours()).toEqual([{ prefix: '88.118.8', requests: 4, successes: 4, total: 4 }])
  const [minute] = await database.db.query('select * from load_minute')
  expect(minute).toMatchObject({ kind: 1, timed: 4, sum_ms: 14, min_ms: 1, max_ms: 7 })
  expect((minute!['seconds'] as number[]).slice(0, 2)).toEqual([4, 0])
  expect((minute!['max_at'] as Date).getTime()).toBe(START_MS + 17)
  expect((minute!['min_at'] as Date).getTime()).toBe(START_MS + 18)
  await Promise.all([one.stop(), other.stop()])
})

test('a restart goes on where the one before ended: stopping stores what is counted', async () => {
  const before = counting()
  before.ask('192.0.2.1', 1)
  await before.stop()
  const after = counting()
  after.ask('192.0.2.9', 1)
  await after.stop()
  expect(await lookupHours()).toEqual([{ prefix: '88.118.8', requests: 2, successes: 2, total: 2 }])
})

test('while the database is away counts wait, and then are all there', async () => {
  const away = counting(failing(database.db, { times: 3, afterCommit: false }))
  for (let round = 0; round < 4; round++) {
    away.ask('192.0.2.1', 1)
    await away.store.flush().catch((error: NodeError) => expect(error.code).toBe('authority-unavailable'))
  }
  await away.stop()
  expect(await lookupHours()).toEqual([{ prefix: '88.118.8', requests: 4, successes: 4, total: 4 }])
})

test('a batch whose commit was not heard of is not added twice', async () => {
  const unheard = counting(failing(database.db, { times: 2, afterCommit: true }))
  unheard.ask('192.0.2.1', 3)
  for (let round = 0; round < 3; round++) await unheard.store.flush().catch(() => undefined)
  await unheard.stop()
  expect(await lookupHours()).toEqual([{ prefix: '88.118.8', requests: 1, successes: 1, total: 1 }])
  const [minute] = await database.db.query<{ timed: number }>('select timed from load_minute')
  expect(minute!.timed).toBe(1)
})

test('many processes that add to the same prefixes in any order never wait for each other for ever', async () => {
  const processes = Array.from({ length: 6 }, () => counting())
  const prefixes = Array.from({ length: 40 }, (_, at) => `88.118.${at}`)
  for (const [at, one] of processes.entries())
    for (const prefix of at % 2 === 0 ? prefixes : [...prefixes].reverse()) one.ask('192.0.2.1', 1, prefix)
  await Promise.all(processes.map(({ store }) => store.flush()))
  const hours = await lookupHours()
  expect(hours).toHaveLength(40)
  expect(hours.every(({ requests, total }) => requests === 6 && total === 6)).toBe(true)
  await Promise.all(processes.map((one) => one.stop()))
})

test('a minute counts the seconds in which the process that answered most said so', async () => {
  const [one, other] = [counting(), counting()]
  for (const [process, seconds] of [
    [one, 20],
    [other, 45],
  ] as const)
    for (let second = 0; second < 60; second++) {
      process.isReady = second < seconds
      process.service.look()
      process.service.look()
      process.clock.advanceMs(1_000)
    }
  await one.store.flush()
  await other.store.flush()
  await one.store.flush()
  expect(await database.db.query('select minute, ready_seconds from service_minute')).toEqual([
    { minute: new Date(START_MS), ready_seconds: 45 },
  ])
  await Promise.all([one.stop(), other.stop()])
})

function counting(db: Database = database.db) {
  const clock = manualClock(START_MS)
  const meter = trafficMeter(clock)
  const state = { isReady: true }
  const service = serviceMinutes({ clock, isReady: () => state.isReady, isTimed: false })
  const log = { debug: () => undefined }
  const store = trafficStore({ db, meter, service, probes: probeMeter(), log, intervalMs: 3_600_000 })
  return Object.assign(state, {
    clock,
    service,
    store,
    ask(source: string, tookMs: number, prefix = '88.118.8') {
      const startedMs = clock.monotonicMs()
      clock.advanceMs(tookMs)
      const took = { startedMs, endedMs: clock.monotonicMs() }
      meter.answered({ identifier: { prefix }, source }, { ...FOUND, prefix }, took)
    },
    stop: () => store.stop(),
  })
}

function lookupHours() {
  return database.db.query<{ prefix: string; requests: number; successes: number; total: number }>(
    `select prefix, requests, successes, (sources->>'total')::bigint as total from lookup_hour order by prefix`,
  )
}
