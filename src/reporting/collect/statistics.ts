/** T3 and T8: registrations from the registry, requests from what all processes counted. */
import { HeavyHitters, type HittersState } from '../../observability/heavy-hitters.js'
import type { Queryable } from '../../platform/postgres.js'
import type { Period } from '../periods.js'
import { type Collect, type Collecting, inParts, ROWS_PER_PART } from './collect.js'
import { registeredOf, settleTotals } from './registered-totals.js'

const LISTED_SOURCES = 100
/** Merging a day of hours drops nothing: each has at most 256 counters. */
const SOURCES_OF_A_DAY = 24 * 128

interface Traffic {
  readonly requests: number
  readonly successes: number
  readonly sources: HeavyHitters
}

export const collectOwnStatistics: Collect = async ({ db, node, period }, give) => {
  const { fromMs, toMs } = period
  const [prefixes] = await db.query<{ added: number; total: number }>(
    `select count(*) filter (where created_at >= $1) as added, count(*) as total
     from prefix where enterprise_id is not null and created_at < $2`,
    [new Date(fromMs), new Date(toMs)],
  )
  const traffic = await trafficOf(db, period, undefined)
  await give({
    data: {
      prefix: node,
      enterprisePrefixesRegistered: prefixes!.added,
      enterprisePrefixesTotal: prefixes!.total,
      ...statistics(traffic.get('') ?? nothing()),
    },
  })
}

interface HeldPrefix {
  readonly prefix: string
  readonly enterpriseId: string
  readonly enterpriseName: string
}

export const collectEnterpriseStatistics: Collect = async (collecting, give) => {
  const { db, period } = collecting
  await settleTotals(collecting)
  const page = (after: string) => listHeld(collecting, after)
  await inParts(
    page,
    ({ prefix }) => prefix,
    async (rows) => {
      const names = rows.map(({ prefix }) => prefix)
      const traffic = await trafficOf(db, period, names)
      const registered = await registeredOf(db, period, names)
      const items = rows.map((row) => ({
        ...row,
        identifiersRegistered: registered.get(row.prefix)?.added ?? 0,
        identifiersTotal: registered.get(row.prefix)?.total ?? 0,
        ...statistics(traffic.get(row.prefix) ?? nothing()),
      }))
      await give({ data: { items } })
    },
  )
}

function listHeld({ db, period }: Collecting, after: string): Promise<readonly HeldPrefix[]> {
  return db.query<HeldPrefix>(
    `select p.name as prefix, e.id as "enterpriseId", e.name as "enterpriseName"
     from prefix p join enterprise e on e.id = p.enterprise_id
     where p.name > $1 and p.created_at < $2 order by p.name limit $3`,
    [after, new Date(period.toMs), ROWS_PER_PART],
  )
}

interface HourRow {
  readonly prefix: string
  readonly requests: number
  readonly successes: number
  readonly sources: HittersState
}

/** By prefix; without a choice all together, under ''. */
async function trafficOf(
  db: Queryable,
  { fromMs, toMs }: Period,
  prefixes: readonly string[] | undefined,
): Promise<ReadonlyMap<string, Traffic>> {
  const sums = new Map<string, { requests: number; successes: number; sources: HeavyHitters }>()
  let after = { hour: new Date(fromMs), prefix: '' }
  let isFirst = true
  for (;;) {
    const rows = await db.query<HourRow & { hour: Date }>(
      `select hour, prefix, requests, successes, sources from lookup_hour
       where (hour, prefix) >= ($1, $2) and hour < $3 and ($4::text[] is null or prefix = any($4::text[]))
       order by hour, prefix limit 1001`,
      [after.hour, after.prefix, new Date(toMs), prefixes ?? null],
    )
    // Each page begins with the row that the one before ended with.
    for (const row of isFirst ? rows : rows.slice(1)) add(sums, prefixes === undefined ? '' : row.prefix, row)
    if (rows.length < 1_001) return sums
    after = rows.at(-1)!
    isFirst = false
  }
}

function add(
  sums: Map<string, { requests: number; successes: number; sources: HeavyHitters }>,
  name: string,
  row: HourRow,
) {
  const sum = sums.get(name) ?? { requests: 0, successes: 0, sources: new HeavyHitters(SOURCES_OF_A_DAY) }
  sums.set(name, sum)
  sum.requests += row.requests
  sum.successes += row.successes
  sum.sources.merge(row.sources)
}

function nothing(): Traffic {
  return { requests: 0, successes: 0, sources: new HeavyHitters(1) }
}

function statistics({ requests, successes, sources }: Traffic) {
  const addresses = sources.top(LISTED_SOURCES).map(({ name, count }) => ({ address: name, count }))
  const listed = addresses.reduce((sum, { count }) => sum + count, 0)
  return {
    requests,
    successes,
    sources: { addresses, countError: sources.error, others: Math.max(0, requests - listed) },
  }
}
