/**
 * The freshness bounds (T) in use at this node, kept in the database: whoever waits until a write is visible everywhere must
 * wait for the largest, whatever this process's own is.
 *
 * A process notes its bound before its first poll of the feed, and a writer reads the largest after its commit. So a bound
 * that the writer does not see yet belongs to a process all of whose polls begin after that commit and know of the write.
 */
import type { Queryable } from '../platform/postgres.js'
import { EPOCH } from './feed-poll.js'

/** A bound that nobody has noted for so long is in use no more. Processes note theirs every ten minutes. */
const LAPSES_AFTER_HOURS = 24

const NOTE = `
  insert into staleness_bound (bound_ms) values ($1)
  on conflict (bound_ms) do update set noted_at = clock_timestamp()`

const FIND = `
  select coalesce(max(bound_ms), 0) as "largestMs", ${EPOCH} as epoch from staleness_bound
  where noted_at > clock_timestamp() - make_interval(hours => ${LAPSES_AFTER_HOURS})`

export interface StalenessBounds {
  /** 0 when none is noted. */
  readonly largestMs: number
  /** Of the history the database is in now (feed-poll.ts). */
  readonly epoch: string
}

export async function noteStalenessBound(db: Queryable, boundMs: number): Promise<void> {
  await db.query(NOTE, [boundMs])
}

export async function findStalenessBounds(db: Queryable): Promise<StalenessBounds> {
  const [found] = await db.query<StalenessBounds>(FIND, [])
  return found!
}
