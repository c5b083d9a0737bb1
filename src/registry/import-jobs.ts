/** Import jobs: what was asked for, and how far it got. */
import { randomBytes } from 'node:crypto'
import { NodeError } from '../platform/errors.js'
import type { Database, Queryable } from '../platform/postgres.js'
import { authorize } from '../security/authorize.js'
import type { Principal } from '../security/principal.js'
import { isStorable } from './checks.js'
import type { ImportOptions } from './import-options.js'
import type { Registry } from './registry.js'

export interface ImportJob {
  readonly id: string
  /** Order of creation; pages of a list go by it. */
  readonly ordinal: number
  /** undefined: an administrator's. */
  readonly enterpriseId?: string
  readonly createdBy: string
  readonly options: ImportOptions
  readonly state: 'open' | 'running' | 'interrupted' | 'finished' | 'halted'
  readonly halted?: { readonly code: string; readonly reason: string }
  readonly header?: readonly string[]
  /** Where the next upload must begin: the byte after the last row that is done with. */
  readonly offsetBytes: number
  readonly linesDone: number
  readonly rowsDone: number
  readonly counts: ImportCounts
  readonly errorsStored: number
  /** The transaction that wrote last: whoever knows of it knows of all that this import has written. undefined: nothing yet. */
  readonly lastXid?: number
  readonly createdAt: Date
  readonly changedAt: Date
  readonly finishedAt?: Date
}

export interface ImportCounts {
  readonly created: number
  readonly replaced: number
  readonly unchanged: number
  readonly withdrawn: number
  readonly failed: number
}

/** For `jobOf`. */
export const JOB_COLUMNS = `id, ordinal, enterprise_id, created_by, options, state, halted_code, halted_reason, header,
  offset_bytes, lines_done, rows_done, created_count, replaced_count, unchanged_count, withdrawn_count, failed_count,
  errors_stored, last_xid, created_at, changed_at, finished_at, lease is not null and lease_until > clock_timestamp() as leased`

/**
 * Asking again with the same id and the same options gives the same job, so a lost answer is no harm.
 * @throws NodeError `import-conflict` when the id stands for another import; `not-permitted`, `not-authenticated`
 */
export async function openImport(
  registry: Registry,
  principal: Principal,
  wanted: { readonly id?: string; readonly options: ImportOptions },
): Promise<{ readonly job: ImportJob; readonly created: boolean }> {
  authorize(principal, 'write')
  const { apiKeyId, enterpriseId } = holderOf(principal)
  const id = wanted.id ?? randomBytes(12).toString('hex')
  const options = JSON.stringify(wanted.options)
  const inserted = await registry.db.query<JobRow>(
    `insert into import (id, enterprise_id, created_by, options) values ($1, $2, $3, $4)
     on conflict (id) do nothing returning ${JOB_COLUMNS}`,
    [id, enterpriseId, apiKeyId, options],
  )
  if (inserted[0] !== undefined) return { job: jobOf(inserted[0]), created: true }
  const [same] = await registry.db.query<JobRow>(
    `select ${JOB_COLUMNS} from import where id = $1 and enterprise_id is not distinct from $2 and options = $3::jsonb`,
    [id, enterpriseId, options],
  )
  if (same !== undefined) return { job: jobOf(same), created: false }
  throw new NodeError('import-conflict', `The id ${id} stands for another import already: choose another id.`)
}

/** @throws NodeError `not-found` also when the job is another enterprise's: strangers learn nothing from ids. */
export async function requireImport(db: Queryable, principal: Principal, id: string): Promise<ImportJob> {
  authorize(principal, 'read-own')
  return requireOwn(db, principal, id)
}

/** As `requireImport`, for a key whose scope has been looked at. */
export async function requireOwn(db: Queryable, principal: Principal, id: string): Promise<ImportJob> {
  const [row] = isStorable(id) ? await db.query<JobRow>(`select ${JOB_COLUMNS} from import where id = $1`, [id]) : []
  const { enterpriseId } = holderOf(principal)
  const visible = row !== undefined && (principal.kind === 'administrator' || row.enterprise_id === enterpriseId)
  if (visible) return jobOf(row)
  throw new NodeError('not-found', `There is no import ${JSON.stringify(id.slice(0, 100))} of yours.`)
}

/** Newest first; `before` is the ordinal of the last one seen. */
export async function listImports(
  db: Database,
  principal: Principal,
  page: { readonly before?: number; readonly limit: number },
): Promise<readonly ImportJob[]> {
  authorize(principal, 'read-own')
  const enterpriseId = principal.kind === 'administrator' ? null : holderOf(principal).enterpriseId
  const rows = await db.query<JobRow>(
    `select ${JOB_COLUMNS} from import
     where ($1::text is null or enterprise_id = $1) and ($2::bigint is null or ordinal < $2)
     order by ordinal desc limit $3`,
    [enterpriseId, page.before ?? null, page.limit],
  )
  return rows.map(jobOf)
}

/** Forgets jobs that nothing has happened to for so long, with their row errors, some at a time; how many. */
export async function pruneImports(db: Database, keepDays: number): Promise<number> {
  for (let pruned = 0; ; ) {
    const { length } = await db.query(
      `delete from import where id in (
         select id from import where changed_at < clock_timestamp() - make_interval(days => $1)
           and (lease_until is null or lease_until < clock_timestamp())
         order by ordinal limit ${PRUNED_AT_ONCE} for update skip locked)
       returning 1 as one`,
      [keepDays],
    )
    pruned += length
    if (length < PRUNED_AT_ONCE) return pruned
  }
}

/** Each may have 100,000 row errors, and the statement a bound on its time. */
const PRUNED_AT_ONCE = 1

function holderOf(principal: Principal): { readonly apiKeyId: string; readonly enterpriseId: string | null } {
  if (principal.kind === 'anonymous') throw new NodeError('not-authenticated', 'Imports need an API key.')
  return {
    apiKeyId: principal.apiKeyId,
    enterpriseId: principal.kind === 'enterprise' ? principal.enterpriseId : null,
  }
}

export interface JobRow {
  readonly id: string
  readonly ordinal: number
  readonly enterprise_id: string | null
  readonly created_by: string
  readonly options: ImportOptions
  readonly state: 'open' | 'running' | 'finished' | 'halted'
  readonly leased: boolean
  readonly halted_code: string | null
  readonly halted_reason: string | null
  readonly header: readonly string[] | null
  readonly offset_bytes: number
  readonly lines_done: number
  readonly rows_done: number
  readonly created_count: number
  readonly replaced_count: number
  readonly unchanged_count: number
  readonly withdrawn_count: number
  readonly failed_count: number
  readonly errors_stored: number
  readonly last_xid: number | null
  readonly created_at: Date
  readonly changed_at: Date
  readonly finished_at: Date | null
}

export function jobOf(row: JobRow): ImportJob {
  return {
    id: row.id,
    ordinal: row.ordinal,
    ...(row.enterprise_id !== null ? { enterpriseId: row.enterprise_id } : {}),
    createdBy: row.created_by,
    options: row.options,
    state: row.state === 'running' && !row.leased ? 'interrupted' : row.state,
    ...(row.halted_code !== null ? { halted: { code: row.halted_code, reason: row.halted_reason ?? '' } } : {}),
    ...(row.header !== null ? { header: row.header } : {}),
    offsetBytes: row.offset_bytes,
    linesDone: row.lines_done,
    rowsDone: row.rows_done,
    counts: {
      created: row.created_count,
      replaced: row.replaced_count,
      unchanged: row.unchanged_count,
      withdrawn: row.withdrawn_count,
      failed: row.failed_count,
    },
    errorsStored: row.errors_stored,
    ...(row.last_xid !== null ? { lastXid: row.last_xid } : {}),
    createdAt: row.created_at,
    changedAt: row.changed_at,
    ...(row.finished_at !== null ? { finishedAt: row.finished_at } : {}),
  }
}
