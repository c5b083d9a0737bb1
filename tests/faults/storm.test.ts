/** The short form of the fault lab. The long one: npm run faults -- --minutes 10 --seed 7 */
import { beforeAll, expect, test } from 'vitest'
import { faketimeLibrary } from './faketime.js'
import { stormReport } from './report.js'
import { parseScript } from './script.js'
import { runStorm, type StormResult } from './storm.js'

const SCRIPT = `
  at 0.5s redis.attack
  at 1s postgres.hold for 12s
  at 1.5s redis.stop for 800ms
  at 3s redis.flush
  at 3.5s proxy.node1.postgres.hold-answers for 1.5s
  at 5.5s redis.corrupt for 800ms
  at 7s redis.rollback
  at 8s node2.kill
  at 9.5s redis.restore
  at 10s node3.clock +1h for 2s
  at 12.5s postgres.crash
  at 16s redis.full for 1s; at 16.5s redis.attack
  at 18s node3.pause for 1.5s
  at 20s redis.read-only for 1s
  at 21.5s proxy.node2.both.hang for 1.3s
  at 23.5s postgres.stop for 1.5s
  at 25.5s redis.failover
  at 27s postgres.lock-feed for 1.3s
  at 29s redis.refuse for 700ms
  at 30s net.swizzle for 1.5s
  at 34s redis.evict for 800ms
  at 35s postgres.crash
  at 38s postgres.kill`

const faults = parseScript(SCRIPT).filter(({ name }) => name !== 'node.clock' || faketimeLibrary() !== undefined)

let result: StormResult

beforeAll(async () => {
  result = await runStorm({
    seed: 1,
    durationMs: 41_000,
    faults,
    readsPerSecond: 1_500,
    writesPerSecond: 60,
    waitShare: 0.2,
    answeredShare: 0.97,
    // On a machine that is far too slow the storm ends early, and with it all it has started.
    signal: AbortSignal.timeout(130_000),
  })
}, 180_000)

test('the storm was one: all faults came, and there was enough to check', () => {
  expect(result.faults).toHaveLength(faults.length)
  expect(result.misfires).toEqual([])
  expect(result.availability.lookups).toBeGreaterThan(5_000)
  expect(result.writes.waited).toBeGreaterThan(50)
  expect(result.writes.acknowledged).toBeGreaterThan(200)
  expect(result.promises.filter(({ checked }) => checked < 20).map(({ name }) => name)).toEqual([])
})

test('no promise was broken', () => {
  const broken = result.promises.filter(({ violations }) => violations > 0)
  expect(broken, stormReport(result)).toEqual([])
})

test('no node ended by itself', () => {
  expect(result.crashes).toEqual([])
})
