/**
 * The statement that writes identifiers, 1 to 2,000 of them with different keys, and tells what became of each.
 *
 *   item      what is asked for, one row each, from arrays
 *   standing  whether the API key is good now
 *   judged    per item: the responsible prefix, locked for share so that it cannot be suspended or move before the commit,
 *             the verdict on it, and the newest version that the statement's snapshot sees
 *   written   the upsert, in the order of keys so that two batches cannot wait for each other. Its `where` sees the row
 *             as it is once locked, newer than the snapshot perhaps: it alone decides about preconditions
 *   feed      the change row of the transaction, unless the caller appends one for several statements
 *
 * It gives a row for each item and one more for each that was written, in no order. Nothing is joined with `written`, and
 * no list with a list: every plan, also the generic one made for few rows, costs one index probe per item and table.
 * An item that was to be written and was not is for the caller to explain (write-outcomes.ts).
 */
import type { Queryable } from '../platform/postgres.js'
import { bigintArray, byteaArray, smallintArray, textArray } from '../platform/sql-arrays.js'
import { FEED_SPACES } from '../resolution/feed-spaces.js'
import { STANDING, type Standing } from './standing.js'
import { INSERT_IDENTIFIER, msOf, ON_CONFLICT, REGISTERED, WITHDRAWN } from './write-upsert.js'

export { REGISTERED, WITHDRAWN } from './write-upsert.js'

export interface StatementItem {
  readonly key: string
  readonly spelling: string
  readonly state: 'registered' | 'withdrawn'
  /** Prefixes that may be responsible, the first one that is known here being the one. */
  readonly candidates: readonly string[]
  readonly template: string
  readonly body: Uint8Array | null
  readonly digest: Buffer | null
  readonly reason: string | null
  /** See `ON_CONFLICT`. */
  readonly basedOn: number | null
}

export interface Author {
  readonly apiKeyId: string
  /** null: an administrator, for every prefix. */
  readonly enterpriseId: string | null
  /** null: all of the enterprise's prefixes. */
  readonly prefixes: readonly string[] | null
}

export type Verdict = 'ok' | 'not-held' | 'out-of-reach' | 'suspended' | 'self-built'

/** A version of an identifier, as the database sees it. */
export interface VersionSeen {
  readonly version: number
  readonly state: number
  readonly recordedAtMs: number
  /** Whether its content is the one asked for. */
  readonly same: boolean
  /** The transaction that wrote it. */
  readonly xid: number
}

export interface JudgedRow extends Omit<VersionSeen, 'version'> {
  readonly kind: 'judged'
  readonly key: string
  /** Absent for an unknown API key. */
  readonly standing: Standing | null
  /** null: no prefix of this node. */
  readonly verdict: Verdict | null
  readonly prefix: string | null
  /** null: nothing was ever registered. */
  readonly version: number | null
}

export interface WrittenRow {
  readonly kind: 'written'
  readonly key: string
  readonly version: number
  readonly recordedAtMs: number
  /** Absent when the statement appends no change row. */
  readonly xid: number | null
}

/**
 * A row's writer as a 64-bit transaction id: its 32 bits, in the newest past in which they can have been given. While older
 * transactions are open, this one's own id lies beyond its snapshot, and it sees its own rows.
 */
export const ROW_XID = `(select now.xid - ((now.xid - i.xmin::text::bigint) & 4294967295)
    from (select greatest(pg_snapshot_xmax(pg_current_snapshot()), pg_current_xact_id_if_assigned())::text::bigint as xid) now)`

/**
 * SQL for the longest prefix here of those in a text, separated by spaces, with the verdict on an author.
 * The columns are `name` and `verdict`; no row: none of the prefixes is this node's.
 */
export const responsiblePrefix = (
  candidates: string,
  author: { readonly enterprise: string; readonly prefixes: string },
) => `
    select p.name, case
      when ${author.enterprise}::text is not null and p.enterprise_id is distinct from ${author.enterprise} then 'not-held'
      when ${author.prefixes}::text[] is not null and p.name <> all (${author.prefixes}) then 'out-of-reach'
      when p.state <> 'active' or p.holder_state <> 'active' then 'suspended'
      when p.service <> 'hosted' then 'self-built'
      else 'ok' end as verdict
    from prefix p where p.name = any (string_to_array(${candidates}, ' '))
    order by length(p.name) desc limit 1`

/** `limit 1` tells the planner what it has to plan for: with it, the plan made once serves single writes well. */
const statement = (options: { readonly limit: string; readonly feed: boolean }) => `
with item as (
  select * from unnest($1::text[], $2::text[], $3::smallint[], $4::text[], $5::text[], $6::bytea[], $7::bytea[], $8::text[], $9::bigint[])
    as t (key, spelling, state, candidates, template, body, digest, reason, based_on) ${options.limit}
),
standing as materialized (
  select ${STANDING} as standing from api_key k left join enterprise e on e.id = k.enterprise_id where k.id = $10
),
judged as materialized (
  select item.*, (select standing from standing) as standing, responsible.name as prefix, responsible.verdict,
    seen.version, seen.state as seen_state, seen.recorded_at, seen.digest = item.digest as same, seen.xid
  from item
  left join lateral (
    ${responsiblePrefix('item.candidates', { enterprise: '$11', prefixes: '$12' })} for share
  ) responsible on true
  left join lateral (
    select i.version, i.state, i.recorded_at, i.digest, ${ROW_XID} as xid from identifier i where i.key = item.key limit 1
  ) seen on true
),
written as (
  ${INSERT_IDENTIFIER}
  select key, 1, state, prefix, nullif(spelling, key), template, body, digest, reason, based_on, now.at, now.at, $10
  from judged, (select date_trunc('milliseconds', clock_timestamp()) as at) now
  where verdict = 'ok' and standing = 'good'
    and (version is not null or (state = ${REGISTERED} and coalesce(based_on, 0) = 0))
  order by key
  ${ON_CONFLICT}
  returning key, version, recorded_at
)${options.feed ? FEED : ''}
select 'judged' as kind, key, standing, verdict, prefix, version, seen_state as state, ${msOf('recorded_at')} as "recordedAtMs",
  coalesce(same, false) as same, xid
from judged
union all
select 'written', key, null, null, null, version, null, ${msOf('recorded_at')}, null, ${options.feed ? '(select xid from feed)' : 'null'}
from written`

const FEED = `,
feed as (
  insert into change (keys, versions)
  select array_agg('${FEED_SPACES.identifier}:' || key), array_agg(version) from written having count(*) > 0
  returning xid
)`

const SINGLE = statement({ limit: 'limit 1', feed: true })
const MANY = statement({ limit: '', feed: true })
const SINGLE_WITHOUT_FEED = statement({ limit: 'limit 1', feed: false })
const MANY_WITHOUT_FEED = statement({ limit: '', feed: false })

export function stateNumber({ state }: StatementItem): number {
  return state === 'registered' ? REGISTERED : WITHDRAWN
}

/** The keys must differ. */
export async function runWriteStatement(
  on: Queryable,
  author: Author,
  write: { readonly items: readonly StatementItem[]; readonly feed: boolean },
): Promise<readonly (JudgedRow | WrittenRow)[]> {
  const { items, feed } = write
  const single = items.length === 1
  const text = single ? (feed ? SINGLE : SINGLE_WITHOUT_FEED) : feed ? MANY : MANY_WITHOUT_FEED
  return on.query<JudgedRow | WrittenRow>(text, [
    textArray(items.map(({ key }) => key)),
    textArray(items.map(({ spelling }) => spelling)),
    smallintArray(items.map(stateNumber)),
    // No prefix contains white space.
    textArray(items.map(({ candidates }) => candidates.join(' '))),
    textArray(items.map(({ template }) => template)),
    byteaArray(items.map(({ body }) => body)),
    byteaArray(items.map(({ digest }) => digest)),
    textArray(items.map(({ reason }) => reason)),
    bigintArray(items.map(({ basedOn }) => basedOn)),
    author.apiKeyId,
    author.enterpriseId,
    author.prefixes,
  ])
}
