/**
 * The row of the bulk import, which is also how the data set gets in: one part of it per round, and as many like rows by
 * plain COPY in turn.
 */
import { Readable } from 'node:stream'
import { type Database, openDatabase } from '../../src/platform/postgres.js'
import { startDatabaseBaseline } from '../baselines/run.js'
import type { Bench } from '../bench.js'
import { type Side, takeTurns } from '../load/rounds.js'
import { perUnit } from '../load/sides.js'
import type { Row } from '../report/report.js'
import { type Api, openImport, uploadImport } from '../stage/api.js'
import type { RunningNode } from '../stage/node-under-test.js'
import { cpuSecondsOf } from '../stage/process-usage.js'
import { recordAt } from '../workload/dataset.js'

const MAX_PARTS = 3
const RECORDS_PER_CHUNK = 200
const LONG_MS = 3_600_000

export async function measureImport(bench: Bench, node: RunningNode, api: Api): Promise<Row> {
  const { options } = bench
  const parts = Math.min(options.rounds, MAX_PARTS)
  bench.say(`import: ${options.records} records in ${parts} parts`)
  const memoryBefore = node.memory()
  const importer = importSide(bench, node, { api, parts })
  const db = openDatabase({ url: bench.stage.databaseUrl, maxConnections: 1, statementTimeoutMs: LONG_MS })
  try {
    const [first] = await takeTurns([importer], { rounds: 1, warmUp: false })
    const bodyOctets = await meanBodyOctets(db)
    const copy = await startDatabaseBaseline(
      'raw-copy',
      [bench.stage.databaseUrl, bodyOctets],
      bench.pinned?.serverCore,
    )
    const copySide = databaseSide('raw COPY', copy, { durationMs: 0, rows: Math.floor(options.records / parts) })
    const [firstCopy] = await takeTurns([copySide], { rounds: 1, warmUp: false })
    const [imported, copied] = await takeTurns([importer, copySide], { rounds: parts - 1, warmUp: false })
    await copy.stop()
    await settle(db)

    const memoryAfter = node.memory()
    return {
      name: 'import',
      title: 'POST /v1/imports, NDJSON',
      unit: 'records',
      node: { name: 'node', samples: [...first!.samples, ...imported!.samples] },
      baselines: [{ name: 'raw COPY', samples: [...firstCopy!.samples, ...copied!.samples] }],
      notes: memoryBefore && memoryAfter ? [memoryNote(memoryBefore, memoryAfter)] : [],
      facts: {
        records: options.records,
        bodyOctets,
        ...(memoryBefore && memoryAfter
          ? {
              rssBytesBefore: memoryBefore.rssBytes,
              rssBytesAfter: memoryAfter.rssBytes,
              rssBytesPeak: memoryAfter.peakRssBytes,
            }
          : {}),
      },
    }
  } finally {
    await db.close()
  }
}

/** The data set alone, where the row was not asked for. */
export async function loadDataset(bench: Bench, node: RunningNode, api: Api): Promise<void> {
  bench.say(`loading ${bench.options.records} records`)
  await importSide(bench, node, { api, parts: 1 }).measure()
  const db = openDatabase({ url: bench.stage.databaseUrl, maxConnections: 1, statementTimeoutMs: LONG_MS })
  await settle(db).finally(() => db.close())
}

/** Each measurement imports the next part of the data set. */
function importSide(bench: Bench, node: RunningNode, of: { readonly api: Api; readonly parts: number }): Side {
  const { records, seed } = bench.options
  let part = 0
  return {
    name: 'node',
    measure: async () => {
      const from = Math.floor((records * part) / of.parts)
      const to = Math.floor((records * (part + 1)) / of.parts)
      part += 1
      const cpuBefore = cpuSecondsOf(node.pid)
      const startedAt = performance.now()
      const { id } = await openImport(of.api)
      const job = await uploadImport(of.api, id, Readable.from(ndjson(seed, from, to), { objectMode: false }))
      const seconds = (performance.now() - startedAt) / 1000
      if (job.state !== 'finished' || job.rows.created !== to - from) {
        throw new Error(`The import did not create ${to - from} records: ${JSON.stringify(job)}`)
      }
      return {
        perSecond: (to - from) / seconds,
        cpuMicroseconds: perUnit(cpuBefore, cpuSecondsOf(node.pid), to - from),
      }
    },
  }
}

export function* ndjson(seed: number, from: number, to: number): Iterable<Buffer> {
  for (let start = from; start < to; start += RECORDS_PER_CHUNK) {
    let chunk = ''
    const end = Math.min(to, start + RECORDS_PER_CHUNK)
    for (let index = start; index < end; index += 1) chunk += `${JSON.stringify(recordAt(seed, index))}\n`
    yield Buffer.from(chunk)
  }
}

export function databaseSide(
  name: string,
  baseline: Awaited<ReturnType<typeof startDatabaseBaseline>>,
  order: { readonly durationMs: number; readonly rows?: number },
): Side {
  return {
    name,
    measure: async () => {
      const cpuBefore = cpuSecondsOf(baseline.pid)
      const { done, seconds } = await baseline.measure(order)
      return { perSecond: done / seconds, cpuMicroseconds: perUnit(cpuBefore, cpuSecondsOf(baseline.pid), done) }
    },
  }
}

/** What a body takes in the table, so that the baselines write rows of the same size. */
export async function meanBodyOctets(db: Database): Promise<number> {
  const [row] = await db.query<{ octets: number | null }>(
    'select avg(octet_length(body))::int as octets from (select body from identifier limit 2000) sampled',
  )
  return row?.octets ?? 0
}

/** The database does now what it would else do at some time during the rows that follow. */
async function settle(db: Database): Promise<void> {
  await db.query('vacuum (analyze) identifier')
  await db.query('checkpoint')
}

type Memory = NonNullable<ReturnType<RunningNode['memory']>>

function memoryNote(before: Memory, after: Memory): string {
  const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`
  return `memory of the node ${mebibytes(before.rssBytes)} before, ${mebibytes(after.rssBytes)} after, ${mebibytes(after.peakRssBytes)} at most`
}
