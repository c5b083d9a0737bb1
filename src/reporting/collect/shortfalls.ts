/** Names in a report's `missing` where its figures do not stand for the whole of its period, or not for it at all. */
import { COUNTS_KEPT_DAYS } from '../duty/pruning.js'
import type { Missing } from '../tables/report-shape.js'
import type { Collect, Collecting } from './collect.js'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

export interface Counted {
  /** In what steps counts are kept. A day of a time zone may begin within an hour of UTC, but within no minute. */
  readonly by: 'hour' | 'minute'
  readonly fields: readonly string[]
}

/** Of figures that are counted as things happen: nothing was before that began, nor is kept for ever. */
export function counted(collect: Collect, { by, fields }: Counted): Collect {
  return also(collect, (collecting) => {
    const reasons = [uncounted(collecting), by === 'hour' ? otherHours(collecting) : undefined]
    return reasons.flatMap((reason) => (reason === undefined ? [] : fields.map((field) => ({ field, reason }))))
  })
}

/** Of states that are not kept: whoever collects one of a period long past gets that of today. */
export function stateOfNow(collect: Collect): Collect {
  return also(collect, ({ period, nowMs }) => {
    const nextEndsMs = period.toMs + (period.toMs - period.fromMs)
    if (nowMs < nextEndsMs) return []
    return [{ field: 'data.items', reason: 'past states are not kept: this is the one at the time of collectedAt' }]
  })
}

function also(collect: Collect, shortfalls: (collecting: Collecting) => readonly Missing[]): Collect {
  return (collecting, give) => {
    const more = shortfalls(collecting)
    return collect(collecting, (part) => give({ ...part, missing: [...(part.missing ?? []), ...more] }))
  }
}

function uncounted({ period, beganMs, nowMs }: Collecting): string | undefined {
  const keptMs = nowMs - COUNTS_KEPT_DAYS * DAY_MS
  if (period.fromMs < beganMs && keptMs < beganMs) return `counting began at ${isoOf(beganMs)}: nothing before is in it`
  if (period.fromMs < keptMs) return `counts are kept for ${COUNTS_KEPT_DAYS} days: nothing of before is in it`
  return undefined
}

function otherHours({ period }: Collecting): string | undefined {
  const [fromMs, toMs] = [wholeHour(period.fromMs), wholeHour(period.toMs)]
  if (fromMs === period.fromMs && toMs === period.toMs) return undefined
  return `counted by whole hours of UTC: this is from ${isoOf(fromMs)} to ${isoOf(toMs)}`
}

/** Those that begin in the period are its own, so that of two days each hour is counted in one. */
function wholeHour(atMs: number): number {
  return Math.ceil(atMs / HOUR_MS) * HOUR_MS
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString()
}
