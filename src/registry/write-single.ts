/**
 * The fast lane for one identifier whose prefix is written in it: the write statement without its account of what was
 * refused and why. It does the same as the general one when all is well, for 0.6 of the server's time; when it gives no
 * row, nothing was written, and the general statement finds out why, or writes after all.
 */
import type { Queryable } from '../platform/postgres.js'
import { FEED_SPACES } from '../resolution/feed-spaces.js'
import { type Author, type StatementItem, stateNumber, type WrittenRow } from './write-statement.js'
import { BOUND_WAITING, INSERT_IDENTIFIER, lockTimeout, msOf, ON_CONFLICT, REGISTERED } from './write-upsert.js'

/** With the state of the version replaced; null when the snapshot does not know that version yet. */
export type LaneRow = WrittenRow & { readonly stateBefore: number | null }

// An enterprise's state is looked at through its prefix, which has a copy and is locked.
const statement = (feed: boolean) => `
with bound as materialized (select ${BOUND_WAITING('$13')} as bound),
written as (
  ${INSERT_IDENTIFIER}
  select $1, 1, $3::smallint, p.name, nullif($2::text, $1::text), $5, $6::bytea, $7::bytea, $8, $9::bigint, now.at, now.at, k.id
  from bound, prefix p, api_key k, (select date_trunc('milliseconds', clock_timestamp()) as at) now
  where p.name = $4 and p.state = 'active' and p.holder_state = 'active' and p.service = 'hosted'
    and ($11::text is null or p.enterprise_id = $11) and ($12::text[] is null or p.name = any ($12))
    and k.id = $10 and k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp())
    and (($3::smallint = ${REGISTERED} and coalesce($9::bigint, 0) = 0) or exists (select from identifier i where i.key = $1))
  for share of p
  ${ON_CONFLICT}
  returning key, version, recorded_at
)${feed ? FEED : ''}
select key, version, ${msOf('recorded_at')} as "recordedAtMs", ${feed ? '(select xid from feed)' : 'null'} as xid,
  case when version > 1 then
    (select i.state from identifier i where i.key = $1 and i.version = written.version - 1) end as "stateBefore"
from written`

const FEED = `,
feed as (
  insert into change (keys, versions) select array['${FEED_SPACES.identifier}:' || key], array[version] from written returning xid
)`

const WITH_FEED = statement(true)
const WITHOUT_FEED = statement(false)

/** undefined: not written, or not for this lane. */
export async function runSingleStatement(
  on: Queryable,
  author: Author,
  write: { readonly item: StatementItem; readonly feed: boolean; readonly lockTimeoutMs?: number },
): Promise<LaneRow | undefined> {
  const { item, feed, lockTimeoutMs } = write
  if (item.candidates.length !== 1) return undefined
  const [row] = await on.query<LaneRow>(feed ? WITH_FEED : WITHOUT_FEED, [
    item.key,
    item.spelling,
    stateNumber(item),
    item.candidates[0],
    item.template,
    item.body,
    item.digest,
    item.reason,
    item.basedOn,
    author.apiKeyId,
    author.enterpriseId,
    author.prefixes,
    lockTimeout(lockTimeoutMs),
  ])
  return row
}
