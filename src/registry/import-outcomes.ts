/** What became of the rows of a chunk, and what is known of the identifiers they name. */
import type { Fault, NodeError } from '../platform/errors.js'
import type { Queryable } from '../platform/postgres.js'
import type { ChangedKey } from './append-change.js'
import type { ImportCounts } from './import-jobs.js'
import { type GoodRow, type ImportRow, registrationOf } from './import-rows.js'
import { explainUnwritten } from './write-outcomes.js'
import { REGISTERED, WITHDRAWN } from './write-statement.js'

export type Outcome =
  | { readonly kind: 'created' | 'replaced' | 'unchanged' | 'withdrawn' }
  | { readonly kind: 'failed'; readonly faults: readonly Fault[] }

export interface ChunkResults {
  /** In the order of the chunk's rows. */
  readonly outcomes: readonly Outcome[]
  readonly changes: readonly ChangedKey[]
}

export const CREATED: Outcome = { kind: 'created' }
export const UNCHANGED: Outcome = { kind: 'unchanged' }

/** The newest version of an identifier. */
export interface KnownVersion {
  readonly version: number
  /** REGISTERED or WITHDRAWN. */
  readonly state: number
  readonly digest: Buffer | null
}

/** Newest versions by key; changes as the rows of a chunk are done. */
export type KnownVersions = Map<string, KnownVersion>

export async function findVersions(on: Queryable, rows: readonly GoodRow[]): Promise<KnownVersions> {
  const found = await on.query<KnownVersion & { readonly key: string }>(
    // `limit 1` makes every plan one index probe a key.
    `select wanted.key, seen.version, seen.state, seen.digest from unnest($1::text[]) as wanted (key)
     cross join lateral (select i.version, i.state, i.digest from identifier i where i.key = wanted.key limit 1) seen`,
    [keysOf(rows)],
  )
  return new Map(found.map((version) => [version.key, version]))
}

export function keysOf(rows: readonly GoodRow[]): readonly string[] {
  return [...new Set(rows.map(({ registration }) => registration.identifier.key))]
}

/** What the row asks for is there already. Also for `create`: an import that is run again must not fail. */
export function isThere({ registration, digest }: GoodRow, known: KnownVersion | undefined): boolean {
  if (registration.intent !== 'register' || known?.state !== REGISTERED) return false
  const { precondition } = registration
  return (precondition === undefined || precondition.kind === 'absent') && digest.equals(known.digest ?? EMPTY)
}

/** Whether nothing is there that could stand in the way of a first version. */
export function isPlainFirst({ registration }: GoodRow, known: KnownVersion | undefined): boolean {
  const { intent, precondition } = registration
  return known === undefined && intent === 'register' && (precondition === undefined || precondition.kind === 'absent')
}

/** What writing the row would do, by the rules of the write path. */
export function outcomeOfTrial(row: GoodRow, known: KnownVersion | undefined): Outcome {
  if (isThere(row, known)) return UNCHANGED
  const { registration, digest } = row
  const seen =
    known === undefined
      ? undefined
      : { ...known, same: digest.equals(known.digest ?? EMPTY), recordedAt: EPOCH, xid: 0 }
  const explanation = explainUnwritten(registrationOf(row), seen)
  if (explanation?.kind === 'refused') return failed(explanation.error)
  if (explanation?.kind === 'unchanged') return UNCHANGED
  if (registration.intent === 'withdraw') return { kind: 'withdrawn' }
  return known?.state === REGISTERED ? { kind: 'replaced' } : CREATED
}

export function versionAfter(row: GoodRow, version: number): KnownVersion {
  const registers = row.registration.intent === 'register'
  return { version, state: registers ? REGISTERED : WITHDRAWN, digest: registers ? row.digest : null }
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

const EMPTY = Buffer.alloc(0)
const EPOCH = new Date(0)
