/**
 * The order of a run: one node at a time over the same database, first as it comes, then without its memory cache over
 * Redis, then without any cache. The data set comes in through the import; what writes comes after what reads.
 */

import type { Bench } from './bench.js'
import { type Findings, findings } from './report/findings.js'
import { measurePostgresRows, measureRedisRows } from './rows/cold-rows.js'
import { loadDataset, measureImport } from './rows/import.js'
import { measureMemoryRows } from './rows/memory-rows.js'
import { registrationRows } from './rows/registration.js'
import type { RowName } from './rows/row-names.js'
import { setUpEnterprise } from './stage/api.js'
import type { Cleanup } from './stage/cleanup.js'
import { type RunningNode, startNode } from './stage/node-under-test.js'
import { PART_PREFIX, PRODUCT_PREFIX } from './workload/dataset.js'

/** Holds the hot records of any run, with room to spare. */
export const MEMORY_CACHE_BYTES = 2 ** 30
const ADMIN_KEY = 'bench-administrator-key'
const NO_REDIS = 'none'

const MEMORY_ROWS = [
  'memory-zipf',
  'memory-uniform',
  'autocannon',
  'not-modified',
  'absent',
  'malformed',
  'not-served',
  'batch-resolve',
  'latency-memory',
] as const satisfies readonly RowName[]
const REDIS_ROWS = ['redis', 'latency-redis'] as const satisfies readonly RowName[]
const POSTGRES_ROWS = ['postgres', 'latency-postgres'] as const satisfies readonly RowName[]

export async function runRows(bench: Bench, clean: Cleanup): Promise<Findings['found']> {
  const results = findings({
    only: bench.options.only,
    isInterrupted: () => clean.interrupted,
    isOutOfTime: () => bench.isOutOfTime(),
  })
  const redisUrl = bench.stage.redisUrl
  const start = (caches: { readonly memoryCacheBytes: number; readonly redisUrl: string }) =>
    startMeasuredNode(bench, clean, caches)

  const node = await start({ memoryCacheBytes: MEMORY_CACHE_BYTES, redisUrl: redisUrl ?? NO_REDIS })
  const api = await setUpEnterprise({ port: node.port, apiKey: ADMIN_KEY }, [PRODUCT_PREFIX, PART_PREFIX])
  if (results.wants('import')) await results.row('import', () => measureImport(bench, node, api))
  else await loadDataset(bench, node, api)
  requireDataset(results)
  await results.group(MEMORY_ROWS, () => measureMemoryRows(bench, node, results))
  const registration = registrationRows(bench, node, api)
  await results.row('register', registration.single)
  await results.row('register-batch', registration.batch)
  await node.stop()

  if (redisUrl === undefined) results.leaveOut(REDIS_ROWS, 'there is no redis-server on PATH')
  else {
    await results.group(REDIS_ROWS, async () => {
      const overRedis = await start({ memoryCacheBytes: 0, redisUrl })
      await measureRedisRows(bench, overRedis, results)
      await overRedis.stop()
    })
  }
  await results.group(POSTGRES_ROWS, async () => {
    const uncached = await start({ memoryCacheBytes: 0, redisUrl: NO_REDIS })
    await measurePostgresRows(bench, uncached, results)
    await uncached.stop()
  })
  return results.found
}

async function startMeasuredNode(
  bench: Bench,
  clean: Cleanup,
  caches: { readonly memoryCacheBytes: number; readonly redisUrl: string },
): Promise<RunningNode> {
  const node = await startNode({
    ...caches,
    databaseUrl: bench.stage.databaseUrl,
    adminKey: ADMIN_KEY,
    scratchFolder: bench.stage.scratchFolder,
    core: bench.pinned?.serverCore,
  })
  clean.add(node.stop)
  return node
}

/** Nothing else makes sense without the data set. */
function requireDataset(results: Findings): void {
  const failed = results.found.left.find(({ name }) => name === 'import')
  if (failed) throw new Error(`The data set could not be loaded. ${failed.reason}`)
}
