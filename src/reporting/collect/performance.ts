/** Latency with the time of each extreme, and the busiest second: daily monitoring, and part of the monthly report. */
import type { Queryable } from '../../platform/postgres.js'
import type { Period } from '../periods.js'
import { LOOKUPS, REGISTRATIONS } from '../traffic/traffic-store.js'
import type { Collect } from './collect.js'

export const collectPerformance: Collect = async ({ db, node, period }, give) => {
  const [resolution, registration] = await Promise.all([
    performanceOf(db, LOOKUPS, period),
    performanceOf(db, REGISTRATIONS, period),
  ])
  await give({ data: { prefix: node, resolution, registration } })
}

export interface ExtremeData {
  readonly tookMs: number
  readonly at: string
}

export interface PerformanceData {
  readonly count: number
  readonly meanMs?: number
  readonly fastest?: ExtremeData
  readonly slowest?: ExtremeData
  readonly peak?: { readonly perSecond: number; readonly second: string }
}

export interface Latency {
  readonly timed: number
  readonly sumMs: number | null
  readonly minMs: number | null
  readonly minAt: Date | null
  readonly maxMs: number | null
  readonly maxAt: Date | null
}

interface Sums extends Latency {
  readonly count: number
  readonly peak: number | null
  readonly peakAt: Date | null
}

// Of equal extremes, and of equally busy seconds, the first.
const SUMS = `
  with row as (select * from load_minute where kind = $1 and minute >= $2 and minute < $3),
  second as (
    select minute + make_interval(secs => place - 1) as at, happened
    from row, unnest(seconds) with ordinality as each (happened, place)
  )
  select coalesce((select sum(happened) from second), 0)::bigint as count,
    coalesce(sum(timed), 0)::bigint as timed, coalesce(sum(sum_ms), 0) as "sumMs",
    min(min_ms) as "minMs",
    (select min_at from row where min_ms is not null order by min_ms, min_at limit 1) as "minAt",
    max(max_ms) as "maxMs",
    (select max_at from row where max_ms is not null order by max_ms desc, max_at limit 1) as "maxAt",
    (select max(happened) from second) as peak,
    (select at from second order by happened desc, at limit 1) as "peakAt"
  from row`

export async function performanceOf(db: Queryable, kind: number, period: Period): Promise<PerformanceData> {
  const [sums] = await db.query<Sums>(SUMS, [kind, new Date(period.fromMs), new Date(period.toMs)])
  const { count, peak, peakAt, ...latency } = sums!
  return {
    count,
    ...latencyOf(latency),
    ...(peak !== null && peak > 0 && peakAt && { peak: { perSecond: peak, second: peakAt.toISOString() } }),
  }
}

export function latencyOf({ timed, sumMs, minMs, minAt, maxMs, maxAt }: Latency) {
  return {
    ...(timed > 0 && sumMs !== null && { meanMs: rounded(sumMs / timed) }),
    ...(minMs !== null && minAt && { fastest: { tookMs: rounded(minMs), at: minAt.toISOString() } }),
    ...(maxMs !== null && maxAt && { slowest: { tookMs: rounded(maxMs), at: maxAt.toISOString() } }),
  }
}

/** To the microsecond, but never to nothing. */
function rounded(ms: number): number {
  return Math.max(0.001, Math.round(ms * 1_000) / 1_000)
}
