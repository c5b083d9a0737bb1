/**
 * Where the outbox stands, in the database: one row of `propagation`, the cursor of the consumer 'upward', and what was
 * refused. One process tells at a time: whoever holds the lease, whose token stands in every statement that moves a place.
 * A process that was thought dead and is not moves nothing any more, and what it may have sent twice has no second effect.
 */
import type { Database, Queryable, Transaction } from '../../platform/postgres.js'
import { bigintArray, textArray } from '../../platform/sql-arrays.js'
import type { ChangeCursor } from '../../registry/changes.js'
import { EPOCH } from '../../registry/feed-poll.js'
import { UPWARD_CONSUMER } from '../../registry/propagation.js'

/** A process that shows no life for so long may be replaced by another. */
export const LEASE_SECONDS = 5

export interface Standing {
  readonly epoch: string
  /** What the database's history is now. */
  readonly epochNow: string
  /** Acknowledged up to there. */
  readonly cursor: ChangeCursor
  /** Feed key; null: everything has been told once. */
  readonly walk: string | null
  /** Changes before it may have been forgotten. */
  readonly horizon: number
}

/** Behind all changes of the transaction. */
const LAST_ORDINAL = 999_999_999

/** Not before the horizon: what is no longer kept is in the tables. */
const SETTLED = `greatest((select xid from change where xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
  order by xid desc limit 1), (select xid from change_horizon))`

/** From here on the feed keeps what has not been acknowledged. */
export async function registerUpward(db: Database): Promise<void> {
  await db.transaction(async (tx) => {
    const [settled] = await tx.query<{ xid: number }>(`select ${SETTLED} as xid`)
    await tx.query(
      `insert into change_consumer (name, xid, ordinal) values ('${UPWARD_CONSUMER}', $1, ${LAST_ORDINAL}) on conflict do nothing`,
      [settled!.xid],
    )
    await tx.query(
      `insert into propagation (epoch, walk, sent_xid, sent_ordinal, sent_walk)
       select ${EPOCH}, '', xid, ordinal, '' from change_consumer where name = '${UPWARD_CONSUMER}' on conflict do nothing`,
    )
  })
}

/** There is no node above any more, and nobody for whom the feed must be kept. */
export async function unregisterUpward(db: Database): Promise<void> {
  const [found] = await db.query('select 1 as one from propagation')
  if (found === undefined) return
  await db.transaction(async (tx) => {
    await tx.query(`delete from change_consumer where name = '${UPWARD_CONSUMER}'`)
    await tx.query('delete from propagation')
    await tx.query('delete from propagation_refusal')
  })
}

/** Whether it is this process's now. */
export async function takeLease(db: Queryable, token: string): Promise<boolean> {
  const rows = await db.query(
    `update propagation set lease = $1, lease_until = clock_timestamp() + make_interval(secs => ${LEASE_SECONDS})
     where lease is null or lease = $1 or lease_until < clock_timestamp() returning 1 as one`,
    [token],
  )
  return rows.length > 0
}

export async function releaseLease(db: Queryable, token: string): Promise<void> {
  await db.query('update propagation set lease = null, lease_until = null where lease = $1', [token])
}

const STANDING = `select p.epoch, ${EPOCH} as "epochNow", c.xid, c.ordinal, p.walk, (select xid from change_horizon) as horizon
  from propagation p join change_consumer c on c.name = '${UPWARD_CONSUMER}' where p.lease = $1`

/** undefined: the lease is another's. */
export async function findStanding(db: Queryable, token: string): Promise<Standing | undefined> {
  const [row] = await db.query<Omit<Standing, 'cursor'> & ChangeCursor>(STANDING, [token])
  if (row === undefined) return undefined
  const { xid, ordinal, ...standing } = row
  return { ...standing, cursor: { xid, ordinal } }
}

/** A place to move to. */
export interface Place {
  readonly cursor: ChangeCursor
  readonly walk: string | null
}

/** Behind every feed key: the last part of a walk is under way. */
const WALK_END = '~'

/** Whether the lease still holds. */
export async function noteSent(db: Queryable, token: string, { cursor, walk }: Place): Promise<boolean> {
  const rows = await db.query(
    `update propagation set sent_xid = $2, sent_ordinal = $3, sent_walk = $4,
       lease_until = clock_timestamp() + make_interval(secs => ${LEASE_SECONDS})
     where lease = $1 returning 1 as one`,
    [token, cursor.xid, cursor.ordinal, walk ?? WALK_END],
  )
  return rows.length > 0
}

export interface Refused {
  readonly key: string
  readonly version: number
  readonly code: string
  readonly reason: string
}

export interface Acknowledgement extends Place {
  /** Feed keys of what was taken. */
  readonly taken: readonly string[]
  readonly refused: readonly Refused[]
}

const MAX_REASON_LENGTH = 1_000
/** After so many more than once: half a minute, a minute, … a quarter of an hour, each shortened by chance. */
const NEXT_TRY = `clock_timestamp() + make_interval(secs => least(900, 30 * 2 ^ least(10, coalesce(r.tries, 0))) * (0.5 + random() / 2))`

/** One transaction: the places move exactly with what became of the changes. `false`: the lease is another's. */
export async function acknowledge(db: Database, token: string, done: Acknowledgement): Promise<boolean> {
  return db.transaction(
    async (tx) => {
      const held = await tx.query(
        `update propagation set walk = $2, failing_since = null, failure = null, acknowledged_at = clock_timestamp(),
         lease_until = clock_timestamp() + make_interval(secs => ${LEASE_SECONDS})
       where lease = $1 returning 1 as one`,
        [token, done.walk],
      )
      if (held.length === 0) return false
      await moveConsumer(tx, done.cursor)
      await tx.query('delete from propagation_refusal where key = any ($1::text[])', [textArray(done.taken)])
      if (done.refused.length > 0) await storeRefused(tx, done.refused)
      return true
    },
    { timeoutMs: 20_000 },
  )
}

async function moveConsumer(tx: Transaction, { xid, ordinal }: ChangeCursor): Promise<void> {
  await tx.query(
    `update change_consumer set xid = $1, ordinal = $2, moved_at = clock_timestamp() where name = '${UPWARD_CONSUMER}'`,
    [xid, ordinal],
  )
}

async function storeRefused(tx: Transaction, refused: readonly Refused[]): Promise<void> {
  // The last one of each: a key may have been told in two versions.
  const all = [...new Map(refused.map((one) => [one.key, one])).values()]
  await tx.query(
    `insert into propagation_refusal as r (key, version, code, reason, next_try_at)
     select t.key, t.version, t.code, t.reason, clock_timestamp() + make_interval(secs => 15 + 15 * random())
     from unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) as t (key, version, code, reason)
     on conflict (key) do update set version = excluded.version, code = excluded.code, reason = excluded.reason,
       tries = r.tries + 1, refused_at = clock_timestamp(), next_try_at = ${NEXT_TRY}`,
    [
      textArray(all.map(({ key }) => key)),
      bigintArray(all.map(({ version }) => version)),
      textArray(all.map(({ code }) => code)),
      textArray(all.map(({ reason }) => reason.slice(0, MAX_REASON_LENGTH))),
    ],
  )
}

/** The node above has lost what it was told behind that place. */
export async function goBack(db: Database, token: string, { cursor, walk }: Place): Promise<boolean> {
  return db.transaction(async (tx) => {
    const held = await tx.query(
      'update propagation set walk = $2, sent_xid = $3, sent_ordinal = $4, sent_walk = $2 where lease = $1 returning 1 as one',
      [token, walk, cursor.xid, cursor.ordinal],
    )
    if (held.length > 0) await moveConsumer(tx, cursor)
    return held.length > 0
  })
}

/** Everything is told anew: what the tables hold now, and then what the feed has behind this moment. */
export async function beginWalk(db: Database, token: string): Promise<boolean> {
  return db.transaction(async (tx) => {
    const [settled] = await tx.query<{ xid: number }>(`select ${SETTLED} as xid`)
    const held = await tx.query(
      `update propagation set epoch = ${EPOCH}, walk = '', sent_xid = $2, sent_ordinal = ${LAST_ORDINAL}, sent_walk = ''
       where lease = $1 returning 1 as one`,
      [token, settled!.xid],
    )
    if (held.length > 0) await moveConsumer(tx, { xid: settled!.xid, ordinal: LAST_ORDINAL })
    return held.length > 0
  })
}

const MAX_FAILURE_LENGTH = 1_000

export async function noteFailure(db: Queryable, token: string, reason: string): Promise<void> {
  await db.query(
    'update propagation set failing_since = coalesce(failing_since, clock_timestamp()), failure = $2 where lease = $1',
    [token, reason.replaceAll('\0', '').slice(0, MAX_FAILURE_LENGTH)],
  )
}

/** Hours since the oldest change that is not acknowledged; 0 when there is none. */
export async function findLagHours(db: Queryable): Promise<number> {
  const [row] = await db.query<{ hours: number | null }>(
    `select extract(epoch from clock_timestamp() - c.at)::float8 / 3600 as hours
     from change c, change_consumer k where k.name = '${UPWARD_CONSUMER}' and c.xid > k.xid order by c.xid limit 1`,
  )
  return row?.hours ?? 0
}
