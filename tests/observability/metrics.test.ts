import { expect, test } from 'vitest'
import { nodeMetrics, type Readings } from '../../src/observability/metrics.js'
import { trafficMeter } from '../../src/observability/traffic.js'
import { NodeError } from '../../src/platform/errors.js'
import type { Answer } from '../../src/record/answer.js'
import { measured } from '../../src/resolution/measured.js'
import { compose, type Resolve } from '../../src/resolution/resolve.js'
import { manualClock } from '../support/manual-clock.js'
import { queryFor } from '../support/query-for.js'

const READINGS: Readings = {
  feedAgeMs: 12,
  feedIsFresh: true,
  memory: { entries: 3, payloadBytes: 700, bytes: 900, capacityBytes: 1_000 },
  backing: { database: 'embedded', redis: 'none' },
}
const HIT: Answer = { kind: 'absent', key: 'a/b', prefix: 'a', version: 0, tier: 'memory', stamp: 1 }

test('look-ups are counted by tier and kind and timed, without a hop when the answer is there', async () => {
  const { metrics, clock, ask } = setUp()
  expect(ask(() => HIT)).toBe(HIT)
  ask(() => ({ ...HIT, stale: { reason: 'authority-unavailable', asOfMs: 0 } }))
  await ask(async () => {
    clock.advanceMs(40)
    return { ...HIT, tier: 'registry', kind: 'absent' }
  })
  const text = await metrics.text()
  expect(text).toContain('jiexi_lookups_total{tier="memory",kind="absent"} 2')
  expect(text).toContain('jiexi_lookups_total{tier="registry",kind="absent"} 1')
  expect(text).toContain('jiexi_stale_served_total{tier="memory"} 1')
  expect(numberOf(text, 'jiexi_lookup_duration_seconds{tier="registry",quantile="0.99"}')).toBeCloseTo(0.04, 3)
  expect(numberOf(text, 'jiexi_lookup_seconds_total{tier="registry"}')).toBeCloseTo(0.04, 6)
})

test('which Postgres and which Redis it runs on is told', async () => {
  const { metrics } = setUp()
  expect(await metrics.text()).toContain('jiexi_backing_info{database="embedded",redis="none"} 1')
})

test('what nobody could answer is counted by its code, thrown or rejected', async () => {
  const { metrics, ask } = setUp()
  expect(() =>
    ask(() => {
      throw new NodeError('prefix-not-served', 'no')
    }),
  ).toThrow('no')
  await expect(ask(async () => Promise.reject(new NodeError('overloaded', 'busy')))).rejects.toThrow('busy')
  await expect(ask(async () => Promise.reject(new Error('bug')))).rejects.toThrow('bug')
  const text = await metrics.text()
  for (const code of ['prefix-not-served', 'overloaded', 'internal'])
    expect(text).toContain(`jiexi_lookup_failures_total{code="${code}"} 1`)
})

test('scraping twice counts nothing twice', async () => {
  const { metrics, ask } = setUp()
  ask(() => HIT)
  metrics.httpAnswered(200)
  metrics.redisRejected('mac')
  await metrics.text()
  const text = await metrics.text()
  expect(text).toContain('jiexi_lookups_total{tier="memory",kind="absent"} 1')
  expect(text).toContain('jiexi_http_responses_total{status="200"} 1')
  expect(text).toContain('jiexi_redis_rejected_total{reason="mac"} 1')
})

test('the state of caches and feed is read at each scrape; what there is not has no number', async () => {
  let readings = READINGS
  const metrics = nodeMetrics(() => readings)
  const first = await metrics.text()
  expect(numberOf(first, 'jiexi_feed_age_ms')).toBe(12)
  expect(numberOf(first, 'jiexi_memory_cache_bytes')).toBe(900)
  expect(first).not.toMatch(/^jiexi_redis_up \d/m)
  readings = { ...READINGS, feedAgeMs: Number.POSITIVE_INFINITY, feedIsFresh: false, redisIsUp: false }
  const second = await metrics.text()
  expect(second).not.toMatch(/^jiexi_feed_age_ms /m)
  expect(numberOf(second, 'jiexi_feed_fresh')).toBe(0)
  expect(numberOf(second, 'jiexi_redis_up')).toBe(0)
  expect(metrics.contentType).toContain('text/plain')
  expect(second).toMatch(/^process_resident_memory_bytes \d/m)
})

test('no series grows with what is asked: labels are of few values', async () => {
  const { metrics, ask } = setUp()
  for (let at = 0; at < 500; at += 1) ask(() => ({ ...HIT, key: `a/${at}` }))
  const own = (await metrics.text()).split('\n').filter((line) => line.startsWith('jiexi_'))
  expect(own.length).toBeLessThan(60)
})

function setUp() {
  const clock = manualClock()
  const metrics = nodeMetrics(() => READINGS)
  const meters = { lookups: metrics.lookups, traffic: trafficMeter(clock) }
  const ask = (source: Resolve) => compose([measured(meters, clock)], source)(queryFor('a/b'))
  return { metrics, clock, ask }
}

function numberOf(text: string, series: string): number {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `))
  return Number(line?.slice(series.length + 1))
}
