/**
 * Abnormal and recovered: what happened to this node and to those of its enterprises. Of each subject at most one
 * abnormal event is open at a time, and the recovery that ends it names it, so that the two are never told apart.
 */
import type { Database, Queryable } from '../../platform/postgres.js'

export const EVENT_TYPES = { network: 1, system: 2, attack: 3, other: 4 } as const
export type EventType = keyof typeof EVENT_TYPES

/** This node, or an enterprise's by the enterprise's id. */
export const THIS_NODE = 'node'

export interface Abnormal {
  readonly subject: string
  readonly atMs: number
  readonly cause: string
  readonly type: EventType
}

export interface EventRow {
  readonly number: number
  readonly subject: string
  readonly state: 'abnormal' | 'recovered'
  readonly ends: number | null
  readonly at: Date
  readonly cause: string
  readonly type: number
}

export const EVENT_COLUMNS = 'number, subject, state, ends, at, cause, type'
const MAX_CAUSE_LENGTH = 2_000
/** Of events; any constant that nothing else of the node uses. */
const LOCK = 7_239_412

export function eventData({ ends, at, ...event }: EventRow) {
  return { ...event, ...(ends !== null && { ends }), at: at.toISOString() }
}

/** The number of the event; undefined when the subject is known to be abnormal already. */
export function noteAbnormal(db: Database, abnormal: Abnormal): Promise<number | undefined> {
  return db.transaction(async (tx) => {
    await tx.query('select pg_advisory_xact_lock($1)', [LOCK])
    if ((await findOpen(tx, abnormal.subject)) !== undefined) return undefined
    const { subject, atMs, cause, type } = abnormal
    const [row] = await tx.query<{ number: number }>(
      `insert into monitor_event (subject, state, at, cause, type) values ($1, 'abnormal', $2, $3, $4) returning number`,
      [subject, new Date(atMs), cause.slice(0, MAX_CAUSE_LENGTH), EVENT_TYPES[type]],
    )
    return row!.number
  })
}

/** The number of the event; undefined when the subject was not known to be abnormal. */
export function noteRecovered(
  db: Database,
  { subject, atMs, cause }: Omit<Abnormal, 'type'>,
): Promise<number | undefined> {
  return db.transaction(async (tx) => {
    await tx.query('select pg_advisory_xact_lock($1)', [LOCK])
    const open = await findOpen(tx, subject)
    if (open === undefined) return undefined
    const [row] = await tx.query<{ number: number }>(
      `insert into monitor_event (subject, state, ends, at, cause, type) values ($1, 'recovered', $2, $3, $4, $5)
       returning number`,
      [subject, open.number, new Date(atMs), cause.slice(0, MAX_CAUSE_LENGTH), open.type],
    )
    return row!.number
  })
}

async function findOpen(on: Queryable, subject: string): Promise<EventRow | undefined> {
  const [open] = await on.query<EventRow>(
    `select ${EVENT_COLUMNS} from monitor_event began where subject = $1 and state = 'abnormal'
       and not exists (select from monitor_event ended where ended.ends = began.number)
     order by number desc limit 1`,
    [subject],
  )
  return open
}

export async function listEvents(
  db: Queryable,
  page: { readonly after: number; readonly limit: number },
): Promise<readonly EventRow[]> {
  return db.query<EventRow>(`select ${EVENT_COLUMNS} from monitor_event where number > $1 order by number limit $2`, [
    page.after,
    page.limit,
  ])
}
