/**
 * The order of a run: nodes over the same database, first one as it comes, then without its memory cache over Redis, then
 * without any cache; then what needs several nodes, writes new versions, or has a database of its own. The data set comes
 * in through the import; what writes comes after what reads.
 */
import type { Bench } from './bench.js'
import { type Findings, findings } from './report/findings.js'
import type { Found } from './report/report.js'
import { measurePostgresRows, measureRedisRows } from './rows/cold-rows.js'
import { measureFederation } from './rows/federation.js'
import { HANDLE_ROWS, measureHandleRows } from './rows/handle-rows.js'
import { loadDataset, measureImport } from './rows/import.js'
import { measureMemoryCache } from './rows/memory-cache.js'
import { measureMemoryRows } from './rows/memory-rows.js'
import { measureMixedRows } from './rows/mixed.js'
import { measureReplicas, measureWorkers } from './rows/process-rows.js'
import { registrationRows } from './rows/registration.js'
import type { RowName } from './rows/row-names.js'
import { measureScale } from './rows/scale.js'
import { measureVisibility } from './rows/visibility.js'
import { type Api, setUpEnterprise } from './stage/api.js'
import { ADMIN_KEY, MEMORY_CACHE_BYTES, NO_REDIS, startMeasuredNode } from './stage/measured-node.js'
import { scaledDatabases } from './stage/scaled-database.js'
import { PART_PREFIX, PRODUCT_PREFIX } from './workload/dataset.js'

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
  'latency-crowd',
] as const satisfies readonly RowName[]
const REDIS_ROWS = ['redis', 'latency-redis'] as const satisfies readonly RowName[]
const POSTGRES_ROWS = ['postgres', 'latency-postgres'] as const satisfies readonly RowName[]
const MIXED_ROWS = ['mixed', 'latency-mixed'] as const satisfies readonly RowName[]
/** Those have databases of their own, and do without the data set. */
const SCALED_ROWS: readonly RowName[] = ['scale', 'memory-cache']

export async function runRows(bench: Bench): Promise<Found> {
  const results = findings({
    only: bench.options.only,
    isInterrupted: () => bench.clean.interrupted,
    isOutOfTime: () => bench.isOutOfTime(),
  })
  if ([...bench.options.only].some((name) => !SCALED_ROWS.includes(name))) {
    const api = await runFirstNode(bench, results)
    await runColdRows(bench, results)
    await measureReplicas(bench, results)
    if (results.wants('workers')) await measureWorkers(bench, results)
    await results.group(MIXED_ROWS, () => measureMixedRows(bench, api, results))
    await measureVisibility(bench, api, results)
    await measureFederation(bench, results)
  }
  const databaseOf = scaledDatabases(bench)
  await results.row('scale', () => measureScale(bench, databaseOf))
  await results.memoryCache('memory-cache', () => measureMemoryCache(bench, databaseOf))
  return results.found
}

/** Loads the data set, on the way or as a row. */
async function runFirstNode(bench: Bench, results: Findings): Promise<Api> {
  const node = await startMeasuredNode(bench, {
    memoryCacheBytes: MEMORY_CACHE_BYTES,
    redisUrl: bench.stage.redisUrl ?? NO_REDIS,
  })
  const api = await setUpEnterprise({ port: node.port, apiKey: ADMIN_KEY }, [PRODUCT_PREFIX, PART_PREFIX])
  if (results.wants('import')) await results.row('import', () => measureImport(bench, node, api))
  else await loadDataset(bench, node, api)
  requireDataset(results)
  await results.group(MEMORY_ROWS, () => measureMemoryRows(bench, node, results))
  await results.group(HANDLE_ROWS, () => measureHandleRows(bench, node, results))
  const registration = registrationRows(bench, node, api)
  await results.row('register', registration.single)
  await results.row('register-batch', registration.batch)
  await node.stop()
  return api
}

async function runColdRows(bench: Bench, results: Findings): Promise<void> {
  const { redisUrl } = bench.stage
  if (redisUrl === undefined) results.leaveOut(REDIS_ROWS, 'there is no redis-server on PATH')
  else {
    await results.group(REDIS_ROWS, async () => {
      const overRedis = await startMeasuredNode(bench, { memoryCacheBytes: 0, redisUrl })
      await measureRedisRows(bench, overRedis, results)
      await overRedis.stop()
    })
  }
  await results.group(POSTGRES_ROWS, async () => {
    const uncached = await startMeasuredNode(bench, { memoryCacheBytes: 0, redisUrl: NO_REDIS })
    await measurePostgresRows(bench, uncached, results)
    await uncached.stop()
  })
}

/** Nothing else makes sense without the data set. */
function requireDataset(results: Findings): void {
  const failed = results.found.left.find(({ name }) => name === 'import')
  if (failed) throw new Error(`The data set could not be loaded. ${failed.reason}`)
}
