/**
 * How many look-ups were answered, with one retry on another node. An identifier that no cache can know (new, or never
 * registered) may be "could not ask" while Postgres is away; one that was registered long ago may not.
 */
import type { Evidence, Read } from '../record.js'
import type { CheckResult } from './check.js'

export interface Availability {
  readonly lookups: number
  readonly answered: number
  /** Of the look-ups: many of them in one request. */
  readonly inBatches: number
  /** Of the identifiers registered before the storm. */
  readonly known: { readonly lookups: number; readonly answered: number }
  readonly markedStale: number
  /** Why requests were not answered, first tries and retries. */
  readonly failures: ReadonlyMap<string, number>
}

export function measureAvailability({ reads, registeredFirst }: Evidence): Availability {
  const known = { lookups: 0, answered: 0 }
  const failures = new Map<string, number>()
  let [lookups, answered, markedStale, inBatches] = [0, 0, 0, 0]
  for (const read of reads) {
    const asked = read.isRetry ? 0 : 1
    const got = read.outcome === 'unanswered' ? 0 : 1
    lookups += asked
    if (read.isOfBatch) inBatches += asked
    answered += got
    if (read.isStale) markedStale += 1
    if (got === 0) failures.set(read.failure, (failures.get(read.failure) ?? 0) + 1)
    if (read.key < registeredFirst) {
      known.lookups += asked
      known.answered += got
    }
  }
  return { lookups, answered, inBatches, known, markedStale, failures }
}

export function shareOf({ lookups, answered }: { readonly lookups: number; readonly answered: number }): number {
  return lookups === 0 ? 1 : answered / lookups
}

/** Every look-up of a known identifier that was not answered counts, once they are too many. */
export function checkAnswered({ known, failures }: Availability, leastShare: number): CheckResult {
  const unanswered = known.lookups - known.answered
  const isKept = shareOf(known) >= leastShare
  return {
    name: `known ones answered, ${Number((100 * leastShare).toFixed(3))} %`,
    checked: known.lookups,
    violations: isKept ? 0 : unanswered,
    examples: isKept ? [] : [`requests failed: ${[...failures].map(([why, count]) => `${why}: ${count}`).join(', ')}`],
  }
}

export interface LatencyRow {
  readonly text: string
  /** How often the fault came. */
  readonly times: number
  /** In batches too; the times are of those that were asked for alone. */
  readonly lookups: number
  readonly answered: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly markedStaleShare: number
}

/** By fault: the look-ups that were asked while it lasted, retry included; what happens at once counts for a second. */
export function latenciesByFault({ reads, faults }: Evidence): LatencyRow[] {
  const rows = new Map<string, Row>()
  const rowOf = (text: string) => {
    const row = rows.get(text) ?? { times: 0, asked: 0, answered: 0, stale: 0, answeredMs: [] }
    rows.set(text, row)
    return row
  }
  const spans = faults.map(({ text, startedAtMs, endedAtMs }) => {
    const row = rowOf(kindOf(text))
    row.times += 1
    return { row, from: startedAtMs, to: Math.max(endedAtMs, startedAtMs + 1_000) }
  })
  const calm = rowOf('(calm)')
  for (const read of reads) {
    const under = spans.filter(({ from, to }) => from <= read.askedAtMs && read.askedAtMs <= to).map(({ row }) => row)
    for (const row of under.length === 0 ? [calm] : under) note(row, read)
  }
  return [...rows].map(([text, { times, asked, answered, stale, answeredMs }]) => {
    const sorted = Float64Array.from(answeredMs).sort()
    const quantile = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
    const markedStaleShare = answered === 0 ? 0 : stale / answered
    return {
      text,
      times,
      lookups: asked,
      answered,
      p50Ms: quantile(0.5),
      p99Ms: quantile(0.99),
      markedStaleShare,
    }
  })
}

interface Row {
  times: number
  asked: number
  answered: number
  stale: number
  readonly answeredMs: number[]
}

function note(row: Row, read: Read): void {
  if (!read.isRetry) row.asked += 1
  if (read.isStale) row.stale += 1
  if (read.outcome === 'unanswered') return
  row.answered += 1
  // Many in one request take longer than one.
  if (!read.isOfBatch) row.answeredMs.push(read.endedAtMs - read.askedAtMs)
}

/** `proxy.node2.redis.latency 60ms for 900ms` → `proxy.redis.latency`. */
export function kindOf(text: string): string {
  return text
    .split(' ')[0]!
    .replace(/^node\d/, 'node')
    .replace(/^proxy\.\w+\./, 'proxy.')
}
