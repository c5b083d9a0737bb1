/** Forgets old changes. The horizon moves in the same transaction, so no reader takes a gap for silence. */
import type { Database, Transaction } from '../platform/postgres.js'

const CHUNK_ROWS = 5_000

// Held for the whole transaction: processes that prune at the same time take turns.
const LOCK_HORIZON = 'select xid from change_horizon for update'

/**
 * Below the bound everything may go:
 *   - nothing is younger than asked for, and no transaction below it is still under way;
 *   - no registered consumer has yet to read it;
 *   - the newest row below the snapshot's xmin stays, or followers that start anew would have no mark.
 */
const FIND_BOUND = `
  with oldest as (select xid, at from change order by xid limit ${CHUNK_ROWS}),
  limits (xid) as (
    select coalesce(
      min(xid) filter (where at >= clock_timestamp() - make_interval(secs => $1)),
      max(xid) + 1) from oldest
    union all
    select coalesce(
      (select xid from change where xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint order by xid desc limit 1), 0)
    union all
    select xid from change_consumer
  )
  select min(xid) as bound from limits`

/** How many rows went. Nothing is lost when it fails half-way: each chunk is a transaction of its own. */
export async function pruneChanges(db: Database, keepHours: number): Promise<number> {
  for (let pruned = 0; ; ) {
    const rows = await db.transaction((tx) => pruneChunk(tx, keepHours * 3600))
    pruned += rows
    if (rows < CHUNK_ROWS) return pruned
  }
}

async function pruneChunk(tx: Transaction, keepSeconds: number): Promise<number> {
  const [horizon] = await tx.query<{ xid: number }>(LOCK_HORIZON)
  const [row] = await tx.query<{ bound: number | null }>(FIND_BOUND, [keepSeconds])
  const bound = row?.bound ?? 0
  if (bound <= (horizon?.xid ?? 0)) return 0
  await tx.query('update change_horizon set xid = $1', [bound])
  const pruned = await tx.query('delete from change where xid < $1 returning 1 as one', [bound])
  return pruned.length
}
