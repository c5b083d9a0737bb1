/** Rows of the node without its memory cache: over Redis, and with the database alone. */
import { startDatabaseBaseline } from '../baselines/run.js'
import { type Bench, sizesOf } from '../bench.js'
import { sendAll } from '../load/send-all.js'
import type { Findings } from '../report/findings.js'
import type { RunningNode } from '../stage/node-under-test.js'
import { identifierAt } from '../workload/dataset.js'
import { lookup } from '../workload/requests.js'
import { databaseSide } from './import.js'
import { measureLatency } from './latency.js'
import { hits } from './lookup-specs.js'
import { measureLookups } from './lookups.js'

export async function measureRedisRows(bench: Bench, node: RunningNode, findings: Findings): Promise<void> {
  const count = sizesOf(bench.options).hotRecords
  const spec = hits(bench, {
    name: 'redis',
    title: 'GET Redis hit, uniform',
    expectTier: 'redis',
    distribution: 'uniform',
    count,
  })
  bench.say(`warming: ${count} records into Redis`)
  await sendAll(
    node.port,
    Array.from({ length: count }, (_, index) => lookup(identifierAt(index))),
  )
  await findings.row('redis', () => measureLookups(bench, node, spec))
  await findings.latency('latency-redis', async () =>
    measureLatency(bench, node, {
      name: 'latency-redis',
      title: spec.title,
      requests: spec.requests,
      capacityPerSecond: await findings.capacity('redis', () => measureLookups(bench, node, spec)),
      withBareServer: false,
    }),
  )
}

export async function measurePostgresRows(bench: Bench, node: RunningNode, findings: Findings): Promise<void> {
  const { records, seed, durationMs } = bench.options
  const spec = hits(bench, {
    name: 'postgres',
    title: 'GET all caches off, uniform',
    expectTier: 'registry',
    distribution: 'uniform',
    count: records,
  })
  const limit = await startDatabaseBaseline(
    'coalesced-query',
    [bench.stage.databaseUrl, records, seed],
    bench.pinned?.serverCore,
  )
  const withLimit = { ...spec, otherBaselines: [databaseSide('coalesced query', limit, { durationMs })] }
  await findings.row('postgres', () => measureLookups(bench, node, withLimit))
  await limit.stop()
  await findings.latency('latency-postgres', async () =>
    measureLatency(bench, node, {
      name: 'latency-postgres',
      title: spec.title,
      requests: spec.requests,
      capacityPerSecond: await findings.capacity('postgres', () => measureLookups(bench, node, spec)),
      withBareServer: false,
    }),
  )
}
