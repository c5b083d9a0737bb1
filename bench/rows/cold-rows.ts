/** Rows of the node without its memory cache: over Redis, and with the database alone. */
import path from 'node:path'
import { type BaselineServer, startDatabaseBaseline, startReadingServer } from '../baselines/run.js'
import { type Bench, sizesOf } from '../bench.js'
import type { Side } from '../load/rounds.js'
import { sendAll } from '../load/send-all.js'
import { loadedSide } from '../load/sides.js'
import type { Findings } from '../report/findings.js'
import type { RunningNode } from '../stage/node-under-test.js'
import { identifierAt } from '../workload/dataset.js'
import { cycle } from '../workload/keys.js'
import { lookup } from '../workload/requests.js'
import { databaseSide } from './import.js'
import { measureLatency } from './latency.js'
import { hits } from './lookup-specs.js'
import { type LookupSpec, measureLookups, recordForBareServer } from './lookups.js'

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

/** Two limits beside the bare server: the same read without HTTP, and with a bare server around it, which is like for like. */
export async function measurePostgresRows(bench: Bench, node: RunningNode, findings: Findings): Promise<void> {
  const { records, seed, durationMs } = bench.options
  const core = bench.pinned?.serverCore
  const spec = hits(bench, {
    name: 'postgres',
    title: 'GET all caches off, uniform',
    expectTier: 'registry',
    distribution: 'uniform',
    count: records,
  })
  const query = await startDatabaseBaseline('coalesced-query', [bench.stage.databaseUrl, records, seed], core)
  const reading = await startReadingServer(bench.stage.databaseUrl, core)
  const otherBaselines = [
    await readingSide(bench, node, { spec, reading }),
    databaseSide('coalesced query, no HTTP', query, { durationMs }),
  ]
  await findings.row('postgres', () => measureLookups(bench, node, { ...spec, otherBaselines }))
  await Promise.all([query.stop(), reading.stop()])
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

/** Sends the answers that the bare server has, after the read. */
async function readingSide(
  bench: Bench,
  node: RunningNode,
  of: { readonly spec: LookupSpec; readonly reading: BaselineServer },
): Promise<Side> {
  const { spec, reading } = of
  const { requests } = await recordForBareServer(bench, node, spec)
  await reading.load(path.join(bench.stage.scratchFolder, `${spec.name}.recording`))
  const { connections, durationMs } = bench.options
  const load = { connections, durationMs, expectStatus: spec.expectStatus, nextRequest: cycle(requests) }
  return loadedSide({ ...load, name: reading.name, server: reading })
}
