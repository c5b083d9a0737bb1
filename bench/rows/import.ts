/**
 * The row of the bulk import, which is also how the data set gets in: one part of it per round, and as many of its rows by
 * plain COPY in turn. What is sent is made before the time runs, on both sides.
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
/** Of a part, so many records are timed, and held in memory for that: about 50 MB, and 120 MB by the baseline. */
const MAX_TIMED_RECORDS = 100_000
const LONG_MS = 3_600_000

export async function measureImport(bench: Bench, node: RunningNode, api: Api): Promise<Row> {
  const { options } = bench
  const parts = Math.min(options.rounds, MAX_PARTS)
  bench.say(`import: ${options.records} records in ${parts} parts`)
  const memoryBefore = node.memory()
  const rows = Math.min(Math.floor(options.records / parts), MAX_TIMED_RECORDS)
  const copies = await Promise.all(['same', 'bare'].map((kind) => startCopy(bench, kind)))
  const db = openDatabase({ url: bench.stage.databaseUrl, maxConnections: 1, statementTimeoutMs: LONG_MS })
  try {
    const [same, bare] = copies.map((copy, at) => databaseSide(COPY_NAMES[at]!, copy, { durationMs: 0, rows }))
    const sides = [importSide(bench, node, { api, parts }), same!, bare!]
    const [imported, ...copied] = await takeTurns(sides, { rounds: parts, warmUp: false })
    await settle(db)

    const memoryAfter = node.memory()
    return {
      name: 'import',
      title: 'POST /v1/imports, NDJSON',
      unit: 'records',
      node: imported!,
      baselines: copied,
      notes: [
        'ratio to COPY of the same rows with history and feed; the other baseline is COPY without them',
        ...(memoryBefore && memoryAfter ? [memoryNote(memoryBefore, memoryAfter)] : []),
      ],
      facts: {
        records: options.records,
        timedRecords: rows * parts,
        bodyOctets: await meanBodyOctets(db),
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
    await Promise.all(copies.map((copy) => copy.stop()))
    await db.close()
  }
}

const COPY_NAMES = ['raw COPY, same tables', 'raw COPY, bare']

function startCopy({ stage, options, pinned }: Bench, kind: string) {
  return startDatabaseBaseline('raw-copy', [stage.databaseUrl, kind, options.seed], pinned?.serverCore)
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
      const timed = Math.min(to - from, MAX_TIMED_RECORDS)
      if (timed < to - from) await importRecords(of.api, ndjson(seed, from, to - timed), to - timed - from)
      const content = [...ndjson(seed, to - timed, to)]
      const cpuBefore = cpuSecondsOf(node.pid)
      const startedAt = performance.now()
      await importRecords(of.api, content, timed)
      const seconds = (performance.now() - startedAt) / 1000
      return { perSecond: timed / seconds, cpuMicroseconds: perUnit(cpuBefore, cpuSecondsOf(node.pid), timed) }
    },
  }
}

async function importRecords(api: Api, content: Iterable<Buffer>, records: number): Promise<void> {
  const { id } = await openImport(api)
  const job = await uploadImport(api, id, Readable.from(content, { objectMode: false }))
  if (job.state === 'finished' && job.rows.created === records) return
  throw new Error(`The import did not create ${records} records: ${JSON.stringify(job)}`)
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
      const { done, seconds, cpuSeconds } = await baseline.measure(order)
      const used =
        cpuSeconds === undefined ? perUnit(cpuBefore, cpuSecondsOf(baseline.pid), done) : (cpuSeconds * 1e6) / done
      return { perSecond: done / seconds, cpuMicroseconds: used }
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
