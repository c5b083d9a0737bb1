/**
 * Writes items with different keys and finds out what became of each.
 *
 * Other writers may be at the same keys. When an item was not written, and the version that the statement's snapshot saw
 * gives no reason for that, a newer one must have been the reason: the statement is run again for it, with a new snapshot.
 */
import { NodeError } from '../platform/errors.js'
import type { Queryable } from '../platform/postgres.js'
import type { Principal } from '../security/principal.js'
import { type ChangedKey, identifierChange } from './append-change.js'
import { type ItemOutcome, type Receipt, type Registration, statementItem } from './registration.js'
import type { Registry } from './registry.js'
import { retryLostRaces } from './retries.js'
import { type KnownPrincipal, requireKnown, standingError } from './standing.js'
import { explainUnwritten, verdictError } from './write-outcomes.js'
import { runSingleStatement } from './write-single.js'
import {
  type Author,
  type JudgedRow,
  runWriteStatement,
  type StatementItem,
  type VersionSeen,
  type WrittenRow,
} from './write-statement.js'
import { REGISTERED } from './write-upsert.js'

export interface WriteRun {
  readonly on: Queryable
  readonly principal: Principal
  /** The statement appends the change row. Without, the caller's transaction does, and the receipts get its id later. */
  readonly feed: boolean
  /** What a statement wrote; `xid` when it appended the change row itself. */
  written(changes: readonly ChangedKey[], xid: number | undefined): void
}

/** Every statement is a transaction of its own. */
export function directRun(registry: Registry, principal: Principal): WriteRun {
  return {
    on: registry.db,
    principal,
    feed: true,
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
  const principal = requireKnown(run.principal)
  const asked = items.map((item) => ({ item, row: statementItem(item) })).sort(byPrefix)
  const alone = asked.length === 1 ? await writeAlone(run, asked[0]!) : undefined
  if (alone !== undefined) return alone

  const rows = await runStatement(run, asked)
  const judged = new Map<string, JudgedRow>()
  const written = new Map<string, WrittenRow>()
  for (const row of rows) row.kind === 'judged' ? judged.set(row.key, row) : written.set(row.key, row)
  const [anyRow] = judged.values()
  if (anyRow?.standing !== 'good') throw standingError(principal, anyRow?.standing ?? undefined)

  noteWritten(run, [...written.values()])
  const outcomes = new Map<string, ItemOutcome>()
  const overtaken: Overtaken[] = []
  for (const one of asked) {
    const before = judged.get(one.row.key)!
    const now = written.get(one.row.key)
    if (now !== undefined && now.version > 1 && before.version !== now.version - 1) overtaken.push({ ...one, now })
    const outcome = now === undefined ? explain(one, before) : receiptFor(one, now, before.state)
    if (outcome !== undefined) outcomes.set(one.row.key, outcome)
  }
  for (const [key, outcome] of await findReplaced(run.on, overtaken)) outcomes.set(key, outcome)
  return outcomes
}

/** undefined: nothing was written, and the general statement will say why. */
async function writeAlone(run: WriteRun, asked: Asked): Promise<ReadonlyMap<string, ItemOutcome> | undefined> {
  const author = authorOf(requireKnown(run.principal))
  const now = await tried(run, () => runSingleStatement(run.on, author, { item: asked.row, feed: run.feed }))
  if (now === undefined) return undefined
  noteWritten(run, [now])
  if (now.version > 1 && now.stateBefore === null) return findReplaced(run.on, [{ ...asked, now }])
  return new Map([[now.key, receiptFor(asked, now, now.stateBefore)]])
}

function runStatement(run: WriteRun, asked: readonly Asked[]): Promise<readonly (JudgedRow | WrittenRow)[]> {
  const author = authorOf(requireKnown(run.principal))
  return tried(run, () => runWriteStatement(run.on, author, { items: asked.map(({ row }) => row), feed: run.feed }))
}

/** On its own a statement is a transaction, and can be tried again; within one, that is for whoever began it. */
function tried<Result>(run: WriteRun, statement: () => Promise<Result>): Promise<Result> {
  return run.feed ? retryLostRaces(statement) : statement()
}

interface Asked {
  readonly item: Registration
  readonly row: StatementItem
}

interface Overtaken extends Asked {
  readonly now: WrittenRow
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
  return explainBy(asked, judged.version === null ? undefined : { ...judged, version: judged.version })
}

function explainBy(asked: Asked, seen: VersionSeen | undefined): ItemOutcome | undefined {
  const explanation = explainUnwritten(asked.item, seen)
  if (explanation?.kind === 'refused') return { ok: false, error: explanation.error }
  return explanation && seen && { ok: true, receipt: receipt(asked, { ...seen, outcome: 'unchanged' }) }
}

function receiptFor(asked: Asked, now: WrittenRow, stateBefore: number | null): ItemOutcome {
  const registers = asked.item.intent === 'register'
  const outcome = registers ? (stateBefore === REGISTERED ? 'replaced' : 'created') : 'withdrawn'
  return { ok: true, receipt: receipt(asked, { ...now, outcome }) }
}

function receipt(
  asked: Asked,
  result: Pick<Receipt, 'outcome' | 'version'> & { readonly recordedAtMs: number; readonly xid: number | null },
): Receipt {
  return {
    identifier: asked.item.identifier.spelling,
    key: asked.row.key,
    outcome: result.outcome,
    version: result.version,
    recordedAt: new Date(result.recordedAtMs).toISOString(),
    contentSha256: asked.row.digest?.toString('hex') ?? null,
    token: result.xid === null ? '' : String(result.xid),
    propagation: 'local',
  }
}

const FIND_REPLACED = `
  select v.key, v.state from unnest($1::text[], $2::bigint[]) as wanted (key, version)
  join identifier_version v on v.key = wanted.key and v.version = wanted.version`

/** Whether what was written replaced a registered version, where the snapshot did not yet see the version replaced. */
async function findReplaced(on: Queryable, overtaken: readonly Overtaken[]): Promise<ReadonlyMap<string, ItemOutcome>> {
  if (overtaken.length === 0) return new Map()
  const rows = await on.query<{ key: string; state: number }>(FIND_REPLACED, [
    overtaken.map(({ row }) => row.key),
    overtaken.map(({ now }) => now.version - 1),
  ])
  const states = new Map(rows.map(({ key, state }) => [key, state]))
  return new Map(overtaken.map((one) => [one.row.key, receiptFor(one, one.now, states.get(one.row.key) ?? null)]))
}
