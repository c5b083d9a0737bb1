/**
 * The fast lane for identifiers with different keys whose prefixes are written in them: the write statement without its
 * account of what was refused and why. It costs the server no more than a plain upsert. What it does not write is for the
 * general statement, which finds out why, or writes it after all.
 *
 *   wanted    who wants to write below which prefix, one row for each pair that occurs
 *   allowed   those who may: the key is good now, the prefix is held, within the key's reach and active, and locked for
 *             share so that it cannot be suspended or move before the commit
 *   written   the upsert, in the order of keys so that two statements cannot wait for each other
 *   feed      the change row of the transaction, unless the caller appends one for several statements
 *
 * Each item goes by its own author: what one may not do, it may not do in company either. Nothing is joined with a table but by
 * one index probe for each row (`limit 1` sees to that), whatever the plan.
 */
import type { Queryable } from '../platform/postgres.js'
import { bigintArray, byteaArray, smallintArray, textArray } from '../platform/sql-arrays.js'
import { FEED_SPACES } from '../resolution/feed-spaces.js'
import type { LaneRow } from './write-single.js'
import { type Author, type StatementItem, stateNumber } from './write-statement.js'
import { BOUND_WAITING, INSERT_IDENTIFIER, lockTimeout, msOf, ON_CONFLICT, REGISTERED } from './write-upsert.js'

export interface AuthoredItem {
  readonly item: StatementItem
  readonly author: Author
}

export interface ManyWrite {
  readonly items: readonly AuthoredItem[]
  /** The statement appends the change row. */
  readonly feed: boolean
  /** How long it may wait for any lock; past that it fails, with SQLSTATE 55P03. Without, as long as a statement may take. */
  readonly lockTimeoutMs?: number
}

// The lock time-out is set before the first lock is asked for, and only for this transaction.
const statement = (feed: boolean) => `
with wanted as materialized (
  select w.*, ${BOUND_WAITING('$14')} as bound
  from unnest($10::text[], $11::text[], $12::text[], $13::text[]) with ordinality as w (api_key, enterprise, reach, prefix, place)
),
allowed as materialized (
  select w.place, p.name, k.id from wanted w
  cross join lateral (
    select k.id from api_key k
    where k.id = w.api_key and k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp()) limit 1
  ) k
  cross join lateral (
    select p.name from prefix p
    where p.name = w.prefix and p.state = 'active' and p.holder_state = 'active' and p.service = 'hosted'
      and (w.enterprise is null or p.enterprise_id = w.enterprise)
      and (w.reach is null or p.name = any (string_to_array(w.reach, ' ')))
    limit 1 for share
  ) p
),
now as materialized (select date_trunc('milliseconds', clock_timestamp()) as at),
written as (
  ${INSERT_IDENTIFIER}
  select item.key, 1, item.state, allowed.name, nullif(item.spelling, item.key), item.template, item.body, item.digest,
    item.reason, item.based_on, now.at, now.at, allowed.id
  from unnest($1::text[], $2::text[], $3::smallint[], $4::bigint[], $5::text[], $6::bytea[], $7::bytea[], $8::text[], $9::bigint[])
    as item (key, spelling, state, wanted, template, body, digest, reason, based_on)
  join allowed on allowed.place = item.wanted cross join now
  where (item.state = ${REGISTERED} and coalesce(item.based_on, 0) = 0)
    or (select true from identifier i where i.key = item.key limit 1)
  order by item.key
  ${ON_CONFLICT}
  returning key, version, recorded_at
)${feed ? FEED : ''}
select ${msOf('min(now.at)')} as "createdAtMs", array_agg(key) filter (where version = 1) as created,
  array_agg(key) filter (where version > 1) as later, array_agg(version) filter (where version > 1) as versions,
  array_agg(${msOf('recorded_at')}) filter (where version > 1) as "recordedAtMs",
  array_agg((select i.state from identifier i where i.key = written.key and i.version = written.version - 1 limit 1)::bigint)
    filter (where version > 1) as "statesBefore",
  ${feed ? '(select xid from feed)' : 'null'} as xid
from written, now`

const FEED = `,
feed as (
  insert into change (keys, versions)
  select array_agg('${FEED_SPACES.identifier}:' || key), array_agg(version) from written having count(*) > 0
  returning xid
)`

const WITH_FEED = statement(true)
const WITHOUT_FEED = statement(false)

interface Row {
  readonly createdAtMs: number
  /** First versions. */
  readonly created: readonly string[] | null
  readonly later: readonly string[] | null
  readonly versions: readonly number[] | null
  readonly recordedAtMs: readonly number[] | null
  readonly statesBefore: readonly (number | null)[] | null
  readonly xid: number | null
}

export function isForFastLane({ candidates }: StatementItem): boolean {
  return candidates.length === 1
}

/** What was written, in no order. The keys must differ, and each item have one candidate for its prefix. */
export async function runManyStatement(on: Queryable, write: ManyWrite): Promise<readonly LaneRow[]> {
  const { items, feed, lockTimeoutMs } = write
  const { wanted, places } = wantedBy(items)
  const rows = items.map(({ item }) => item)
  const [row] = await on.query<Row>(feed ? WITH_FEED : WITHOUT_FEED, [
    textArray(rows.map(({ key }) => key)),
    textArray(rows.map(({ spelling }) => spelling)),
    smallintArray(rows.map(stateNumber)),
    bigintArray(places),
    textArray(rows.map(({ template }) => template)),
    byteaArray(rows.map(({ body }) => body)),
    byteaArray(rows.map(({ digest }) => digest)),
    textArray(rows.map(({ reason }) => reason)),
    bigintArray(rows.map(({ basedOn }) => basedOn)),
    textArray(wanted.map(({ author }) => author.apiKeyId)),
    textArray(wanted.map(({ author }) => author.enterpriseId)),
    // No prefix contains white space.
    textArray(wanted.map(({ author }) => author.prefixes?.join(' ') ?? null)),
    textArray(wanted.map(({ prefix }) => prefix)),
    lockTimeout(lockTimeoutMs),
  ])
  return rowsOf(row!)
}

interface Wanted {
  readonly author: Author
  readonly prefix: string
}

/** The pairs that occur, in the order of their prefixes, and for each item the place of its own, counted from 1. */
function wantedBy(items: readonly AuthoredItem[]): {
  readonly wanted: readonly Wanted[]
  readonly places: readonly number[]
} {
  const pairs = new Map<Author, Map<string, Wanted>>()
  const own = items.map(({ item, author }) => {
    const [prefix] = item.candidates
    const ofAuthor = pairs.get(author) ?? new Map<string, Wanted>()
    pairs.set(author, ofAuthor)
    const pair = ofAuthor.get(prefix!) ?? { author, prefix: prefix! }
    ofAuthor.set(prefix!, pair)
    return pair
  })
  // The order in which a suspended enterprise's prefixes are locked.
  const wanted = [...pairs.values()].flatMap((ofAuthor) => [...ofAuthor.values()]).sort(byPrefix)
  const places = new Map(wanted.map((pair, at) => [pair, at + 1]))
  return { wanted, places: own.map((pair) => places.get(pair)!) }
}

function byPrefix(one: Wanted, other: Wanted): number {
  return one.prefix < other.prefix ? -1 : one.prefix > other.prefix ? 1 : 0
}

function rowsOf({ createdAtMs, created, later, versions, recordedAtMs, statesBefore, xid }: Row): LaneRow[] {
  const first = (created ?? []).map((key) => ({ key, version: 1, recordedAtMs: createdAtMs, stateBefore: null }))
  const others = (later ?? []).map((key, at) => ({
    key,
    version: versions![at]!,
    recordedAtMs: recordedAtMs![at]!,
    stateBefore: statesBefore![at]!,
  }))
  return [...first, ...others].map((row) => ({ kind: 'written', ...row, xid }))
}
