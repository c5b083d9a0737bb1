/** One of the two builds that are compared: its nodes, over a database of its own, and the sides of its rows. */
import { Readable } from 'node:stream'
import { openDatabase } from '../../src/platform/postgres.js'
import type { Bench } from '../bench.js'
import type { Side } from '../load/rounds.js'
import { loadedSide, perUnit } from '../load/sides.js'
import { ndjson } from '../rows/import.js'
import { type Api, openImport, setUpEnterprise, uploadImport } from '../stage/api.js'
import { ADMIN_KEY, type MeasuredNode, startMeasuredNode } from '../stage/measured-node.js'
import type { RunningNode } from '../stage/node-under-test.js'
import { cpuSecondsOf } from '../stage/process-usage.js'
import { PART_PREFIX, PRODUCT_PREFIX, recordAt } from '../workload/dataset.js'
import { register, registerMany } from '../workload/requests.js'
import type { Build } from './revisions.js'

export interface Contender {
  readonly build: Build
  start(caches: Pick<MeasuredNode, 'memoryCacheBytes' | 'redisUrl'>): Promise<RunningNode>
  /** Sets up the enterprise that writes; once, on the first node. */
  setUp(node: RunningNode): Promise<void>
  /** Each measurement imports the next of `parts` parts of the data set. */
  importSide(node: RunningNode, parts: number): Side
  /** After the import: what the database would else do at some time during the rows. */
  settle(): Promise<void>
  /** Registers records beyond the data set, each once. */
  registerSide(node: RunningNode, of: { readonly callers: number; readonly rowsPerRequest: number }): Side
}

const LONG_MS = 3_600_000
/** A batch takes a noticeable part of a second. */
const LEAST_REGISTRATION_MS = 500

export async function contender(bench: Bench, build: Build, name: 'a' | 'b'): Promise<Contender> {
  const { records, seed, durationMs } = bench.options
  const databaseUrl = new URL(bench.stage.databaseUrl)
  databaseUrl.pathname = `/compare_${name}`
  await inDatabase(bench.stage.databaseUrl, `create database compare_${name}`)
  let api: Api | undefined
  let part = 0
  let next = records
  const takeRecord = () => {
    next += 1
    return recordAt(seed, next - 1)
  }
  return {
    build,
    start: (caches) => startMeasuredNode(bench, { ...caches, databaseUrl: databaseUrl.href, program: build.program }),
    setUp: async (node) => {
      api = await setUpEnterprise({ port: node.port, apiKey: ADMIN_KEY }, [PRODUCT_PREFIX, PART_PREFIX])
    },
    importSide: (node, parts) => ({
      name: build.revision,
      measure: async () => {
        const [from, to] = [part, part + 1].map((at) => Math.floor((records * at) / parts)) as [number, number]
        part += 1
        return importPart(node, api!, { seed, from, to })
      },
    }),
    settle: async () => {
      await inDatabase(databaseUrl.href, 'vacuum (analyze) identifier')
      await inDatabase(databaseUrl.href, 'checkpoint')
    },
    registerSide: (node, { callers, rowsPerRequest }) =>
      loadedSide({
        name: build.revision,
        server: node,
        connections: callers,
        durationMs: Math.max(durationMs, LEAST_REGISTRATION_MS),
        expectStatus: rowsPerRequest === 1 ? 201 : 200,
        unitsPerAnswer: rowsPerRequest,
        nextRequest: () =>
          rowsPerRequest === 1
            ? register(takeRecord(), api!.apiKey)
            : registerMany(Array.from({ length: rowsPerRequest }, takeRecord), api!.apiKey),
      }),
  }
}

async function importPart(
  node: RunningNode,
  api: Api,
  { seed, from, to }: { readonly seed: number; readonly from: number; readonly to: number },
) {
  const cpuBefore = cpuSecondsOf(node.pid)
  const startedAt = performance.now()
  const { id } = await openImport(api)
  const job = await uploadImport(api, id, Readable.from(ndjson(seed, from, to), { objectMode: false }))
  const seconds = (performance.now() - startedAt) / 1000
  if (job.state !== 'finished' || job.rows.created !== to - from) {
    throw new Error(`The import did not create ${to - from} records: ${JSON.stringify(job)}`)
  }
  return {
    perSecond: (to - from) / seconds,
    cpuMicroseconds: perUnit(cpuBefore, cpuSecondsOf(node.pid), to - from),
  }
}

async function inDatabase(url: string, statement: string): Promise<void> {
  const db = openDatabase({ url, maxConnections: 1, statementTimeoutMs: LONG_MS })
  await db.query(statement).finally(() => db.close())
}
