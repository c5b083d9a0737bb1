/**
 * The row of mixed requests, against the same mix without its writes: what writers cost the others. Then, at half of the
 * capacity, the latency of each kind among the others.
 */
import type { Bench } from '../bench.js'
import { type OpenLoopResult, runOpenLoop } from '../load/open-loop.js'
import { percentilesOf } from '../load/percentiles.js'
import { spreadOf, takeTurns } from '../load/rounds.js'
import { sendAll } from '../load/send-all.js'
import { loadedSide, warningsOf } from '../load/sides.js'
import type { Findings } from '../report/findings.js'
import type { LatencyRow, Row } from '../report/report.js'
import type { Api } from '../stage/api.js'
import { startMeasuredNode } from '../stage/measured-node.js'
import { readMetrics } from '../stage/node-metrics.js'
import type { RunningNode } from '../stage/node-under-test.js'
import { BATCH_IDENTIFIERS, KINDS, type Mix, mixOf, SHARES } from '../workload/mix.js'
import { resolveMany } from '../workload/requests.js'
import { notesOf } from './latency.js'

const HOT_SHARE = 0.1
/** Room for the frequent records and some more, whatever the node counts for one; not for all records. */
const MEMORY_BYTES_PER_HOT_RECORD = 2_048
const SHARE_OF_CAPACITY = 0.5
const LATENCY_ROUNDS = 3
const WARMING_BATCH = 1_000

interface MixedLoad {
  readonly hotRecords: number
  mix(without?: readonly (typeof KINDS)[number][]): Mix
}

/** @param api of the enterprise that holds the data set's prefixes */
export async function measureMixedRows(bench: Bench, api: Api, findings: Findings): Promise<void> {
  const { records, seed } = bench.options
  const hotRecords = Math.floor(records * HOT_SHARE)
  const node = await startMeasuredNode(bench, {
    memoryCacheBytes: hotRecords * MEMORY_BYTES_PER_HOT_RECORD,
    redisUrl: bench.stage.redisUrl ?? 'none',
  })
  let revision = 0
  const nextRevision = () => {
    revision += 1
    return revision
  }
  const load: MixedLoad = {
    hotRecords,
    mix: (without = []) => mixOf({ seed, records, hotRecords, apiKey: api.apiKey, without, nextRevision }),
  }
  bench.say(`warming: ${records} records, ${hotRecords} of them the frequent ones`)
  await warm(node, hotRecords, records)
  await warm(node, 0, hotRecords)
  await findings.row('mixed', () => measureMixed(bench, node, load))
  await findings.latency('latency-mixed', async () =>
    measureByKind(bench, node, {
      mix: load.mix(),
      capacityPerSecond: await findings.capacity('mixed', () => measureMixed(bench, node, load)),
    }),
  )
  await node.stop()
}

async function warm(node: RunningNode, from: number, to: number): Promise<void> {
  const batches = Array.from({ length: Math.ceil((to - from) / WARMING_BATCH) }, (_, batch) => {
    const start = from + batch * WARMING_BATCH
    return resolveMany(Array.from({ length: Math.min(WARMING_BATCH, to - start) }, (_, index) => start + index))
  })
  await sendAll(node.port, batches)
}

async function measureMixed(bench: Bench, node: RunningNode, { mix, hotRecords }: MixedLoad): Promise<Row> {
  bench.say('mixed: look-ups, batches and writes together')
  const { connections, durationMs, records } = bench.options
  const sideOf = (name: string, { next, expectedStatus }: Mix) =>
    loadedSide({ name, server: node, connections, durationMs, nextRequest: next, expectStatus: expectedStatus })
  const before = await readMetrics(node.port)
  const [measured, readsAlone] = await takeTurns(
    [sideOf('node', mix()), sideOf('without writes', mix(['write']))],
    bench.turns(),
  )
  const after = await readMetrics(node.port)
  return {
    name: 'mixed',
    title: `mix of ${KINDS.map((kind) => `${Math.round(SHARES[kind] * 100)} % ${kind}`).join(', ')}`,
    unit: 'requests',
    node: measured!,
    baselines: [readsAlone!],
    notes: warningsOf([measured!, readsAlone!]),
    facts: { records, hotRecords, identifiersPerBatch: BATCH_IDENTIFIERS, ...tierShares(before, after) },
  }
}

/** Share of the look-ups, those in batches counted each, by the tier that answered. */
function tierShares(
  before: Awaited<ReturnType<typeof readMetrics>>,
  after: Awaited<ReturnType<typeof readMetrics>>,
): Record<string, number> {
  const earlier = before.by('jiexi_lookups_total', 'tier')
  const counts = [...after.by('jiexi_lookups_total', 'tier')].map(
    ([tier, count]) => [tier, count - (earlier.get(tier) ?? 0)] as const,
  )
  const total = counts.reduce((sum, [, count]) => sum + count, 0)
  return Object.fromEntries(counts.filter(([, count]) => count > 0).map(([tier, count]) => [tier, count / total]))
}

async function measureByKind(
  bench: Bench,
  node: RunningNode,
  { mix, capacityPerSecond }: { readonly mix: Mix; readonly capacityPerSecond: number },
): Promise<LatencyRow[]> {
  bench.say('latency-mixed: each kind among the others')
  const { connections, durationMs, quick } = bench.options
  const load = {
    port: node.port,
    connections,
    nextRequest: mix.next,
    expectStatus: mix.expectedStatus,
    kindOf: mix.kindOf,
    ratePerSecond: capacityPerSecond * SHARE_OF_CAPACITY,
  }
  const rounds: OpenLoopResult[] = []
  // A kind of which there is little needs a longer run for its tail.
  const longer = quick ? 1 : 2
  for (let round = 0; round < (quick ? 1 : LATENCY_ROUNDS); round += 1) {
    rounds.push(await runOpenLoop({ ...load, durationMs: durationMs * longer }))
  }
  return KINDS.map((kind) => rowOfKind(kind, rounds))
}

function rowOfKind(kind: (typeof KINDS)[number], rounds: readonly OpenLoopResult[]): LatencyRow {
  const histograms = rounds.flatMap(({ latencyByKind }) => latencyByKind.get(kind) ?? [])
  const median = (figure: (result: OpenLoopResult) => number) => spreadOf(rounds.map(figure)).median
  return {
    name: 'latency-mixed',
    title: `${kind}, among the others`,
    side: kind,
    shareOfCapacity: SHARE_OF_CAPACITY,
    offeredPerSecond: median((result) => result.offeredPerSecond) * SHARES[kind],
    answeredPerSecond: median((result) => result.answeredPerSecond) * SHARES[kind],
    ...percentilesOf(histograms),
    generatorLagP99: median(({ generatorLag }) => generatorLag.quantile(0.99)),
    generatorBusyShare: median((result) => result.generatorBusyShare),
    unanswered: rounds.reduce((sum, { unanswered }) => sum + unanswered, 0),
    notes: kind === KINDS[0] ? notesOf(rounds) : [],
  }
}
