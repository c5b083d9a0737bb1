/**
 * Writes items with different keys and finds out what became of each.
 *
 * Other writers may be at the same keys. When an item was not written, and the version that the statement's snapshot saw
 * gives no reason for that, a newer one must have been the reason: the statement is run again for it, with a new snapshot.
 */
import { isPrefixHandle } from '../identifier/prefix-record.js'
import { NodeError } from '../platform/errors.js'
import type { Queryable } from '../platform/postgres.js'
import type { Principal } from '../security/principal.js'
import { type ChangedKey, identifierChange } from './append-change.js'
import { writePrefixRecord } from './prefix-record-writes.js'
import type { ItemOutcome, Registration } from './registration.js'
import type { Registry } from './registry.js'
import { retryLostRaces } from './retries.js'
import { type KnownPrincipal, requireKnown, standingError } from './standing.js'
import { isForFastLane, runManyStatement } from './write-many.js'
import { explainUnwritten, verdictError } from './write-outcomes.js'
import { type Asked, askedFor, outcomesOf, receipt } from './write-receipts.js'
import { runSingleStatement } from './write-single.js'
import { type Author, type JudgedRow, runWriteStatement, type WrittenRow } from './write-statement.js'

export interface WriteRun {
  readonly on: Queryable
  readonly principal: Principal
  /**
   * The statement appends the change row. Without, the caller's transaction does, and the receipts get its id later; records
   * of prefixes are written in such only.
   */
  readonly feed: boolean
  /** Whether what succeeds must be committed together; in a transaction of the caller's it is. */
  readonly together: boolean
  /** What a statement wrote; `xid` when it appended the change row itself. */
  written(changes: readonly ChangedKey[], xid: number | undefined): void
}

/** Every statement is a transaction of its own; `together` makes it one statement. */
export function directRun(registry: Registry, principal: Principal, together: boolean): WriteRun {
  return {
    on: registry.db,
    principal,
    feed: true,
    together,
    written: (changes, xid) => {
      const [keys, versions] = [changes.map(({ key }) => key), changes.map(({ version }) => version)]
      if (xid !== undefined) registry.committed({ keys, versions, xid })
    },
  }
}

const MAX_TRIES = 8

/** Outcomes in the order of the items. @throws NodeError `not-authenticated`, `not-permitted` when the key is not good */
export async function writeDistinct(run: WriteRun, items: readonly Registration[]): Promise<readonly ItemOutcome[]> {
  const outcomes = new Map<string, ItemOutcome>()
  let left = items
  for (let tries = 0; left.length > 0 && tries < MAX_TRIES; tries += 1) {
    for (const [key, outcome] of await writeOnce(run, left)) outcomes.set(key, outcome)
    left = left.filter(({ identifier }) => !outcomes.has(identifier.key))
  }
  return items.map(({ identifier }) => outcomes.get(identifier.key) ?? contended(identifier.spelling))
}

function contended(spelling: string): ItemOutcome {
  const message = `${spelling} kept changing while it was being written. Read it, and write again.`
  return { ok: false, error: new NodeError('version-conflict', message, { retryAfterSeconds: 1 }) }
}

/** The outcomes that are certain; those missing want another try. */
async function writeOnce(run: WriteRun, items: readonly Registration[]): Promise<ReadonlyMap<string, ItemOutcome>> {
  const all = items.map(askedFor).sort(byPrefix)
  const asked = all.filter(({ item }) => !isPrefixHandle(item.identifier))
  const outcomes = new Map(await writeFast(run, asked))
  const author = authorOf(requireKnown(run.principal))
  for (const one of all) {
    if (isPrefixHandle(one.item.identifier)) outcomes.set(one.row.key, await writePrefixRecord(run, author, one))
  }
  const left = asked.filter(({ row }) => !outcomes.has(row.key))
  if (left.length > 0) for (const [key, outcome] of await writeJudged(run, left)) outcomes.set(key, outcome)
  return outcomes
}

/** Of what the fast lanes have written. */
async function writeFast(run: WriteRun, asked: readonly Asked[]): Promise<ReadonlyMap<string, ItemOutcome>> {
  const author = authorOf(requireKnown(run.principal))
  const { on, feed } = run
  // What the lane leaves takes another statement.
  const mayTakeTwo = asked.length === 1 || !feed || !run.together
  const fit = mayTakeTwo ? asked.filter(({ row }) => isForFastLane(row)) : []
  if (fit.length === 0) return new Map()
  const [first] = fit
  const rows = await tried(run, async () => {
    if (fit.length > 1) return runManyStatement(on, { items: fit.map(({ row }) => ({ item: row, author })), feed })
    const row = await runSingleStatement(on, author, { item: first!.row, feed })
    return row === undefined ? [] : [row]
  })
  noteWritten(run, rows)
  return outcomesOf(on, fit, rows)
}

/** By the statement that judges each item, and tells of those it has not written. */
async function writeJudged(run: WriteRun, asked: readonly Asked[]): Promise<ReadonlyMap<string, ItemOutcome>> {
  const principal = requireKnown(run.principal)
  const author = authorOf(principal)
  const items = asked.map(({ row }) => row)
  const rows = await tried(run, () => runWriteStatement(run.on, author, { items, feed: run.feed }))
  const judged = new Map<string, JudgedRow>()
  const written = new Map<string, WrittenRow>()
  for (const row of rows) row.kind === 'judged' ? judged.set(row.key, row) : written.set(row.key, row)
  const [anyRow] = judged.values()
  if (anyRow?.standing !== 'good') throw standingError(principal, anyRow?.standing ?? undefined)

  noteWritten(run, [...written.values()])
  const outcomes = new Map(
    await outcomesOf(
      run.on,
      asked,
      [...written.values()].map((row) => ({ ...row, stateBefore: stateBefore(row, judged.get(row.key)!) })),
    ),
  )
  for (const one of asked) {
    const outcome = written.has(one.row.key) ? undefined : explain(one, judged.get(one.row.key)!)
    if (outcome !== undefined) outcomes.set(one.row.key, outcome)
  }
  return outcomes
}

/** null also when what was judged is not the version that was replaced. */
function stateBefore({ version }: WrittenRow, judged: JudgedRow): number | null {
  return judged.version === version - 1 ? judged.state : null
}

/** On its own a statement is a transaction, and can be tried again; within one, that is for whoever began it. */
function tried<Result>(run: WriteRun, statement: () => Promise<Result>): Promise<Result> {
  return run.feed ? retryLostRaces(statement) : statement()
}

/** Prefixes are locked in this order, the order in which a suspended enterprise's prefixes are. */
function byPrefix(one: Asked, other: Asked): number {
  const [a, b] = [one.item.identifier.prefix, other.item.identifier.prefix]
  return a < b ? -1 : a > b ? 1 : 0
}

export function authorOf(principal: KnownPrincipal): Author {
  const { apiKeyId } = principal
  return principal.kind === 'administrator'
    ? { apiKeyId, enterpriseId: null, prefixes: null }
    : { apiKeyId, enterpriseId: principal.enterpriseId, prefixes: principal.prefixes ?? null }
}

function noteWritten(run: WriteRun, written: readonly WrittenRow[]): void {
  if (written.length === 0) return
  const changes = written.map(({ key, version }) => identifierChange(key, version))
  run.written(changes, written[0]?.xid ?? undefined)
}

function explain(asked: Asked, judged: JudgedRow): ItemOutcome | undefined {
  const error = verdictError(asked.item, judged.verdict, judged.prefix)
  if (error) return { ok: false, error }
  const seen = judged.version === null ? undefined : { ...judged, version: judged.version }
  const explanation = explainUnwritten(asked.item, seen)
  if (explanation?.kind === 'refused') return { ok: false, error: explanation.error }
  return explanation && seen && { ok: true, receipt: receipt(asked, { ...seen, outcome: 'unchanged' }) }
}
