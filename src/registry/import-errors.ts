/** The faults of an import's rows: stored with the chunk they belong to, given back in the order of the file. */
import type { Fault } from '../platform/errors.js'
import type { Database, Transaction } from '../platform/postgres.js'
import type { ImportJob } from './import-jobs.js'
import type { ImportRow } from './import-rows.js'

export interface ImportError {
  readonly row: number
  readonly line: number
  readonly field: string
  readonly reason: string
  readonly identifier: string
}

/** Past so many an import is halted: something else is wrong than single rows. */
export const MAX_STORED_ERRORS = 100_000
const MAX_FAULTS_PER_ROW = 20
const MAX_FIELD_LENGTH = 200
const MAX_REASON_LENGTH = 1_000
const MAX_IDENTIFIER_LENGTH = 300
const PAGE_ROWS = 1_000

export interface FailedRow {
  readonly row: ImportRow
  readonly faults: readonly Fault[]
}

/** How many were stored; no more than there is room for. */
export async function storeErrors(tx: Transaction, job: ImportJob, failed: readonly FailedRow[]): Promise<number> {
  const errors = failed
    .flatMap(({ row, faults }) =>
      faults.slice(0, MAX_FAULTS_PER_ROW).map((fault, ordinal) => ({ ...row, ...fault, ordinal })),
    )
    .slice(0, Math.max(0, MAX_STORED_ERRORS - job.errorsStored))
  if (errors.length === 0) return 0
  await tx.query(
    `insert into import_error (import_id, row, ordinal, line, field, reason, identifier)
     select $1, * from unnest($2::bigint[], $3::integer[], $4::bigint[], $5::text[], $6::text[], $7::text[])`,
    [
      job.id,
      errors.map(({ row }) => row),
      errors.map(({ ordinal }) => ordinal),
      errors.map(({ line }) => line),
      errors.map(({ field }) => storable(field, MAX_FIELD_LENGTH)),
      errors.map(({ reason }) => storable(reason, MAX_REASON_LENGTH)),
      errors.map(({ identifier }) => storable(identifier, MAX_IDENTIFIER_LENGTH)),
    ],
  )
  return errors.length
}

/** In the order of the file, read page by page, so that any number of them needs little memory. */
export async function* listImportErrors(db: Database, importId: string): AsyncGenerator<ImportError> {
  let after: ImportError & { readonly ordinal: number } = {
    row: 0,
    ordinal: -1,
    line: 0,
    field: '',
    reason: '',
    identifier: '',
  }
  for (;;) {
    const page = await db.query<ImportError & { readonly ordinal: number }>(
      `select row, ordinal, line, field, reason, identifier from import_error
       where import_id = $1 and (row, ordinal) > ($2, $3) order by row, ordinal limit ${PAGE_ROWS}`,
      [importId, after.row, after.ordinal],
    )
    yield* page
    if (page.length < PAGE_ROWS) return
    after = page[page.length - 1]!
  }
}

/** Postgres stores neither NUL nor halves of surrogate pairs. */
export function storable(text: string, maxLength: number): string {
  const short = text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text
  return short.replace(/\0|\p{Surrogate}/gu, '\ufffd')
}
