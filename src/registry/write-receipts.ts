/** Receipts of what was written. */
import { NodeError } from '../platform/errors.js'
import type { Queryable } from '../platform/postgres.js'
import { bigintArray, textArray } from '../platform/sql-arrays.js'
import { type ItemOutcome, type Receipt, type Registration, statementItem } from './registration.js'
import type { LaneRow } from './write-single.js'
import type { StatementItem } from './write-statement.js'
import { REGISTERED } from './write-upsert.js'

/** An item, and what goes to the database of it. */
export interface Asked {
  readonly item: Registration
  readonly row: StatementItem
}

export function askedFor(item: Registration): Asked {
  return { item, row: statementItem(item) }
}

/** By key, of the rows that were written of those asked for. */
export async function outcomesOf(
  on: Queryable,
  asked: readonly Asked[],
  rows: readonly LaneRow[],
): Promise<ReadonlyMap<string, ItemOutcome>> {
  const written = new Map(rows.map((row) => [row.key, row]))
  const outcomes = new Map<string, ItemOutcome>()
  const overtaken: Overtaken[] = []
  for (const one of asked) {
    const now = written.get(one.row.key)
    if (now === undefined) continue
    if (now.version > 1 && now.stateBefore === null) overtaken.push({ ...one, now })
    else outcomes.set(one.row.key, receiptFor(one, now))
  }
  for (const [key, outcome] of await receiptsOf(on, overtaken)) outcomes.set(key, outcome)
  return outcomes
}

interface Overtaken extends Asked {
  readonly now: LaneRow
}

/** Nobody may take a failure of this for one of the write, and write again. @throws NodeError `not-yet-visible` */
async function receiptsOf(on: Queryable, overtaken: readonly Overtaken[]): Promise<ReadonlyMap<string, ItemOutcome>> {
  try {
    return await findReplaced(on, overtaken)
  } catch {
    throw new NodeError(
      'not-yet-visible',
      'It is written, and the database went away before its receipt was made. Repeat the request to get one.',
      { retryAfterSeconds: 1 },
    )
  }
}

const FIND_REPLACED = `
  select v.key, v.state from unnest($1::text[], $2::bigint[]) as wanted (key, version)
  join identifier_version v on v.key = wanted.key and v.version = wanted.version`

/** Whether what was written replaced a registered version, where the snapshot did not yet see the version replaced. */
async function findReplaced(on: Queryable, overtaken: readonly Overtaken[]): Promise<ReadonlyMap<string, ItemOutcome>> {
  if (overtaken.length === 0) return new Map()
  const rows = await on.query<{ key: string; state: number }>(FIND_REPLACED, [
    textArray(overtaken.map(({ row }) => row.key)),
    bigintArray(overtaken.map(({ now }) => now.version - 1)),
  ])
  const states = new Map(rows.map(({ key, state }) => [key, state]))
  return new Map(
    overtaken.map((one) => [
      one.row.key,
      receiptFor(one, { ...one.now, stateBefore: states.get(one.row.key) ?? null }),
    ]),
  )
}

function receiptFor(asked: Asked, now: LaneRow): ItemOutcome {
  const registers = asked.item.intent === 'register'
  const outcome = registers ? (now.stateBefore === REGISTERED ? 'replaced' : 'created') : 'withdrawn'
  return { ok: true, receipt: receipt(asked, { ...now, outcome }) }
}

export function receipt(
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
