import { expect, test } from 'vitest'
import { machineMetrics, type ProcessSnapshot } from '../../src/observability/machine-metrics.js'
import { type NodeMetrics, nodeMetrics, type Readings } from '../../src/observability/metrics.js'

const READINGS: Readings = {
  feedAgeMs: 12,
  feedIsFresh: true,
  memory: { entries: 3, payloadBytes: 700, bytes: 900, capacityBytes: 1_000 },
  backing: { database: 'external', redis: 'external' },
  redisIsUp: true,
}
const answer = (metrics: NodeMetrics, times: number) => {
  for (let count = 0; count < times; count += 1) metrics.httpAnswered(200)
}
const OK = 'jiexi_http_responses_total{status="200"}'

test('counters of all workers are added up', async () => {
  const { machine, workers, scrape } = setUp(2)
  answer(workers[0]!, 3)
  answer(workers[1]!, 4)
  expect(numberOf(await scrape(), OK)).toBe(7)
  expect(numberOf(await machine.text([]), OK)).toBe(7)
})

test('what a worker counted before it ended stays in the sum, whoever follows it', async () => {
  const { machine, workers, scrape, ask } = setUp(2)
  answer(workers[0]!, 3)
  answer(workers[1]!, 4)
  await scrape()
  machine.ended(1)
  answer(workers[1]!, 1)
  const serving = [await ask(2)]
  expect(numberOf(await machine.text(serving), OK)).toBe(8)
  machine.ended(2)
  expect(numberOf(await machine.text([]), OK)).toBe(8)
})

test('one that ends while the others are being asked counts once', async () => {
  const { machine, workers, ask } = setUp(2)
  answer(workers[0]!, 3)
  answer(workers[1]!, 4)
  const asked = [await ask(1), await ask(2)]
  machine.ended(1)
  expect(numberOf(await machine.text(asked), OK)).toBe(7)
})

test('of one that does not answer the counters count as last heard of, and its gauges not at all', async () => {
  const { machine, workers, scrape, ask } = setUp(2)
  answer(workers[0]!, 3)
  answer(workers[1]!, 4)
  await scrape()
  answer(workers[0]!, 100)
  const silent = { processId: 1, worker: '1', snapshot: undefined }
  const text = await machine.text([silent, await ask(2)])
  expect(numberOf(text, OK)).toBe(7)
  expect(numberOf(text, 'jiexi_memory_cache_bytes')).toBe(900)
})

test('gauges are joined as each can be: the oldest feed, all memory, one of them without Redis is without', async () => {
  const { scrape } = setUp(2, (slot) =>
    slot === 1 ? READINGS : { ...READINGS, feedAgeMs: 900, feedIsFresh: false, redisIsUp: false },
  )
  const text = await scrape()
  expect(numberOf(text, 'jiexi_feed_age_ms')).toBe(900)
  expect(numberOf(text, 'jiexi_feed_fresh')).toBe(0)
  expect(numberOf(text, 'jiexi_redis_up')).toBe(0)
  expect(numberOf(text, 'jiexi_memory_cache_entries')).toBe(6)
  expect(numberOf(text, 'jiexi_memory_cache_capacity_bytes')).toBe(2_000)
  expect(numberOf(text, 'jiexi_backing_info{database="external",redis="external"}')).toBe(1)
})

test('where one number would lie, each process has a series of its own', async () => {
  const { workers, scrape } = setUp(2)
  for (const { lookups } of workers)
    lookups.answered({ kind: 'absent', key: 'a/b', prefix: 'a', version: 0, tier: 'memory', stamp: 1 }, 1)
  const text = await scrape()
  for (const worker of ['1', '2']) {
    expect(text).toContain(`jiexi_lookup_duration_seconds{tier="memory",quantile="0.5",worker="${worker}"}`)
    expect(text).toContain(`nodejs_eventloop_lag_p99_seconds{worker="${worker}"}`)
  }
  expect(text).toContain('process_open_fds{worker="supervisor"}')
  expect(text.match(/^nodejs_version_info/gm)).toHaveLength(1)
})

test('how many workers there are and should be is told', async () => {
  const { scrape } = setUp(2)
  const text = await scrape()
  expect(numberOf(text, 'jiexi_workers_up')).toBe(2)
  expect(numberOf(text, 'jiexi_workers_wanted')).toBe(3)
  expect(numberOf(text, 'jiexi_workers_lost_total')).toBe(5)
})

function setUp(count: number, readings: (slot: number) => Readings = () => READINGS) {
  const workers = Array.from({ length: count }, (_, at) => nodeMetrics(() => readings(at + 1)))
  const machine = machineMetrics(() => ({ workersUp: count, workersWanted: 3, workersLost: 5 }))
  const ask = async (slot: number): Promise<ProcessSnapshot> => {
    const snapshot = await workers[slot - 1]!.snapshot()
    machine.heard(slot, snapshot)
    return { processId: slot, worker: String(slot), snapshot }
  }
  const scrape = async () => machine.text(await Promise.all(workers.map((_, at) => ask(at + 1))))
  return { machine, workers, ask, scrape }
}

function numberOf(text: string, series: string): number {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `))
  return Number(line?.slice(series.length + 1))
}
