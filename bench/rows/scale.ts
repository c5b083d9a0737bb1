/**
 * The row of data sets of different sizes: uniform look-ups with all caches off, in 10^4 records, 10^5, … Each size has
 * a database and a node of its own, and all take turns. What a look-up costs the database is counted, not inferred.
 */
import type { Bench } from '../bench.js'
import { openAsker } from '../load/asker.js'
import { takeTurns } from '../load/rounds.js'
import { loadedSide, warningsOf } from '../load/sides.js'
import type { Row } from '../report/report.js'
import { NO_REDIS, startMeasuredNode } from '../stage/measured-node.js'
import type { RunningNode } from '../stage/node-under-test.js'
import type { ScaledDatabase, ScaledDatabases } from '../stage/scaled-database.js'
import { identifierAt } from '../workload/dataset.js'
import { cycle, drawKeys } from '../workload/keys.js'
import { lookup } from '../workload/requests.js'

const SMALLEST = 10_000
const QUICK_SMALLEST = 2_000
const STEP = 10
/** Asked one after the other, so that no two share a query. */
const COUNTED_LOOKUPS = 500
const DRAWN = 100_000

interface Sized {
  readonly database: ScaledDatabase
  readonly node: RunningNode
  readonly requests: readonly Buffer[]
}

/** 10^4, 10^5, … and the largest that was asked for; of a small one, its half too. */
export function sizesOfScale({ quick, scaleRecords }: Bench['options']): number[] {
  const sizes: number[] = []
  const smallest = Math.min(quick ? QUICK_SMALLEST : SMALLEST, Math.floor(scaleRecords / 2))
  for (let size = smallest; size < scaleRecords; size *= STEP) sizes.push(size)
  return [...sizes, scaleRecords]
}

export async function measureScale(bench: Bench, databaseOf: ScaledDatabases): Promise<Row> {
  const { connections, durationMs } = bench.options
  const databases: ScaledDatabase[] = []
  for (const records of sizesOfScale(bench.options)) databases.push(await databaseOf(records))
  const all = await Promise.all(databases.map((database) => startSized(bench, database)))
  bench.say(`scale: GET with all caches off, ${all.map(({ database }) => database.records).join(', ')} records`)
  const counts = new Map<number, Awaited<ReturnType<typeof countPerLookup>>>()
  for (const sized of all) counts.set(sized.database.records, await countPerLookup(sized))
  const largestFirst = [all.at(-1)!, ...all.slice(0, -1)]
  const [largest, ...others] = await takeTurns(
    largestFirst.map(({ database, node, requests }) =>
      loadedSide({
        name: `${database.records} records`,
        server: node,
        connections,
        durationMs,
        expectStatus: 200,
        nextRequest: cycle(requests),
      }),
    ),
    bench.turns(),
  )
  await Promise.all(all.map(({ node }) => node.stop()))
  return {
    name: 'scale',
    title: `GET all caches off, uniform over ${all.at(-1)!.database.records}`,
    unit: 'answers',
    node: largest!,
    baselines: others,
    notes: ['loaded by COPY past the import', ...warningsOf([largest!, ...others])],
    facts: Object.fromEntries(
      (['queriesPerLookup', 'rowsPerLookup', 'pagesPerLookup'] as const).flatMap((fact) =>
        all.map(({ database: { records } }) => [`${fact} ${records}`, counts.get(records)![fact]]),
      ),
    ),
  }
}

async function startSized(bench: Bench, database: ScaledDatabase): Promise<Sized> {
  const node = await startMeasuredNode(bench, {
    databaseUrl: database.url,
    memoryCacheBytes: 0,
    redisUrl: NO_REDIS,
  })
  const keys = drawKeys('uniform', { count: database.records, length: DRAWN, seed: bench.options.seed })
  return { database, node, requests: Array.from(keys, (index) => lookup(identifierAt(index))) }
}

async function countPerLookup({ database, node, requests }: Sized) {
  const asker = await openAsker(node.port)
  try {
    // What a first look-up alone needs, such as the table of prefixes, is no part of the others.
    await asker.ask(requests.at(-1)!)
    const counted = await database.countedSince('now')
    for (const request of requests.slice(0, COUNTED_LOOKUPS)) {
      const { status } = await asker.ask(request)
      if (status !== 200) throw new Error(`A record of ${database.records} was answered with ${status}.`)
    }
    const { queries, rows, pages } = await counted()
    return {
      queriesPerLookup: queries / COUNTED_LOOKUPS,
      rowsPerLookup: rows / COUNTED_LOOKUPS,
      pagesPerLookup: pages / COUNTED_LOOKUPS,
    }
  } finally {
    asker.close()
  }
}
