/**
 * Writes the rows of a chunk, in the order of the file where a key repeats: first all first occurrences, then all
 * second ones, and so on. First versions go in by COPY, whatever else by the statement that writes all identifiers.
 */
import type { Transaction } from '../platform/postgres.js'
import type { Principal } from '../security/principal.js'
import { type ChangedKey, identifierChange } from './append-change.js'
import { COPY_IDENTIFIERS, type CopyRow, copyPieces } from './import-copy.js'
import type { ImportJob } from './import-jobs.js'
import {
  type ChunkResults,
  CREATED,
  findVersions,
  isPlainFirst,
  isThere,
  type KnownVersions,
  type Outcome,
  outcomeOfBad,
  refusedRow,
  UNCHANGED,
  versionAfter,
} from './import-outcomes.js'
import { type Judgement, judgePrefixes } from './import-prefixes.js'
import { type GoodRow, type ImportRow, isGood, registrationOf } from './import-rows.js'
import { requireKnown } from './standing.js'
import { writeDistinct } from './write-run.js'

export interface RowsTask {
  readonly job: ImportJob
  readonly rows: readonly ImportRow[]
  /** The database's time. */
  readonly at: Date
  readonly withoutCopy: boolean
}

/** A good row and its place in the chunk. */
interface Placed {
  readonly row: GoodRow
  readonly place: number
}

interface Writing {
  readonly tx: Transaction
  readonly principal: Principal
  readonly task: RowsTask
  readonly known: KnownVersions
  readonly judge: (row: GoodRow) => Judgement
  readonly outcomes: Outcome[]
  /** Newest version by feed key. */
  readonly changes: Map<string, ChangedKey>
}

/** COPY has no `on conflict`: @throws pg's unique violation when a rival has just registered one of the keys. */
export async function writeRows(tx: Transaction, principal: Principal, task: RowsTask): Promise<ChunkResults> {
  const good = task.rows.filter(isGood)
  const writing: Writing = {
    tx,
    principal,
    task,
    judge: await judgePrefixes(tx, principal, good),
    known: await findVersions(tx, { rows: good, job: task.job, apiKeyId: requireKnown(principal).apiKeyId }),
    outcomes: [],
    changes: new Map(),
  }
  const placed: Placed[] = []
  for (const [place, row] of task.rows.entries()) {
    const bad = outcomeOfBad(row)
    if (bad !== undefined) writing.outcomes[place] = bad
    else placed.push({ row: row as GoodRow, place })
  }
  for (let left: readonly Placed[] = placed; left.length > 0; ) {
    const { first, rest } = firstOccurrences(left)
    await writeDistinctRows(writing, first)
    left = rest
  }
  return { outcomes: writing.outcomes, changes: [...writing.changes.values()] }
}

function firstOccurrences(placed: readonly Placed[]): { first: Placed[]; rest: Placed[] } {
  const seen = new Set<string>()
  const first: Placed[] = []
  const rest: Placed[] = []
  for (const one of placed) {
    const { key } = one.row.registration.identifier
    if (seen.has(key)) rest.push(one)
    else {
      seen.add(key)
      first.push(one)
    }
  }
  return { first, rest }
}

async function writeDistinctRows(writing: Writing, placed: readonly Placed[]): Promise<void> {
  const fresh: CopyRow[] = []
  const others: Placed[] = []
  for (const one of placed) {
    const { row, place } = one
    const known = writing.known.get(row.registration.identifier.key)
    const judgement = writing.judge(row)
    if (!judgement.ok) writing.outcomes[place] = judgement.outcome
    else if (isThere(row, known)) writing.outcomes[place] = UNCHANGED
    else if (writing.task.withoutCopy || !isPlainFirst(row, known)) others.push(one)
    else {
      fresh.push({ row, prefix: judgement.prefix })
      writing.outcomes[place] = CREATED
    }
  }
  await copyFresh(writing, fresh)
  await writeOthers(writing, others)
}

async function copyFresh(writing: Writing, fresh: CopyRow[]): Promise<void> {
  if (fresh.length === 0) return
  // In the order of keys, as all writers do, so that two of them rarely wait for each other in a circle.
  fresh.sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1))
  const { apiKeyId } = requireKnown(writing.principal)
  await writing.tx.copyIn(COPY_IDENTIFIERS, copyPieces(fresh, { recordedAt: writing.task.at, apiKeyId }))
  for (const one of fresh) {
    const change = identifierChange(keyOf(one), 1)
    writing.changes.set(change.key, change)
    writing.known.set(keyOf(one), versionAfter(one.row, 1))
  }
}

function keyOf({ row }: CopyRow): string {
  return row.registration.identifier.key
}

async function writeOthers(writing: Writing, others: readonly Placed[]): Promise<void> {
  const { tx, principal } = writing
  const run = {
    on: tx,
    principal,
    feed: false,
    written: (changes: readonly ChangedKey[]) => {
      for (const change of changes) writing.changes.set(change.key, change)
    },
  }
  for (let from = 0; from < others.length; from += STATEMENT_ITEMS) {
    const some = others.slice(from, from + STATEMENT_ITEMS)
    const outcomes = await writeDistinct(
      run,
      some.map(({ row }) => registrationOf(row)),
    )
    for (const [index, outcome] of outcomes.entries()) {
      const { row, place } = some[index]!
      if (outcome.ok) {
        writing.outcomes[place] = { kind: outcome.receipt.outcome }
        writing.known.set(outcome.receipt.key, versionAfter(row, outcome.receipt.version))
      } else {
        const known = writing.known.get(row.registration.identifier.key)
        writing.outcomes[place] = refusedRow(row, { known, error: outcome.error, mode: writing.task.job.options.mode })
      }
    }
  }
}

const STATEMENT_ITEMS = 2_000
