/**
 * One statement for single writes of whomever they are. Each goes by its own author; what is not written is for a
 * statement of its author's own.
 */
import { sqlStateOf } from '../platform/postgres.js'
import { identifierChange } from './append-change.js'
import type { ItemOutcome } from './registration.js'
import type { Registry } from './registry.js'
import { retryLostRaces } from './retries.js'
import { runManyStatement } from './write-many.js'
import { type Asked, outcomesOf } from './write-receipts.js'
import { type LaneRow, runSingleStatement } from './write-single.js'
import type { Author } from './write-statement.js'

export interface AuthoredWrite {
  readonly asked: Asked
  readonly author: Author
}

const LOCK_NOT_AVAILABLE = '55P03'

/** The statement was rolled back, because somebody else held a lock for longer than it may wait. */
export function waitedTooLong(error: unknown): boolean {
  return sqlStateOf(error) === LOCK_NOT_AVAILABLE
}

/** Outcomes by key of what was written; the keys must differ, and each item be for the fast lane. */
export async function writeTogether(
  registry: Registry,
  writes: readonly AuthoredWrite[],
  lockTimeoutMs: number,
): Promise<ReadonlyMap<string, ItemOutcome>> {
  const { db } = registry
  const rows = await retryLostRaces(() => runStatement(registry, writes, lockTimeoutMs))
  const xid = rows[0]?.xid ?? undefined
  if (xid !== undefined) {
    const changes = rows.map(({ key, version }) => identifierChange(key, version))
    registry.committed({ keys: changes.map(({ key }) => key), versions: changes.map(({ version }) => version), xid })
  }
  return outcomesOf(
    db,
    writes.map(({ asked }) => asked),
    rows,
  )
}

async function runStatement(
  { db }: Registry,
  writes: readonly AuthoredWrite[],
  lockTimeoutMs: number,
): Promise<readonly LaneRow[]> {
  const [first, ...others] = writes
  if (others.length > 0) {
    const items = writes.map(({ asked, author }) => ({ item: asked.row, author }))
    return runManyStatement(db, { items, feed: true, lockTimeoutMs })
  }
  const row = await runSingleStatement(db, first!.author, { item: first!.asked.row, feed: true, lockTimeoutMs })
  return row === undefined ? [] : [row]
}
