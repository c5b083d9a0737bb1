/** Which reports are owed now: every period that has ended since reporting began and has no report yet, the oldest first. */
import { NodeError } from '../../platform/errors.js'
import type { Queryable, Transaction } from '../../platform/postgres.js'
import { type Cadence, type Period, periodAt } from '../periods.js'
import { REPORT_TABLES, TABLES, type TableName } from '../tables/tables.js'

export interface Owed {
  readonly table: TableName
  readonly period: Period
}

/**
 * So long after its end a period is complete in the database: processes store what they counted, and no transaction that
 * wrote in it can still be under way.
 */
export const SETTLED_AFTER_MS = 120_000
/** Of each table at a time, so that after a long outage events and states are not held up by the past. */
const AT_A_TIME = 20

export interface OwedOptions {
  readonly nowMs: number
  readonly beganMs: number
  readonly timeZone: string
}

export async function listOwed(db: Queryable, options: OwedOptions): Promise<readonly Owed[]> {
  const rows = await db.query<{ table: string; nextFrom: Date }>(
    'select table_name as "table", next_from as "nextFrom" from report_progress',
  )
  const next = new Map(rows.map(({ table, nextFrom }) => [table, nextFrom.getTime()]))
  const owed = TABLES.flatMap((table) => owedOf(table, next.get(table) ?? options.beganMs, options))
  return owed.sort((one, other) => one.period.toMs - other.period.toMs)
}

function owedOf(table: TableName, nextFromMs: number, { nowMs, timeZone }: OwedOptions): Owed[] {
  const { cadence } = REPORT_TABLES[table]
  if (!isPeriodic(cadence)) return []
  const owed: Owed[] = []
  for (let period = periodAt(cadence, nextFromMs, timeZone); owed.length < AT_A_TIME; ) {
    if (period.toMs + SETTLED_AFTER_MS > nowMs) break
    owed.push({ table, period })
    period = periodAt(cadence, period.toMs, timeZone)
  }
  return owed
}

/** In the transaction that completes the report. @throws NodeError `internal` when the period was done already */
export async function noteDone(tx: Transaction, { table, period }: Owed): Promise<void> {
  const rows = await tx.query(
    `insert into report_progress as held (table_name, next_from) values ($1, $2)
     on conflict (table_name) do update set next_from = excluded.next_from where held.next_from < excluded.next_from
     returning next_from`,
    [table, new Date(period.toMs)],
  )
  if (rows.length === 0) throw new NodeError('internal', `${table} of ${period.key} was made already.`)
}

export function isPeriodic(cadence: Cadence): cadence is Exclude<Cadence, 'on-change'> {
  return cadence !== 'on-change'
}
