/**
 * One poll of the change feed for cache followers: one statement, so that the rows, the snapshot's xmin, the epoch and
 * the pruning horizon are of one moment.
 *
 *   following    every visible row from the mark on, however late it was committed
 *   looking back the newest rows only, for a follower that has no mark yet, or whose mark is worth nothing any more
 *
 * Rows of one poll are bounded in number and in keys: a follower that is too far behind had better start anew. Half a
 * million keys, as bulk loads leave them, took longer to read than a poll may take, and seconds to apply.
 */
import type { Queryable } from '../platform/postgres.js'
import type { FeedRow } from '../resolution/change-knowledge.js'

export interface Extent {
  readonly rows: number
  readonly keys: number
}

export const MOST_FOLLOWED: Extent = { rows: 20_000, keys: 100_000 }
/** Less is known then of what was before, no more than that. */
export const MOST_LOOKED_BACK: Extent = { rows: 20_000, keys: 50_000 }
export const LOOK_BACK_MINUTES = 10

export interface FeedSnapshot {
  /** System identifier, timeline, database: with another one, committed history may be another. */
  readonly epoch: string
  readonly xmin: number
  /** Rows below it may have been pruned. */
  readonly horizon: number
  readonly rows: readonly FeedRow[]
}

export interface Followed extends FeedSnapshot {
  /** More rows than a poll takes; none of them is here. */
  readonly overflow: boolean
}

export interface LookedBack extends FeedSnapshot {
  /** Every visible row from this xid on is here. */
  readonly floor: number
}

/** SQL. The timeline is in the first eight digits of a WAL file's name; after a failover that lost commits it is another. */
export const EPOCH = `(select system_identifier from pg_control_system()) || '-' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
  || '-' || (select oid from pg_database where datname = current_database())`

const MOMENT = `moment as materialized (
    select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xmin, (select xid from change_horizon) as horizon,
      ${EPOCH} as epoch
  )`

const FOLLOW = `
  with ${MOMENT},
  feed as materialized (
    select xid, keys, versions, cardinality(keys) as size from change where xid >= $1 order by xid limit $2::integer + 1
  ),
  extent as materialized (select count(*) > $2::integer or sum(size) > $3::integer as overflow from feed)
  select moment.*, coalesce(extent.overflow, false) as overflow, feed.xid, feed.keys, feed.versions
  from moment cross join extent left join feed on not coalesce(extent.overflow, false)`

// A row that is left out is left out with all before it. The newest row below xmin is kept, for it gives the mark.
const LOOK_BACK = `
  with ${MOMENT},
  newest as materialized (
    select xid, keys, versions, at, row_number() over newest_first as place,
      sum(cardinality(keys)) over newest_first as sum_of_keys, max(xid) filter (where xid < (select xmin from moment)) over () as settled
    from (select * from change order by xid desc limit $1::integer + 1) c
    window newest_first as (order by xid desc)
  ),
  cut as materialized (
    select coalesce(max(xid) + 1, 0) as floor from newest
    where place > $1::integer
      or (place > 1 and sum_of_keys > $2::integer)
      or (xid < settled and at < clock_timestamp() - make_interval(mins => ${LOOK_BACK_MINUTES}))
  )
  select moment.*, greatest(cut.floor, moment.horizon) as floor, newest.xid, newest.keys, newest.versions
  from moment cross join cut left join newest on newest.xid >= cut.floor`

type Row<Head> = Head &
  Omit<FeedSnapshot, 'rows'> & {
    readonly xid: number | null
    readonly keys: readonly string[]
    readonly versions: readonly number[]
  }

export async function followFeed(on: Queryable, mark: number, most = MOST_FOLLOWED): Promise<Followed> {
  const rows = await on.query<Row<{ overflow: boolean }>>(FOLLOW, [mark, most.rows, most.keys])
  return { ...snapshotOf(rows), overflow: rows[0]!.overflow }
}

export async function lookBack(on: Queryable, most = MOST_LOOKED_BACK): Promise<LookedBack> {
  const rows = await on.query<Row<{ floor: number }>>(LOOK_BACK, [most.rows, most.keys])
  return { ...snapshotOf(rows), floor: rows[0]!.floor }
}

function snapshotOf(rows: readonly Row<unknown>[]): FeedSnapshot {
  const { epoch, xmin, horizon } = rows[0]!
  const feed = rows.flatMap(({ xid, keys, versions }) => (xid === null ? [] : [{ xid, keys, versions }]))
  return { epoch, xmin, horizon, rows: feed }
}
