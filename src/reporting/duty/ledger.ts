/** The reports that were made, where each is to go, and what became of it. */
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import type { Database, Queryable, Transaction } from '../../platform/postgres.js'
import type { Report } from '../tables/report-shape.js'

const zip = promisify(gzip)
const unzip = promisify(gunzip)
const MAX_DOCUMENT_BYTES = 64 * 2 ** 20

export interface Named {
  readonly table: string
  readonly period: string
}

/** Of the newest complete revision; undefined: there is none. */
export async function newestRevision(
  on: Queryable,
  { table, period }: Named,
): Promise<{ readonly revision: number; readonly digest: Buffer } | undefined> {
  const [row] = await on.query<{ revision: number; digest: Buffer }>(
    `select revision, data_sha256 as digest from report
     where table_name = $1 and period = $2 and is_complete order by revision desc limit 1`,
    [table, period],
  )
  return row
}

/** Parts of a revision that was not completed: its maker was stopped, or failed. */
export async function forgetIncomplete(on: Queryable, { table, period }: Named): Promise<void> {
  await on.query('delete from report where table_name = $1 and period = $2 and not is_complete', [table, period])
}

export async function storePart(db: Queryable, report: Report): Promise<void> {
  const { table, period, revision, part, isLast, collectedAt } = report
  await db.query(
    `insert into report (table_name, period, revision, part, is_last, period_from, period_to, produced_at, data_sha256, body)
     values ($1, $2, $3, $4, $5, $6, $7, $8, '', $9)`,
    [
      table,
      period.key,
      revision,
      part,
      isLast,
      new Date(period.from),
      new Date(period.to),
      new Date(collectedAt),
      await zip(JSON.stringify(report)),
    ],
  )
}

/** From now on they are to be delivered, together. */
export async function completeRevision(
  tx: Transaction,
  {
    table,
    period,
    revision,
    digest,
    destinations,
  }: Named & {
    readonly revision: number
    readonly digest: Buffer
    readonly destinations: readonly string[]
  },
): Promise<void> {
  await tx.query(
    `update report set is_complete = true, data_sha256 = $4 where table_name = $1 and period = $2 and revision = $3`,
    [table, period, revision, digest],
  )
  await tx.query(
    `insert into report_delivery (report_id, destination)
     select id, destination from report, unnest($4::text[]) as destination
     where table_name = $1 and period = $2 and revision = $3`,
    [table, period, revision, destinations],
  )
}

export interface Due {
  readonly reportId: number
  readonly table: string
  readonly period: string
  readonly revision: number
  readonly part: number
  /** undefined: no longer kept. */
  readonly text: string | undefined
}

/** The one to try next: those that failed often come last, so that none holds up the others for ever. */
export async function nextDue(db: Queryable, destination: string): Promise<Due | undefined> {
  const [row] = await db.query<Omit<Due, 'text'> & { body: Buffer | null }>(
    `select r.id as "reportId", r.table_name as "table", r.period, r.revision, r.part, r.body
     from report_delivery d join report r on r.id = d.report_id
     where d.destination = $1 and d.state = 'due' order by d.attempts, d.report_id limit 1`,
    [destination],
  )
  if (row === undefined) return undefined
  const { body, ...due } = row
  return { ...due, text: body === null ? undefined : await unpacked(body) }
}

export async function unpacked(body: Buffer): Promise<string> {
  return (await unzip(body, { maxOutputLength: MAX_DOCUMENT_BYTES })).toString('utf8')
}

export function packed(text: string): Promise<Buffer> {
  return zip(text)
}

export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

export interface Attempt {
  readonly reportId: number
  readonly destination: string
  readonly tookMs: number
  readonly outcome: 'delivered' | 'refused' | 'failed'
  readonly detail: string
}

const MAX_DETAIL_LENGTH = 2_000

export async function noteAttempt(db: Database, attempt: Attempt): Promise<void> {
  const { reportId, destination, tookMs, outcome } = attempt
  // Text that came from elsewhere: Postgres takes no NUL.
  const detail = attempt.detail.replaceAll('\0', '').slice(0, MAX_DETAIL_LENGTH)
  await db.transaction(async (tx) => {
    await tx.query(
      'insert into report_attempt (report_id, destination, took_ms, outcome, detail) values ($1, $2, $3, $4, $5)',
      [reportId, destination, Math.round(tookMs), outcome, detail],
    )
    await tx.query(
      `update report_delivery set attempts = attempts + 1,
         state = case $3::text when 'failed' then 'due' else $3::text end,
         delivered_at = case $3::text when 'delivered' then clock_timestamp() end,
         last_problem = case $3::text when 'delivered' then null else $4::text end
       where report_id = $1 and destination = $2`,
      [reportId, destination, outcome, detail],
    )
  })
}

/** To destinations that came after it was made. */
export async function sendToNew(db: Queryable, { table, period, destinations }: Addressed): Promise<void> {
  await db.query(`${TO_EACH} on conflict do nothing`, [table, period, destinations])
}

interface Addressed extends Named {
  readonly destinations: readonly string[]
}

const TO_EACH = `
  insert into report_delivery (report_id, destination)
  select r.id, destination from report r, unnest($3::text[]) as destination
  where r.table_name = $1 and r.period = $2 and r.body is not null
    and r.revision = (select max(revision) from report n where n.table_name = $1 and n.period = $2 and n.is_complete)`

/** To the destinations that there are now, also to those that came after it was made. Gives how many deliveries are due. */
export async function sendAgain(db: Queryable, { table, period, destinations }: Addressed): Promise<number> {
  const rows = await db.query(
    `${TO_EACH} on conflict (report_id, destination) do update set state = 'due', attempts = 0, delivered_at = null
     returning report_id`,
    [table, period, destinations],
  )
  return rows.length
}
