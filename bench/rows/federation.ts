/**
 * Local look-ups while other nodes misbehave: memory hits in an open loop, at a fixed share of the capacity, in calm and
 * then with the node above refusing, black-holed, dripping, lying or flooding, while look-ups of its identifiers come in all
 * the time. Calm and trouble take turns, so that what the machine does beside falls on both.
 */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Bench, sizesOf } from '../bench.js'
import { runClosedLoop } from '../load/closed-loop.js'
import { type OpenLoopResult, runOpenLoop } from '../load/open-loop.js'
import { sendAll } from '../load/send-all.js'
import type { Findings } from '../report/findings.js'
import type { LatencyRow } from '../report/report.js'
import { MEMORY_CACHE_BYTES, NO_REDIS, startMeasuredNode } from '../stage/measured-node.js'
import type { RunningNode } from '../stage/node-under-test.js'
import { identifierAt } from '../workload/dataset.js'
import { cycle } from '../workload/keys.js'
import { lookup } from '../workload/requests.js'
import { latencyFigures } from './latency.js'
import { drawn } from './lookup-specs.js'

const CALM = 'calm'
const SHARE = 0.3
const ROUNDS = 5
const WARM_UP_SHARE = 0.2
/** Look-ups of the other node's identifiers, each of another one. */
const FOREIGN_PER_SECOND = 100
const FOREIGN_EVERY_MS = 1000 / FOREIGN_PER_SECOND
const TITLE = 'GET memory hit, while the node above misbehaves'
const FLOOD_OCTETS = 64 * 2 ** 20

type Behaviour = (request: http.IncomingMessage, response: http.ServerResponse) => void

const TROUBLES: Readonly<Record<string, Behaviour>> = {
  'connections reset': (request) => request.socket.resetAndDestroy(),
  'black hole': () => undefined,
  'one octet a second': dripping,
  garbage: (request) => request.socket.end(Buffer.alloc(5_000, 0xa5)),
  '64 MB': flooding,
}

export async function measureFederation(bench: Bench, findings: Findings): Promise<void> {
  await findings.latency('federation', async () => {
    bench.say(`federation: ${TITLE}`)
    const upstream = await troubled()
    bench.clean.add(upstream.close)
    const node = await startMeasuredNode(bench, {
      memoryCacheBytes: MEMORY_CACHE_BYTES,
      redisUrl: NO_REDIS,
      environment: { JIEXI_PARENT: upstream.url, JIEXI_PROBE_SECONDS: '1' },
    })
    const rows = await takeTurns(bench, node, upstream)
    await node.stop()
    await upstream.close()
    return rows
  })
}

async function takeTurns(bench: Bench, node: RunningNode, upstream: Troubled): Promise<LatencyRow[]> {
  const { quick, rounds, connections, durationMs } = bench.options
  const { hotRecords } = sizesOf(bench.options)
  const identifiers = Array.from({ length: hotRecords }, (_, index) => identifierAt(index))
  await sendAll(
    node.port,
    identifiers.map((identifier) => lookup(identifier)),
  )
  const requests = Array.from(drawn(bench, 'zipf', hotRecords), (index) => lookup(identifierAt(index)))
  const load = { port: node.port, connections, expectStatus: 200, nextRequest: cycle(requests), durationMs }
  const { answersPerSecond } = await runClosedLoop(load)
  const results = new Map<string, OpenLoopResult[]>()
  for (let round = 0; round < (quick ? 1 : Math.min(ROUNDS, rounds)); round += 1) {
    for (const side of [CALM, ...Object.keys(TROUBLES)]) {
      const result = await underTrouble(side, {
        node,
        upstream,
        measure: () => measured(load, answersPerSecond * SHARE),
      })
      results.set(side, [...(results.get(side) ?? []), result])
    }
  }
  return [...results].map(([side, of]) => ({
    name: 'federation' as const,
    title: TITLE,
    side,
    shareOfCapacity: SHARE,
    ...latencyFigures(of),
  }))
}

type Measured = Parameters<typeof runOpenLoop>[0]

async function measured(load: Omit<Measured, 'ratePerSecond'>, ratePerSecond: number): Promise<OpenLoopResult> {
  await runOpenLoop({ ...load, ratePerSecond, durationMs: load.durationMs * WARM_UP_SHARE })
  return runOpenLoop({ ...load, ratePerSecond })
}

interface Turn {
  readonly node: RunningNode
  readonly upstream: Troubled
  measure(): Promise<OpenLoopResult>
}

/** In calm the same look-ups come in, and the node above answers each at once. */
async function underTrouble(side: string, { node, upstream, measure }: Turn): Promise<OpenLoopResult> {
  upstream.behave(TROUBLES[side] ?? answering)
  const stop = askForeign(node.port)
  try {
    return await measure()
  } finally {
    await stop()
  }
}

let asked = 0

function askForeign(port: number): () => Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 })
  const timer = setInterval(() => {
    asked += 1
    http
      .get({ port, agent, path: `/v1/identifiers/99.999/${asked}` }, (response) => response.resume())
      .on('error', () => undefined)
  }, FOREIGN_EVERY_MS)
  return async () => {
    clearInterval(timer)
    agent.destroy()
  }
}

interface Troubled {
  readonly url: string
  behave(how: Behaviour): void
  close(): Promise<void>
}

async function troubled(): Promise<Troubled> {
  let behaviour: Behaviour = answering
  const server = http.createServer((request, response) => behaviour(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    behave(how) {
      behaviour = how
      server.closeAllConnections()
    },
    async close() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function answering(_request: http.IncomingMessage, response: http.ServerResponse): void {
  const problem = JSON.stringify({ code: 'identifier-absent', detail: 'not registered' })
  response.writeHead(404, { 'content-type': 'application/problem+json', 'jiexi-version': '0' }).end(problem)
}

function dripping(_request: http.IncomingMessage, response: http.ServerResponse): void {
  response.writeHead(200)
  const drip = setInterval(() => response.write('.'), 1_000)
  response.on('close', () => clearInterval(drip))
}

function flooding(_request: http.IncomingMessage, response: http.ServerResponse): void {
  response.writeHead(200)
  const piece = Buffer.alloc(65_536)
  let left = FLOOD_OCTETS
  const more = () => {
    while (left > 0 && !response.destroyed) {
      left -= piece.length
      if (!response.write(piece)) {
        response.once('drain', more)
        return
      }
    }
    response.end()
  }
  more()
}
