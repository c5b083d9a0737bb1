/**
 * Local look-ups while other nodes misbehave: memory hits in an open loop, at a fixed share of the capacity, in calm and
 * then with the node above refusing, black-holed, dripping, lying or flooding, while look-ups of its identifiers come in all
 * the time. Calm and trouble take turns, so that what the machine does beside falls on both.
 */
import { type Bench, sizesOf } from '../bench.js'
import { runClosedLoop } from '../load/closed-loop.js'
import { type OpenLoopResult, runOpenLoop } from '../load/open-loop.js'
import { sendAll } from '../load/send-all.js'
import type { Findings } from '../report/findings.js'
import type { LatencyRow } from '../report/report.js'
import { MEMORY_CACHE_BYTES, NO_REDIS, startMeasuredNode } from '../stage/measured-node.js'
import type { RunningNode } from '../stage/node-under-test.js'
import { type BehaviourName, CALM, startTroubledNode, TROUBLES, type TroubledNode } from '../stage/troubled.js'
import { identifierAt } from '../workload/dataset.js'
import { requestRun } from '../workload/request-run.js'
import { lookup } from '../workload/requests.js'
import { latencyFigures } from './latency.js'
import { drawn } from './lookup-specs.js'

const SHARE = 0.3
const WARM_UP_SHARE = 0.2
const TITLE = 'GET memory hit, while the node above misbehaves'

export async function measureFederation(bench: Bench, findings: Findings): Promise<void> {
  await findings.latency('federation', async () => {
    bench.say(`federation: ${TITLE}`)
    const upstream = await startTroubledNode()
    bench.clean.add(upstream.stop)
    const node = await startMeasuredNode(bench, {
      memoryCacheBytes: MEMORY_CACHE_BYTES,
      redisUrl: NO_REDIS,
      environment: { JIEXI_PARENT: upstream.url, JIEXI_PROBE_SECONDS: '1' },
    })
    const rows = await takeTurns(bench, node, upstream)
    await node.stop()
    await upstream.stop()
    return rows
  })
}

async function takeTurns(bench: Bench, node: RunningNode, upstream: TroubledNode): Promise<LatencyRow[]> {
  const { quick, rounds, connections, durationMs } = bench.options
  const load = { port: node.port, connections, expectStatus: 200, nextRequest: await warmed(bench, node), durationMs }
  const { answersPerSecond } = await runClosedLoop(load)
  const results = new Map<string, OpenLoopResult[]>()
  for (let round = 0; round < (quick ? 1 : rounds); round += 1) {
    for (const side of [CALM, ...TROUBLES] as const) {
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

/** Memory holds what is asked for after this. */
async function warmed(bench: Bench, node: RunningNode): Promise<() => Buffer> {
  const { hotRecords } = sizesOf(bench.options)
  const lookups = Array.from({ length: hotRecords }, (_, index) => lookup(identifierAt(index)))
  await sendAll(node.port, lookups)
  return requestRun(lookups, drawn(bench, 'zipf', hotRecords))
}

type Measured = Parameters<typeof runOpenLoop>[0]

async function measured(load: Omit<Measured, 'ratePerSecond'>, ratePerSecond: number): Promise<OpenLoopResult> {
  await runOpenLoop({ ...load, ratePerSecond, durationMs: load.durationMs * WARM_UP_SHARE })
  return runOpenLoop({ ...load, ratePerSecond })
}

interface Turn {
  readonly node: RunningNode
  readonly upstream: TroubledNode
  measure(): Promise<OpenLoopResult>
}

/** In calm the same look-ups come in, and the node above answers each at once. */
async function underTrouble(side: BehaviourName, { node, upstream, measure }: Turn): Promise<OpenLoopResult> {
  await upstream.order({ behave: side })
  await upstream.order({ ask: node.port })
  try {
    return await measure()
  } finally {
    await upstream.order({ ask: 0 })
  }
}
