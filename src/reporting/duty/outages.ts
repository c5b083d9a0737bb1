/**
 * Finds the times in which no process of the node said that it answers, from the minutes that all of them note
 * (traffic/service-minutes.ts), and makes events of them. What was noted late, after an outage of the database alone, is
 * no outage of the node.
 */
import type { Database } from '../../platform/postgres.js'
import { noteAbnormal, noteRecovered, THIS_NODE } from './events.js'

const MINUTE_MS = 60_000
/** Minutes without service that a restart may take. */
const TOLERATED_MS = 2 * MINUTE_MS
/** Minutes are stored a little later than they are over. */
const STORED_WITHIN_MS = MINUTE_MS
const AT_A_TIME = 1_500

export async function noteOutages(db: Database, nowMs: number): Promise<void> {
  const [duty] = await db.query<{ through: Date | null }>('select events_through as through from report_duty')
  const minutes = await db.query<{ minute: Date }>(
    `select minute from service_minute where ready_seconds > 0 and minute > coalesce($1::timestamptz, '-infinity') order by minute limit $2`,
    [duty?.through ?? null, AT_A_TIME],
  )
  let lastMs = duty?.through?.getTime()
  for (const { minute } of minutes) {
    const atMs = minute.getTime()
    if (lastMs !== undefined && atMs - lastMs > TOLERATED_MS) await noteGap(db, lastMs + MINUTE_MS, atMs)
    // An outage that was noted while it lasted.
    else await noteRecovered(db, { subject: THIS_NODE, atMs, cause: 'A process of this node answers again.' })
    lastMs = atMs
  }
  if (lastMs === undefined) return
  if (minutes.length > 0) await db.query('update report_duty set events_through = $1', [new Date(lastMs)])
  const isBehind = minutes.length === AT_A_TIME
  if (!isBehind && nowMs - lastMs > TOLERATED_MS + STORED_WITHIN_MS) await noteGap(db, lastMs + MINUTE_MS)
}

async function noteGap(db: Database, fromMs: number, toMs?: number): Promise<void> {
  const cause = 'No process of this node said that it answers.'
  await noteAbnormal(db, { subject: THIS_NODE, atMs: fromMs, cause, type: 'system' })
  if (toMs === undefined) return
  await noteRecovered(db, { subject: THIS_NODE, atMs: toMs, cause: 'A process of this node answers again.' })
}
