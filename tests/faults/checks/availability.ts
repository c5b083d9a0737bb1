/**
 * How many look-ups were answered, with one retry on another node. An identifier that no cache can know (new, or never
 * registered) may be "could not ask" while Postgres is away; one that was registered long ago may not.
 */
import type { Evidence, Read } from '../record.js'

export interface Availability {
  readonly lookups: number
  readonly answered: number
  /** Of the identifiers registered before the storm. */
  readonly known: { readonly lookups: number; readonly answered: number }
  readonly markedStale: number
  /** Why requests were not answered, first tries and retries. */
  readonly failures: ReadonlyMap<string, number>
}

export function measureAvailability({ reads, registeredFirst }: Evidence): Availability {
  const known = { lookups: 0, answered: 0 }
  const failures = new Map<string, number>()
  let [lookups, answered, markedStale] = [0, 0, 0]
  for (const read of reads) {
    const asked = read.isRetry ? 0 : 1
    const got = read.outcome === 'unanswered' ? 0 : 1
    lookups += asked
    answered += got
    if (read.isStale) markedStale += 1
    if (got === 0) failures.set(read.failure, (failures.get(read.failure) ?? 0) + 1)
    if (read.key < registeredFirst) {
      known.lookups += asked
      known.answered += got
    }
  }
  return { lookups, answered, known, markedStale, failures }
}

export function shareOf({ lookups, answered }: { readonly lookups: number; readonly answered: number }): number {
  return lookups === 0 ? 1 : answered / lookups
}

export interface LatencyRow {
  readonly text: string
  readonly lookups: number
  readonly answered: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly markedStaleShare: number
}

/** By fault: the look-ups that were asked while it lasted, retry included; what happens at once counts for a second. */
export function latenciesByFault({ reads, faults }: Evidence): LatencyRow[] {
  const rows = new Map<string, { asked: number; stale: number; answeredMs: number[] }>()
  const rowOf = (text: string) => {
    const row = rows.get(text) ?? { asked: 0, stale: 0, answeredMs: [] }
    rows.set(text, row)
    return row
  }
  const spans = faults.map(({ text, startedAtMs, endedAtMs }) => ({
    row: rowOf(kindOf(text)),
    from: startedAtMs,
    to: Math.max(endedAtMs, startedAtMs + 1_000),
  }))
  const calm = rowOf('(calm)')
  for (const read of reads) {
    const under = spans.filter(({ from, to }) => from <= read.askedAtMs && read.askedAtMs <= to).map(({ row }) => row)
    for (const row of under.length === 0 ? [calm] : under) note(row, read)
  }
  return [...rows].map(([text, { asked, stale, answeredMs }]) => {
    const sorted = Float64Array.from(answeredMs).sort()
    const quantile = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
    const markedStaleShare = sorted.length === 0 ? 0 : stale / sorted.length
    return {
      text,
      lookups: asked,
      answered: sorted.length,
      p50Ms: quantile(0.5),
      p99Ms: quantile(0.99),
      markedStaleShare,
    }
  })
}

function note(row: { asked: number; stale: number; answeredMs: number[] }, read: Read): void {
  if (!read.isRetry) row.asked += 1
  if (read.isStale) row.stale += 1
  if (read.outcome !== 'unanswered') row.answeredMs.push(read.endedAtMs - read.askedAtMs)
}

/** `proxy.node2.redis.latency 60ms for 900ms` → `proxy.redis.latency`. */
function kindOf(text: string): string {
  return text
    .split(' ')[0]!
    .replace(/^node\d/, 'node')
    .replace(/^proxy\.\w+\./, 'proxy.')
}
