/**
 * Abnormal and recovered: what happened to this node and to those of its enterprises. Of each node at most one
 * abnormal event is open at a time, and the recovery that ends it names it, so that the two are never told apart.
 */
import type { Database, Queryable, Transaction } from '../../platform/postgres.js'

export const EVENT_TYPES = { network: 1, system: 2, attack: 3, other: 4 } as const
export type EventType = keyof typeof EVENT_TYPES

export const THIS_NODE = 'node'

export interface Abnormal {
  /** THIS_NODE, or the id of an enterprise. */
  readonly subject: string
  /** Which of the enterprise's nodes: that of this prefix. */
  readonly prefix?: string
  readonly atMs: number
  readonly cause: string
  readonly type: EventType
}

export interface EventRow {
  readonly number: number
  readonly subject: string
  readonly prefix: string | null
  readonly state: 'abnormal' | 'recovered'
  readonly ends: number | null
  readonly at: Date
  readonly cause: string
  readonly type: number
}

export const EVENT_COLUMNS = 'number, subject, prefix, state, ends, at, cause, type'
const MAX_CAUSE_LENGTH = 2_000
/** Of events; any constant that nothing else of the node uses. */
const LOCK = 7_239_412

export function eventData({ prefix, ends, at, ...event }: EventRow) {
  return { ...event, ...(prefix !== null && { prefix }), ...(ends !== null && { ends }), at: at.toISOString() }
}

/** The number of the event; undefined when the subject is known to be abnormal already. */
export function noteAbnormal(db: Database, abnormal: Abnormal): Promise<number | undefined> {
  return db.transaction((tx) => abnormalIn(tx, abnormal))
}

export async function abnormalIn(tx: Transaction, abnormal: Abnormal): Promise<number | undefined> {
  await tx.query('select pg_advisory_xact_lock($1)', [LOCK])
  if ((await findOpen(tx, abnormal)) !== undefined) return undefined
  const { subject, prefix, atMs, cause, type } = abnormal
  const [row] = await tx.query<{ number: number }>(
    `insert into monitor_event (subject, prefix, state, at, cause, type)
     values ($1, $2, 'abnormal', $3, $4, $5) returning number`,
    [subject, prefix ?? null, new Date(atMs), causeText(cause), EVENT_TYPES[type]],
  )
  return row!.number
}

/** The number of the event; undefined when the subject was not known to be abnormal. */
export function noteRecovered(db: Database, recovered: Omit<Abnormal, 'type'>): Promise<number | undefined> {
  return db.transaction((tx) => recoveredIn(tx, recovered))
}

export async function recoveredIn(tx: Transaction, recovered: Omit<Abnormal, 'type'>): Promise<number | undefined> {
  await tx.query('select pg_advisory_xact_lock($1)', [LOCK])
  const open = await findOpen(tx, recovered)
  if (open === undefined) return undefined
  const { subject, prefix, atMs, cause } = recovered
  const [row] = await tx.query<{ number: number }>(
    `insert into monitor_event (subject, prefix, state, ends, at, cause, type)
     values ($1, $2, 'recovered', $3, $4, $5, $6) returning number`,
    [subject, prefix ?? null, open.number, new Date(atMs), causeText(cause), open.type],
  )
  return row!.number
}

/** Also of what comes from elsewhere: Postgres takes no NUL. */
function causeText(cause: string): string {
  return cause.replaceAll('\0', '').slice(0, MAX_CAUSE_LENGTH)
}

async function findOpen(
  on: Queryable,
  { subject, prefix }: Pick<Abnormal, 'subject' | 'prefix'>,
): Promise<EventRow | undefined> {
  const [open] = await on.query<EventRow>(
    `select ${EVENT_COLUMNS} from monitor_event began
     where subject = $1 and prefix is not distinct from $2 and state = 'abnormal'
       and not exists (select from monitor_event ended where ended.ends = began.number)
     order by number desc limit 1`,
    [subject, prefix ?? null],
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
