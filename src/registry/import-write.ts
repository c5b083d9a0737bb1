/**
 * Writes the rows of a chunk, in the order of the file where a key repeats: first all first occurrences, then all
 * second ones, and so on. First versions go in by COPY, whatever else by the statement that writes all identifiers.
 */
import type { NodeError } from '../platform/errors.js'
import type { Transaction } from '../platform/postgres.js'
import { identifierFeedKey } from '../resolution/feed-spaces.js'
import type { Principal } from '../security/principal.js'
import type { ChangedKey } from './append-change.js'
import { COPY_IDENTIFIERS, copyPieces } from './import-copy.js'
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
import { judgePrefixes } from './import-prefixes.js'
import { type GoodRow, type ImportRow, isGood } from './import-rows.js'
import { requireKnown } from './standing.js'
import { writeDistinct } from './write-run.js'

/**
 * What a try to write a chunk goes by. Looking first costs a third of the database's time, and is for nothing while a
 * file registers what nobody has registered yet.
 *
 *   expect-new   first versions are copied without looking whether they are first: the table's own key decides
 *   look         existing versions are looked up; rows without one are copied
 *   no-copy      all rows go by the statement that steps around what rivals have just registered
 */
export type WriteManner = 'expect-new' | 'look' | 'no-copy'

export interface RowsTask {
  readonly job: ImportJob
  readonly rows: readonly ImportRow[]
  /** The database's time. */
  readonly at: Date
  readonly manner: WriteManner
}

/** A good row, its place in the chunk, and the prefix that is responsible. */
interface Placed {
  readonly row: GoodRow
  readonly place: number
  readonly prefix: string
}

type ByKey = ReadonlyMap<string, Placed>

interface Writing {
  readonly tx: Transaction
  readonly principal: Principal
  readonly task: RowsTask
  readonly known: KnownVersions
  readonly outcomes: Outcome[]
  /** Newest version by feed key. */
  readonly changes: Map<string, number>
}

/** COPY has no `on conflict`: @throws pg's unique violation when one of the keys copied is registered already. */
export async function writeRows(tx: Transaction, principal: Principal, task: RowsTask): Promise<ChunkResults> {
  const outcomes: Outcome[] = []
  const good = goodRows(task.rows, outcomes)
  const placed = await placeRows(tx, principal, { rows: task.rows, good, outcomes })
  const { apiKeyId } = requireKnown(principal)
  const known: KnownVersions =
    task.manner === 'expect-new' ? new Map() : await findVersions(tx, { rows: good, job: task.job, apiKeyId })
  const allNew = known.size === 0
  const writing = { tx, principal, task, known, outcomes, changes: new Map() }
  for (let left: readonly Placed[] = placed; left.length > 0; ) {
    const { first, rest } = firstOccurrences(left)
    await writeDistinctRows(writing, first)
    for (const { row } of rest) noteCopied(writing, first.get(row.registration.identifier.key)!)
    left = rest
  }
  const { changes } = writing
  return { outcomes, changes: { keys: [...changes.keys()], versions: [...changes.values()] }, allNew }
}

function goodRows(rows: readonly ImportRow[], outcomes: Outcome[]): readonly GoodRow[] {
  const good: GoodRow[] = []
  for (let place = 0; place < rows.length; place += 1) {
    const row = rows[place]!
    if (isGood(row)) good.push(row)
    else outcomes[place] = outcomeOfBad(row)!
  }
  return good
}

async function placeRows(
  tx: Transaction,
  principal: Principal,
  {
    rows,
    good,
    outcomes,
  }: { readonly rows: readonly ImportRow[]; readonly good: readonly GoodRow[]; readonly outcomes: Outcome[] },
): Promise<readonly Placed[]> {
  const judge = await judgePrefixes(tx, principal, good)
  const placed: Placed[] = []
  for (let place = 0; place < rows.length; place += 1) {
    const row = rows[place]!
    if (!isGood(row)) continue
    const judgement = judge(row)
    if (judgement.ok) placed.push({ row, place, prefix: judgement.prefix })
    else outcomes[place] = judgement.outcome
  }
  return placed
}

function firstOccurrences(placed: readonly Placed[]): { readonly first: ByKey; readonly rest: readonly Placed[] } {
  const first = new Map<string, Placed>()
  const rest: Placed[] = []
  for (const one of placed) {
    const { key } = one.row.registration.identifier
    if (first.has(key)) rest.push(one)
    else first.set(key, one)
  }
  return { first, rest }
}

async function writeDistinctRows(writing: Writing, rows: ByKey): Promise<void> {
  const { known, outcomes, task } = writing
  const fresh: string[] = []
  const others: Placed[] = []
  for (const [key, one] of rows) {
    const { row, place } = one
    const before = known.get(key)
    if (isThere(row, before)) outcomes[place] = UNCHANGED
    else if (task.manner === 'no-copy' || !isPlainFirst(row, before)) others.push(one)
    else fresh.push(key)
  }
  await copyFresh(writing, rows, fresh)
  await writeOthers(writing, others)
}

async function copyFresh({ tx, principal, task, outcomes, changes }: Writing, rows: ByKey, keys: string[]) {
  if (keys.length === 0) return
  // In the order of keys, as all writers do, so that two of them rarely wait for each other in a circle.
  keys.sort()
  const fresh = keys.map((key) => rows.get(key)!)
  const { apiKeyId } = requireKnown(principal)
  await tx.copyIn(COPY_IDENTIFIERS, copyPieces(fresh, { recordedAt: task.at, apiKeyId }))
  for (const key of keys) changes.set(identifierFeedKey(key), 1)
  for (const { place } of fresh) outcomes[place] = CREATED
}

/** For a row of the same key that comes after it. */
function noteCopied({ known, outcomes }: Writing, { row, place }: Placed): void {
  if (outcomes[place] === CREATED) known.set(row.registration.identifier.key, versionAfter(row, 1))
}

async function writeOthers(writing: Writing, others: readonly Placed[]): Promise<void> {
  const { tx, principal, changes } = writing
  const written = (some: readonly ChangedKey[]) => {
    for (const { key, version } of some) changes.set(key, version)
  }
  const run = { on: tx, principal, feed: false, together: true, written }
  for (let from = 0; from < others.length; from += STATEMENT_ITEMS) {
    const some = others.slice(from, from + STATEMENT_ITEMS)
    const outcomes = await writeDistinct(
      run,
      some.map(({ row }) => row.registration),
    )
    const refused: Refused[] = []
    for (const [index, outcome] of outcomes.entries()) {
      const one = some[index]!
      if (outcome.ok) {
        writing.outcomes[one.place] = { kind: outcome.receipt.outcome }
        writing.known.set(outcome.receipt.key, versionAfter(one.row, outcome.receipt.version))
      } else refused.push({ ...one, error: outcome.error })
    }
    await noteRefused(writing, refused)
  }
}

interface Refused extends Placed {
  readonly error: NodeError
}

/** A rival may have registered just what the row asks for, after it was looked for: then it is there, as it is to be. */
async function noteRefused({ tx, principal, task, known, outcomes }: Writing, refused: readonly Refused[]) {
  const { mode } = task.job.options
  const unseen = refused.filter(({ row }) => !known.has(row.registration.identifier.key)).map(({ row }) => row)
  const { apiKeyId } = requireKnown(principal)
  const seen: KnownVersions =
    unseen.length === 0 ? new Map() : await findVersions(tx, { rows: unseen, job: task.job, apiKeyId })
  for (const { row, place, error } of refused) {
    const { key } = row.registration.identifier
    outcomes[place] = isThere(row, seen.get(key)) ? UNCHANGED : refusedRow(row, { known: known.get(key), error, mode })
  }
}

const STATEMENT_ITEMS = 2_000
