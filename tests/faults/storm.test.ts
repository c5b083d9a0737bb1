/** The short form of the fault lab. The long one: npm run faults -- --minutes 10 --seed 7 */
import { beforeAll, expect, test } from 'vitest'
import { shareOf } from './checks/availability.js'
import { stormReport } from './report.js'
import { parseScript } from './script.js'
import { runStorm, type StormResult } from './storm.js'

const SCRIPT = `
  at 1s redis.attack
  at 2s redis.stop for 1s
  at 4s redis.flush
  at 5s proxy.node1.postgres.hold-answers for 1.5s
  at 7s redis.corrupt for 1s
  at 9s redis.rollback
  at 10s node2.kill
  at 12s postgres.kill
  at 16s redis.full for 1s; at 16.5s redis.attack
  at 18s node3.pause for 1.5s
  at 20s postgres.stop for 1.5s
  at 22.5s redis.kill`

let result: StormResult

beforeAll(async () => {
  result = await runStorm({
    seed: 1,
    durationMs: 24_000,
    faults: parseScript(SCRIPT),
    readsPerSecond: 600,
    writesPerSecond: 30,
    // On a machine that is far too slow the storm ends early, and with it all it has started.
    signal: AbortSignal.timeout(90_000),
  })
}, 150_000)

test('the storm was one: all faults came, and there was enough to check', () => {
  expect(result.faults).toHaveLength(13)
  expect(result.misfires).toEqual([])
  expect(result.availability.lookups).toBeGreaterThan(3_000)
  expect(result.writes.acknowledged).toBeGreaterThan(200)
  expect(result.promises.filter(({ checked }) => checked < 100).map(({ name }) => name)).toEqual([])
})

test('no promise was broken', () => {
  const broken = result.promises.filter(({ violations }) => violations > 0)
  expect(broken, stormReport(result)).toEqual([])
})

test('no node ended by itself', () => {
  expect(result.crashes).toEqual([])
})

test('nearly all identifiers that were known were answered, with one retry', () => {
  expect(shareOf(result.availability.known), stormReport(result)).toBeGreaterThan(0.97)
})
