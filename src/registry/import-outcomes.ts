/** What became of the rows of a chunk, and what is known of the identifiers they name. */

import type { Fault, NodeError } from '../platform/errors.js'
import type { Queryable } from '../platform/postgres.js'
import { textArray } from '../platform/sql-arrays.js'
import { digestOf } from '../record/stored-content.js'
import type { Changes } from './append-change.js'
import type { ImportCounts, ImportJob } from './import-jobs.js'
import type { ImportMode } from './import-options.js'
import type { GoodRow, ImportRow } from './import-rows.js'
import type { Registration } from './registration.js'
import { explainUnwritten } from './write-outcomes.js'
import { REGISTERED, WITHDRAWN } from './write-statement.js'

export type Outcome =
  | { readonly kind: 'created' | 'replaced' | 'unchanged' | 'withdrawn' }
  | { readonly kind: 'failed'; readonly faults: readonly Fault[] }

export interface ChunkResults {
  /** In the order of the chunk's rows. */
  readonly outcomes: readonly Outcome[]
  readonly changes: Changes
  /** Whether no identifier of the chunk was there before. */
  readonly allNew: boolean
}

export const CREATED: Outcome = { kind: 'created' }
export const UNCHANGED: Outcome = { kind: 'unchanged' }

/** The newest version of an identifier. */
export interface KnownVersion {
  readonly version: number
  /** REGISTERED or WITHDRAWN. */
  readonly state: number
  readonly digest: Buffer | null
  readonly origin: Origin
}

/** Where a version comes from, as seen from a row that comes upon it. */
export type Origin =
  | { readonly kind: 'row'; readonly row: number }
  /** An earlier row, of another chunk. */
  | { readonly kind: 'file' }
  /** Written with the same API key since the import was opened: by an earlier chunk, or by someone else meanwhile. */
  | { readonly kind: 'since' }
  | { readonly kind: 'before' }

/** Newest versions by key; changes as the rows of a chunk are done. */
export type KnownVersions = Map<string, KnownVersion>

export async function findVersions(
  on: Queryable,
  { rows, job, apiKeyId }: { readonly rows: readonly GoodRow[]; readonly job: ImportJob; readonly apiKeyId: string },
): Promise<KnownVersions> {
  const found = await on.query<Omit<KnownVersion, 'origin'> & { readonly key: string; readonly since: boolean }>(
    // `limit 1` makes every plan one index probe a key.
    `select wanted.key, seen.version, seen.state, seen.digest, seen.since from unnest($1::text[]) as wanted (key)
     cross join lateral (
       select i.version, i.state, i.digest, i.recorded_by = $2 and i.recorded_at >= $3 as since
       from identifier i where i.key = wanted.key limit 1
     ) seen`,
    [textArray(keysOf(rows)), apiKeyId, job.createdAt],
  )
  return new Map(
    found.map(({ key, since, ...version }) => [
      key,
      { ...version, origin: since && !job.options.dryRun ? SINCE : BEFORE },
    ]),
  )
}

export function keysOf(rows: readonly GoodRow[]): readonly string[] {
  return [...new Set(rows.map(({ registration }) => registration.identifier.key))]
}

/** What the row asks for is there already. Also for `create`: an import that is run again must not fail. */
export function isThere({ registration }: GoodRow, known: KnownVersion | undefined): boolean {
  if (registration.intent !== 'register' || known?.state !== REGISTERED) return false
  const { precondition } = registration
  return (precondition === undefined || precondition.kind === 'absent') && isSame(registration, known)
}

/** Whether nothing is there that could stand in the way of a first version. */
export function isPlainFirst({ registration }: GoodRow, known: KnownVersion | undefined): boolean {
  const { intent, precondition } = registration
  return known === undefined && intent === 'register' && (precondition === undefined || precondition.kind === 'absent')
}

/** What writing the row would do, by the rules of the write path. */
export function outcomeOfTrial(row: GoodRow, known: KnownVersion | undefined, mode: ImportMode): Outcome {
  if (isThere(row, known)) return UNCHANGED
  const { registration } = row
  const seen =
    known === undefined ? undefined : { ...known, same: isSame(registration, known), recordedAt: EPOCH, xid: 0 }
  const explanation = explainUnwritten(registration, seen)
  if (explanation?.kind === 'refused') return refusedRow(row, { known, error: explanation.error, mode })
  if (explanation?.kind === 'unchanged') return UNCHANGED
  if (registration.intent === 'withdraw') return { kind: 'withdrawn' }
  return known?.state === REGISTERED ? { kind: 'replaced' } : CREATED
}

function isSame({ content }: Registration, { digest }: KnownVersion): boolean {
  return content !== undefined && digest !== null && digestOf(content).equals(digest)
}

export function versionAfter(row: GoodRow, version: number): KnownVersion {
  const { content } = row.registration
  return {
    version,
    state: content === undefined ? WITHDRAWN : REGISTERED,
    digest: content === undefined ? null : digestOf(content),
    origin: { kind: 'row', row: row.row },
  }
}

/** A refusal of the write path; one for an identifier that is there already in the words of an import. */
export function refusedRow(
  row: GoodRow,
  why: { readonly known: KnownVersion | undefined; readonly error: NodeError; readonly mode: ImportMode },
): Outcome {
  const { known, error, mode } = why
  const { precondition, identifier } = row.registration
  const clashes = error.code === 'precondition-failed' && precondition?.kind === 'absent'
  // When nothing is known to be registered, a rival was quicker: the write path's own words fit.
  if (!clashes || known?.state !== REGISTERED) return failed(error)
  return { kind: 'failed', faults: [{ field: 'identifier', reason: clash(identifier.spelling, known.origin, mode) }] }
}

function clash(spelling: string, origin: Origin, mode: ImportMode): string {
  const cure =
    mode === 'create'
      ? 'mode upsert (--mode upsert) replaces it'
      : 'the row itself (ifNoneMatch) demands that it is new'
  switch (origin.kind) {
    case 'row':
      return `an earlier row of this file (row ${origin.row}) has the same identifier with other content`
    case 'file':
      return 'an earlier row of this file has the same identifier with other content'
    case 'since':
      return `${spelling} was registered with other content after this import was opened, most likely by an earlier row of this file; ${cure}`
    case 'before':
      return `${spelling} is registered already with other content; ${cure}`
  }
}

export function failed(error: NodeError): Outcome {
  return {
    kind: 'failed',
    faults: error.faults.length > 0 ? error.faults : [{ field: 'identifier', reason: error.message }],
  }
}

export function countsOf(outcomes: readonly Outcome[]): ImportCounts {
  const counts = { created: 0, replaced: 0, unchanged: 0, withdrawn: 0, failed: 0 }
  for (const { kind } of outcomes) counts[kind] += 1
  return counts
}

/** Faults of rows that could not even be read. */
export function outcomeOfBad(row: ImportRow): Outcome | undefined {
  return 'faults' in row ? { kind: 'failed', faults: row.faults } : undefined
}

const SINCE: Origin = { kind: 'since' }
const BEFORE: Origin = { kind: 'before' }
const EPOCH = new Date(0)
