/**
 * Makes events of what probes find: a node of an enterprise that fails several times in a row is abnormal, from the first
 * of these failures on; it has recovered when it has answered steadily for a while, from the first of these answers on.
 * What is known to be abnormal is in the database, so that a restart neither tells it twice nor loses its end.
 *
 * A node that comes and goes must be steady for longer each time, and stays abnormal meanwhile: of a day there are at most
 * about thirty events and as many recoveries of each.
 */
import type { Database, Queryable, Transaction } from '../../platform/postgres.js'
import { abnormalIn, EVENT_COLUMNS, type EventRow, recoveredIn } from '../duty/events.js'
import { isOutage, OUTAGE_PROBES, type Run, type WatchedNode } from './probe-meter.js'

const STEADY_MS = 15_000
const MAX_STEADY_MS = 3_600_000

export async function noteNodeEvents(tx: Transaction, nodes: readonly WatchedNode[]): Promise<void> {
  if (nodes.length === 0) return
  const open = new Set((await listOpen(tx)).map(({ prefix }) => prefix))
  for (const { prefix, outage, now } of nodes) {
    const down = [outage, now].find((run) => run !== undefined && isOutage(run))
    const isAbnormal = open.has(prefix) || (down !== undefined && (await noteDown(tx, prefix, down)))
    if (isAbnormal && now.isUp && now.probes >= OUTAGE_PROBES) await noteUp(tx, prefix, now)
  }
}

/** Whether it is one of those that are watched still. */
async function noteDown(tx: Transaction, prefix: string, { fromMs, toMs, cause, type }: Run): Promise<boolean> {
  const [held] = await tx.query<{ enterpriseId: string; recoveredAt: Date | null }>(
    `select enterprise_id as "enterpriseId",
       (select max(at) from monitor_event where prefix = $1 and state = 'recovered') as "recoveredAt"
     from prefix where name = $1 and ${IS_WATCHED}`,
    [prefix],
  )
  if (held === undefined) return false
  // Failures from before may have been told, or be those of a time in which nobody watched it.
  const atMs = held.recoveredAt !== null && fromMs < held.recoveredAt.getTime() ? toMs : fromMs
  const told = `The node of ${prefix} does not answer: ${cause}`
  await abnormalIn(tx, { subject: held.enterpriseId, prefix, atMs, cause: told, type })
  return true
}

async function noteUp(tx: Transaction, prefix: string, { fromMs, toMs }: Run): Promise<void> {
  const [open] = await listOpen(tx, prefix)
  if (open === undefined) return
  if (toMs - fromMs < steadyMs(await countLately(tx, open))) return
  // Its clock, and that of whoever noted the beginning, may not be the same.
  const atMs = Math.max(fromMs, open.at.getTime())
  const cause = `The node of ${prefix} answers again.`
  await recoveredIn(tx, { subject: open.subject, prefix, atMs, cause })
}

/** Twice as long with each abnormal event of the day before. */
function steadyMs(abnormalEvents: number): number {
  return Math.min(MAX_STEADY_MS, STEADY_MS * 2 ** (abnormalEvents - 1))
}

async function countLately(on: Queryable, { prefix, at }: WatchedEvent): Promise<number> {
  const [row] = await on.query<{ count: number }>(
    `select count(*) as count from monitor_event
     where prefix = $1 and state = 'abnormal' and at > $2::timestamptz - interval '1 day'`,
    [prefix, at],
  )
  return row!.count
}

const IS_WATCHED = `service = 'self-built' and state = 'active' and holder_state = 'active'
  and enterprise_id is not null and cardinality(sites) > 0`

interface WatchedEvent extends EventRow {
  readonly prefix: string
}

function listOpen(on: Queryable, prefix?: string): Promise<readonly WatchedEvent[]> {
  return on.query<WatchedEvent>(
    `select ${EVENT_COLUMNS} from monitor_event began
     where prefix is not null and ($1::text is null or prefix = $1) and state = 'abnormal'
       and not exists (select from monitor_event ended where ended.ends = began.number)`,
    [prefix ?? null],
  )
}

/** A node that is asked no more would be abnormal for ever. @param isProbing whether any is asked */
export async function endUnwatched(
  db: Database,
  { nowMs, isProbing }: { readonly nowMs: number; readonly isProbing: boolean },
): Promise<void> {
  const open = await listOpen(db)
  if (open.length === 0) return
  const watched = await db.query<{ name: string }>(
    `select name from prefix where name = any($1::text[]) and ${IS_WATCHED}`,
    [open.map(({ prefix }) => prefix)],
  )
  const names = new Set(isProbing ? watched.map(({ name }) => name) : [])
  for (const { subject, prefix, at } of open.filter((event) => !names.has(event.prefix))) {
    const atMs = Math.max(nowMs, at.getTime())
    const cause = `The node of ${prefix} is not watched any more: this node has no such node to ask.`
    await db.transaction((tx) => recoveredIn(tx, { subject, prefix, atMs, cause }))
  }
}
