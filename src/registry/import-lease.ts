/**
 * Who uploads to an import, and how its cursor moves.
 *
 * One upload at a time: whoever holds the lease. Its token stands in every statement of the holder, so an upload that
 * was thought dead and is not can change nothing any more; past `lease_until` another one may take over. Nobody need
 * clean up after a crash.
 */
import { type ErrorCode, NodeError } from '../platform/errors.js'
import type { Database, Queryable, Transaction } from '../platform/postgres.js'
import { authorize } from '../security/authorize.js'
import type { Principal } from '../security/principal.js'
import { storable } from './import-errors.js'
import { type ImportCounts, type ImportJob, JOB_COLUMNS, type JobRow, jobOf, requireOwn } from './import-jobs.js'

/** An upload that shows no life for so long may be replaced by another. */
export const LEASE_SECONDS = 5

/** It is told with every look at the job, and in lists of jobs. */
const MAX_HALTED_REASON_LENGTH = 4_000

export interface Lease {
  readonly importId: string
  readonly token: string
}

/** @throws NodeError `import-conflict` naming the right offset, or why no content is taken now; `not-found` */
export async function takeLease(
  db: Database,
  principal: Principal,
  wanted: Lease & { readonly offsetBytes: number },
): Promise<ImportJob> {
  authorize(principal, 'write')
  const job = await requireOwn(db, principal, wanted.importId)
  const [taken] = await db.query<JobRow>(
    `update import set lease = $2, lease_until = clock_timestamp() + make_interval(secs => ${LEASE_SECONDS}),
       state = 'running', changed_at = clock_timestamp()
     where id = $1 and offset_bytes = $3 and state in ('open', 'running')
       and (lease is null or lease_until < clock_timestamp())
     returning ${JOB_COLUMNS}`,
    [job.id, wanted.token, wanted.offsetBytes],
  )
  if (taken !== undefined) return jobOf(taken)
  throw whyNoContent(await requireOwn(db, principal, job.id), wanted.offsetBytes)
}

function whyNoContent(job: ImportJob, offsetBytes: number): NodeError {
  const conflict = (reason: string, retryAfterSeconds?: number) =>
    new NodeError('import-conflict', reason, retryAfterSeconds === undefined ? {} : { retryAfterSeconds })
  if (job.state === 'finished') return conflict(`Import ${job.id} is finished and takes no more content.`)
  if (job.state === 'halted')
    return conflict(`Import ${job.id} was halted and takes no more content: ${job.halted?.reason ?? ''}`)
  if (job.state === 'running')
    return conflict(
      `Another upload to import ${job.id} is under way. If it was broken off, try again in ${LEASE_SECONDS} seconds.`,
      LEASE_SECONDS,
    )
  return new NodeError(
    'import-conflict',
    `Import ${job.id} stands at offset ${job.offsetBytes}, not ${offsetBytes}: send the content from octet ${job.offsetBytes} on.`,
    { faults: [{ field: 'Upload-Offset', reason: `must be ${job.offsetBytes}` }] },
  )
}

/** Keeps others out while content arrives that makes no chunk yet. */
export async function renewLease(db: Queryable, lease: Lease): Promise<void> {
  await db.query(
    `update import set lease_until = clock_timestamp() + make_interval(secs => ${LEASE_SECONDS}) where id = $1 and lease = $2`,
    [lease.importId, lease.token],
  )
}

export async function releaseLease(db: Queryable, lease: Lease): Promise<void> {
  await db.query('update import set lease = null, lease_until = null where id = $1 and lease = $2', [
    lease.importId,
    lease.token,
  ])
}

/** The job, locked until the transaction ends, and the database's time. @throws NodeError `import-conflict` when the lease was lost */
export async function lockForChunk(
  tx: Transaction,
  lease: Lease,
): Promise<{ readonly job: ImportJob; readonly at: Date }> {
  const [row] = await tx.query<JobRow & { readonly at: Date }>(
    `select ${JOB_COLUMNS}, date_trunc('milliseconds', clock_timestamp()) as at
     from import where id = $1 and lease = $2 and state = 'running' for update`,
    [lease.importId, lease.token],
  )
  if (row === undefined) throw leaseLost(lease)
  return { job: jobOf(row), at: row.at }
}

/** The chunk that the job's cursor moves over, and what became of its rows. */
export interface DoneChunk {
  readonly endOffset: number
  readonly endLine: number
  readonly rows: readonly unknown[]
  readonly header?: readonly string[]
  readonly counts: ImportCounts
  readonly errorsStored: number
}

export async function moveCursor(tx: Transaction, lease: Lease, done: DoneChunk): Promise<ImportJob> {
  const { counts } = done
  const [row] = await tx.query<JobRow>(
    `update import set offset_bytes = $3, lines_done = $4, rows_done = rows_done + $5, header = coalesce($6::jsonb, header),
       created_count = created_count + $7, replaced_count = replaced_count + $8, unchanged_count = unchanged_count + $9,
       withdrawn_count = withdrawn_count + $10, failed_count = failed_count + $11, errors_stored = errors_stored + $12,
       last_xid = case when $7::int + $8 + $10 > 0 and not coalesce((options->>'dryRun')::boolean, false)
         then pg_current_xact_id()::text::bigint else last_xid end,
       lease_until = clock_timestamp() + make_interval(secs => ${LEASE_SECONDS}), changed_at = clock_timestamp()
     where id = $1 and lease = $2 returning ${JOB_COLUMNS}`,
    [
      lease.importId,
      lease.token,
      done.endOffset,
      done.endLine,
      done.rows.length,
      done.header === undefined ? null : JSON.stringify(done.header),
      counts.created,
      counts.replaced,
      counts.unchanged,
      counts.withdrawn,
      counts.failed,
      done.errorsStored,
    ],
  )
  if (row === undefined) throw leaseLost(lease)
  return jobOf(row)
}

/** @throws NodeError `import-conflict` when the lease was lost. */
export async function finishImport(
  db: Database,
  lease: Lease,
  end: { readonly endOffset: number; readonly endLine: number },
): Promise<ImportJob> {
  return db.transaction(
    async (tx) => {
      const [row] = await tx.query<JobRow>(
        `update import set state = 'finished', offset_bytes = $3, lines_done = $4, lease = null, lease_until = null,
           finished_at = clock_timestamp(), changed_at = clock_timestamp()
         where id = $1 and lease = $2 and state = 'running' returning ${JOB_COLUMNS}`,
        [lease.importId, lease.token, end.endOffset, end.endLine],
      )
      if (row === undefined) throw leaseLost(lease)
      await tx.query('delete from import_trial where import_id = $1', [lease.importId])
      return jobOf(row)
    },
    { timeoutMs: 60_000 },
  )
}

export async function haltImport(
  db: Queryable,
  lease: Lease,
  why: { readonly code: ErrorCode; readonly reason: string },
): Promise<void> {
  await db.query(
    `update import set state = 'halted', halted_code = $3, halted_reason = $4, lease = null, lease_until = null,
       finished_at = clock_timestamp(), changed_at = clock_timestamp()
     where id = $1 and lease = $2`,
    [lease.importId, lease.token, why.code, storable(why.reason, MAX_HALTED_REASON_LENGTH)],
  )
}

export function leaseLost(lease: Lease): NodeError {
  return new NodeError(
    'import-conflict',
    `Another upload has taken import ${lease.importId} over, because this one showed no life for ${LEASE_SECONDS} seconds. Nothing is lost; let that one go on.`,
  )
}
