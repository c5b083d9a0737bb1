/** Rows of the node as it comes, with its memory cache and Redis, all hot records in memory. */

import { headerOf, parseAnswer } from '../baselines/recording.js'
import { type Bench, sizesOf } from '../bench.js'
import { autocannonSide } from '../load/autocannon-side.js'
import { takeTurns } from '../load/rounds.js'
import { collectAnswers, sendAll } from '../load/send-all.js'
import { warningsOf } from '../load/sides.js'
import type { Findings } from '../report/findings.js'
import type { Row } from '../report/report.js'
import type { RunningNode } from '../stage/node-under-test.js'
import { identifierAt } from '../workload/dataset.js'
import { lookup } from '../workload/requests.js'
import { measureBatchResolve } from './batch-resolve.js'
import { measureCrowd } from './crowd.js'
import { measureLatency } from './latency.js'
import { absent, drawn, hits, malformed, notModified, notServed } from './lookup-specs.js'
import { type LookupSpec, measureLookups, recordForBareServer } from './lookups.js'

export async function measureMemoryRows(bench: Bench, node: RunningNode, findings: Findings): Promise<void> {
  const count = sizesOf(bench.options).hotRecords
  const zipf = hits(bench, {
    name: 'memory-zipf',
    title: 'GET memory hit, Zipf 0.99',
    expectTier: 'memory',
    distribution: 'zipf',
    count,
  })
  bench.say(`warming: ${count} records into the memory cache`)
  await sendAll(
    node.port,
    Array.from({ length: count }, (_, index) => lookup(identifierAt(index))),
  )

  await findings.row('memory-zipf', () => measureLookups(bench, node, zipf))
  await findings.row('memory-uniform', () =>
    measureLookups(
      bench,
      node,
      hits(bench, {
        name: 'memory-uniform',
        title: 'GET memory hit, uniform',
        expectTier: 'memory',
        distribution: 'uniform',
        count,
      }),
    ),
  )
  await findings.row('autocannon', () => measureByAutocannon(bench, node, zipf))
  await findings.row('not-modified', async () =>
    measureLookups(bench, node, notModified(bench, count, await requireEtag(node))),
  )
  await findings.row('absent', () => measureLookups(bench, node, absent(bench)))
  await findings.row('malformed', () => measureLookups(bench, node, malformed()))
  await findings.row('not-served', () => measureLookups(bench, node, notServed()))
  await findings.row('batch-resolve', () => measureBatchResolve(bench, node, drawn(bench, 'uniform', count)))
  await findings.latency('latency-memory', async () => {
    const capacities = await findings.capacities('memory-zipf', () => measureLookups(bench, node, zipf))
    return measureLatency(bench, node, {
      name: 'latency-memory',
      title: zipf.title,
      requests: zipf.requests,
      capacityPerSecond: capacities.get('node')!,
      withBareServer: true,
      otherCapacities: capacities,
    })
  })
  await findings.latency('latency-crowd', async () => {
    const capacityPerSecond = await findings.capacity('memory-zipf', () => measureLookups(bench, node, zipf))
    return measureCrowd(bench, node, { requests: zipf.requests, capacityPerSecond })
  })
}

async function measureByAutocannon(bench: Bench, node: RunningNode, spec: LookupSpec): Promise<Row> {
  bench.say(`autocannon: ${spec.title}`)
  const recorded = await recordForBareServer(bench, node, { name: 'autocannon', requests: spec.requests })
  const { connections, durationMs, quick } = bench.options
  const load = { connections, durationMs }
  const [measured, baseline] = await takeTurns(
    [
      autocannonSide({ ...load, name: 'node', server: node, requests: spec.requests }),
      autocannonSide({ ...load, name: 'bare http', server: bench.bare, requests: recorded.requests }),
    ],
    { rounds: quick ? 1 : bench.turns().rounds, warmUp: false },
  )
  return {
    name: 'autocannon',
    title: `${spec.title}, by autocannon`,
    unit: 'answers',
    node: measured!,
    baselines: [baseline!],
    notes: warningsOf([measured!, baseline!]),
  }
}

/** The ETag of a record of version 1. */
export async function requireEtag(node: RunningNode): Promise<string> {
  const [answer] = await collectAnswers(node.port, [lookup(identifierAt(0))])
  const etag = headerOf(parseAnswer(answer!), 'etag')
  if (etag === undefined) throw new Error(`The node's answer has no ETag:\n${answer!.toString().slice(0, 500)}`)
  return etag
}
