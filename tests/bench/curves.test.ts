/** How a capacity curve comes about: at which loads, from which rounds, and by which kinds. */
import { afterEach, expect, test } from 'vitest'
import type { Bench } from '../../bench/bench.js'
import { histogram } from '../../bench/load/histogram.js'
import { runOpenLoop } from '../../bench/load/open-loop.js'
import { percentilesOf } from '../../bench/load/percentiles.js'
import { measureLatency } from '../../bench/rows/latency.js'
import type { RunningNode } from '../../bench/stage/node-under-test.js'
import { encodeRequest } from '../../bench/workload/requests.js'
import { type BareServer, bareServer } from './support-server.js'

const GET = encodeRequest({ path: '/' })
const ABSENT = encodeRequest({ path: '/absent' })
const STALL = encodeRequest({ path: '/stall' })

let server: BareServer | undefined

afterEach(async () => {
  await server?.stop()
  server = undefined
})

test('a curve has a point at every tenth of the capacity, each of all its rounds', async () => {
  server = await bareServer()
  const points = await measureLatency(benchWith({ rounds: 2, durationMs: 100 }), server as unknown as RunningNode, {
    name: 'latency-memory',
    title: 'GET',
    requests: [GET],
    capacityPerSecond: 1_000,
    withBareServer: false,
  })
  expect(points.map(({ shareOfCapacity }) => shareOfCapacity)).toEqual([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
  expect(points.map(({ offeredPerSecond }) => offeredPerSecond)).toEqual(
    points.map(({ shareOfCapacity }) => 1_000 * shareOfCapacity),
  )
  expect(points.map(({ requests }) => requests)).toEqual([20, 40, 60, 80, 100, 120, 140, 160, 180])
  for (const { p50, p90, p99, p999, max } of points) {
    expect([p50, p90, p99, p999, max]).toEqual([p50, p90, p99, p999, max].toSorted((a, b) => a - b))
  }
})

test('a percentile is the median of the rounds, so one disturbed round does not move it; the longest is of all', () => {
  const rounds = [100, 120, 90_000].map((microseconds) => {
    const round = histogram()
    for (let request = 0; request < 1_000; request += 1) round.record(microseconds)
    return round
  })
  const percentiles = percentilesOf(rounds)
  expect(percentiles).toMatchObject({ p50: 120, p99: 120, p999: 120, max: 90_000, requests: 3_000 })
  // A thousand requests say nothing of one in ten thousand.
  expect(percentiles.curve.at(-2)).toEqual([0.999, 120])
  expect(percentiles.curve.at(-1)).toEqual([1, 90_000])
})

test('kinds of requests are told apart, each with the status it expects', async () => {
  server = await bareServer({ stallMs: 100 })
  const requests = [...Array<Buffer>(40).fill(GET), ABSENT, STALL]
  let sent = 0
  const result = await runOpenLoop({
    port: server.port,
    connections: 8,
    durationMs: 420,
    ratePerSecond: 100,
    nextRequest: () => requests[sent++ % requests.length]!,
    expectStatus: (request) => (request === ABSENT ? 404 : 200),
    kindOf: (request) => (request === GET ? 'get' : request === ABSENT ? 'absent' : 'stall'),
  })
  expect(result.unexpected).toEqual(new Map())
  expect([...result.latencyByKind].map(([kind, { count }]) => [kind, count])).toEqual([
    ['get', 40],
    ['absent', 1],
    ['stall', 1],
  ])
  expect(result.latencyByKind.get('stall')!.max).toBeGreaterThanOrEqual(100_000)
})

function benchWith(options: Partial<Bench['options']>): Bench {
  return { options: { connections: 8, quick: false, ...options }, say: () => undefined } as unknown as Bench
}
