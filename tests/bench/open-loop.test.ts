import { afterEach, expect, test } from 'vitest'
import { runClosedLoop } from '../../bench/load/closed-loop.js'
import { runOpenLoop } from '../../bench/load/open-loop.js'
import { encodeRequest } from '../../bench/workload/requests.js'
import { type BareServer, bareServer } from './support-server.js'

const GET = encodeRequest({ path: '/' })
const STALL = encodeRequest({ path: '/stall' })
const STALL_MS = 200

let server: BareServer | undefined

afterEach(async () => {
  await server?.stop()
  server = undefined
})

test('one stall of 200 ms reaches p99: every request that was due meanwhile counts its wait', async () => {
  server = await bareServer({ stallMs: STALL_MS })
  const result = await runOpenLoop({ ...load(), nextRequest: stallAt(100), ratePerSecond: 200, durationMs: 2_000 })

  expect(result).toMatchObject({ unanswered: 0, unexpected: new Map() })
  expect(result.latency.count).toBe(400)
  // Some 40 of 400 requests were due during the stall and waited between 200 and 0 ms: a tenth of all, and no more.
  expect(result.latency.quantile(0.5)).toBeLessThan(result.latency.quantile(0.99) / 2)
  expect(result.latency.quantile(0.99)).toBeGreaterThan(150_000)
  expect(result.latency.max).toBeGreaterThanOrEqual(STALL_MS * 1000)
})

test('the wait for a free connection counts as latency, and not as the fault of the generator', async () => {
  server = await bareServer({ stallMs: STALL_MS })
  const result = await runOpenLoop({
    ...load(),
    connections: 2,
    nextRequest: stallAt(100),
    ratePerSecond: 500,
    durationMs: 1_000,
  })
  expect(result.latency.quantile(0.9)).toBeGreaterThan(50_000)
  // All but the two in flight waited here; those are not in the generator's lag.
  expect(result.generatorLag.count).toBeLessThan(result.latency.count - 50)
})

test('requests the server never answers are told, and count with their wait so far', async () => {
  server = await bareServer({ stallMs: 60_000 })
  const result = await runOpenLoop({ ...load(), nextRequest: stallAt(50), ratePerSecond: 100, durationMs: 1_000 })
  // Those sent together with the one that stalls, after a pause of the machine, may be in the stalled server too.
  expect(result.unanswered).toBeGreaterThanOrEqual(50)
  expect(result.unanswered).toBeLessThan(90)
  expect(result.latency.count).toBe(100)
  expect(result.latency.max).toBeGreaterThan(3_000_000)
})

test('an open loop keeps its rate', async () => {
  server = await bareServer()
  const result = await runOpenLoop({ ...load(), nextRequest: () => GET, ratePerSecond: 100, durationMs: 1_000 })
  expect(result.latency.count).toBe(100)
  expect(result.answeredPerSecond).toBeGreaterThan(20)
  expect(result.answeredPerSecond).toBeLessThan(105)
})

test('a closed loop counts answers, and those of an unexpected status apart', async () => {
  server = await bareServer()
  const absent = encodeRequest({ path: '/absent' })
  let sent = 0
  const nextRequest = () => {
    sent += 1
    return sent === 5 ? absent : GET
  }
  const result = await runClosedLoop({ ...load(), nextRequest, durationMs: 1_500 })
  expect(result.answersPerSecond).toBeGreaterThan(50)
  expect(result.octetsPerAnswer).toBeGreaterThan(600)
  expect(result.unexpected).toEqual(new Map([[404, 1]]))
})

test('a server that goes away ends the run with an error', async () => {
  server = await bareServer()
  const run = runClosedLoop({ ...load(), nextRequest: () => GET, durationMs: 20_000 })
  setTimeout(() => server?.stop(), 100)
  await expect(run).rejects.toThrow()
})

function load() {
  return { port: server!.port, connections: 64, expectStatus: 200 }
}

/** Ordinary requests, but for the n-th, which stalls the server. */
function stallAt(n: number): () => Buffer {
  let sent = 0
  return () => {
    sent += 1
    return sent === n ? STALL : GET
  }
}
