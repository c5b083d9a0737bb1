/** Forgets what has had its time: counts, days, and reports that everybody has. */
import type { Database } from '../../platform/postgres.js'

/** Longer than any outage after which the periods missed are still to be produced. */
export const COUNTS_KEPT_DAYS = 100
const SERVICE_DAYS = 400
const REPORT_DAYS = 400
/** Less than their reports, or they would be told anew. */
const EVENT_DAYS = 390
const RECEIVED_DAYS = 800
const WRITER_DAYS = 7

const PRUNING: readonly (readonly [statement: string, days: number])[] = [
  ['delete from load_minute where minute < $1', COUNTS_KEPT_DAYS],
  ['delete from lookup_hour where hour < $1', COUNTS_KEPT_DAYS],
  ['delete from node_probe_hour where hour < $1', COUNTS_KEPT_DAYS],
  [
    `delete from monitor_event where number in (
       select unnest(array[number, ends]) from monitor_event where state = 'recovered' and at < $1)`,
    EVENT_DAYS,
  ],
  ['delete from registered_total where through < $1', COUNTS_KEPT_DAYS],
  ['delete from service_minute where minute < $1', SERVICE_DAYS],
  ['delete from traffic_writer where at < $1', WRITER_DAYS],
  ['delete from report where produced_at < $1', REPORT_DAYS],
  ['delete from received_report where received_at < $1', RECEIVED_DAYS],
]

/** The largest by far, and made of history that stays: it can be collected anew. */
const DROP_BODIES = `
  update report set body = null
  where table_name = 'T9' and body is not null and is_complete and produced_at < $1
    and not exists (select from report_delivery where report_id = id and state <> 'delivered')`
const T9_DAYS = 7

const DAY_MS = 86_400_000

export async function pruneReports(db: Database, nowMs: number): Promise<void> {
  for (const [statement, days] of PRUNING) await db.query(statement, [new Date(nowMs - days * DAY_MS)])
  await db.query(DROP_BODIES, [new Date(nowMs - T9_DAYS * DAY_MS)])
}
