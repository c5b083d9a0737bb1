/**
 * Whether the node above knows of a record or a prefix. Nothing is written for it when the record is: the state follows from
 * where the outbox (federation/upward/) stands in the change feed, and from the few rows of what was refused.
 *
 *   local         there is no node above
 *   queued        a change of it lies behind what was sent
 *   sent          it is on its way, and not acknowledged
 *   acknowledged  the node above has it
 *   refused       the node above did not take it, and says why; it is tried again
 */
import type { Queryable } from '../platform/postgres.js'
import { textArray } from '../platform/sql-arrays.js'
import { FEED_SPACES, identifierFeedKey, prefixFeedKey } from '../resolution/feed-spaces.js'
import { requirePageStart } from './checks.js'
import type { PropagationState } from './registration.js'
import { msOf } from './version-rows.js'
import { ROW_XID } from './write-statement.js'

export const UPWARD_CONSUMER = 'upward'

export interface Propagated {
  readonly state: PropagationState
  /** Of what was refused. */
  readonly refusal?: Refusal
}

export interface Refusal {
  readonly code: string
  readonly reason: string
  readonly tries: number
  /** RFC 3339, milliseconds. */
  readonly refusedAt: string
  readonly nextTryAt: string
}

/** What doors ask. */
export interface Propagation {
  /** Of a change that has just been committed. */
  readonly ofNew: PropagationState
  /** By canonical key; what is not registered here is absent. */
  ofIdentifiers(keys: readonly string[]): Promise<ReadonlyMap<string, Propagated>>
  ofPrefix(prefix: string): Promise<Propagated | undefined>
}

const LOCAL: Propagated = { state: 'local' }

/** There is no node above. */
export const LOCAL_ONLY: Propagation = {
  ofNew: 'local',
  ofIdentifiers: async (keys) => new Map(keys.map((key) => [key, LOCAL])),
  ofPrefix: async () => LOCAL,
}

export function upwardPropagation(db: Queryable): Propagation {
  return {
    ofNew: 'queued',
    ofIdentifiers: async (keys) => {
      const found = await findStates(db, OF_IDENTIFIERS, keys)
      return new Map([...found].map(([key, state]) => [key.slice(identifierFeedKey('').length), state]))
    },
    ofPrefix: async (prefix) => (await findStates(db, OF_PREFIXES, [prefix])).get(prefixFeedKey(prefix)),
  }
}

interface StateRow extends RefusalColumns {
  readonly key: string
  readonly state: PropagationState
}

interface RefusalColumns {
  readonly code: string | null
  readonly reason: string | null
  readonly tries: number | null
  readonly refusedAtMs: number | null
  readonly nextTryAtMs: number | null
}

const REFUSAL = `r.code, r.reason, r.tries, ${msOf('r.refused_at')} as "refusedAtMs", ${msOf('r.next_try_at')} as "nextTryAtMs"`

/**
 * `row`: the key in the feed, and the transaction that wrote the row. A change is pending when the feed has a transaction
 * behind the cursor, up to that one: a row may also have been written by a transaction that changed nothing to be told.
 */
const states = (row: string) => `
  with place as materialized (
    select c.xid, c.ordinal, p.walk, p.sent_xid, p.sent_ordinal, p.sent_walk
    from propagation p join change_consumer c on c.name = '${UPWARD_CONSUMER}'
  ),
  wanted as materialized (${row}),
  placed as materialized (
    select wanted.key, wanted.xid, coalesce(array_position(c.keys, wanted.key), 0) as ordinal
    from wanted left join change c on c.xid = wanted.xid
  )
  select placed.key, case
      when place.xid is null then 'queued'
      when (placed.xid > place.xid and exists (select from change c where c.xid > place.xid and c.xid <= placed.xid))
        or (placed.xid = place.xid and placed.ordinal > place.ordinal)
        then case when (placed.xid, placed.ordinal) <= (place.sent_xid, place.sent_ordinal) then 'sent' else 'queued' end
      when placed.key > place.walk then case when placed.key <= place.sent_walk then 'sent' else 'queued' end
      when r.key is not null then 'refused'
      else 'acknowledged' end as state,
    ${REFUSAL}
  from placed left join place on true left join propagation_refusal r on r.key = placed.key`

const OF_IDENTIFIERS = states(`
    select '${FEED_SPACES.identifier}:' || i.key as key, ${ROW_XID} as xid
    from unnest($1::text[]) as asked (key) join identifier i on i.key = asked.key`)
const OF_PREFIXES = states(`
    select '${FEED_SPACES.prefix}:' || i.name as key, ${ROW_XID} as xid
    from unnest($1::text[]) as asked (name) join prefix i on i.name = asked.name`)

async function findStates(
  db: Queryable,
  statement: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, Propagated>> {
  if (names.length === 0) return new Map()
  const rows = await db.query<StateRow>(statement, [textArray(names)])
  return new Map(rows.map((row) => [row.key, propagated(row)]))
}

function propagated(row: StateRow): Propagated {
  return row.state === 'refused' ? { state: row.state, refusal: refusalOf(row) } : { state: row.state }
}

function refusalOf({ code, reason, tries, refusedAtMs, nextTryAtMs }: RefusalColumns): Refusal {
  return {
    code: code ?? '',
    reason: reason ?? '',
    tries: tries ?? 0,
    refusedAt: new Date(refusedAtMs ?? 0).toISOString(),
    nextTryAt: new Date(nextTryAtMs ?? 0).toISOString(),
  }
}

/** What was refused: an identifier or a prefix, in the version that was told. */
export interface RefusedChange extends Refusal {
  readonly kind: 'identifier' | 'prefix'
  /** Canonical; of an identifier its key. */
  readonly name: string
  /** Key in the feed: where the following page starts. */
  readonly feedKey: string
  readonly version: number
}

export interface RefusedPage {
  /** Feed key. */
  readonly after?: string
  readonly limit: number
  /** Of these prefixes and below them; absent: all. */
  readonly prefixes?: readonly string[]
}

const LIST_REFUSED = `
  select r.key, r.version, ${REFUSAL} from propagation_refusal r
  left join identifier i on r.key = '${FEED_SPACES.identifier}:' || i.key and i.key = substr(r.key, 3)
  where r.key > $1 and ($3::text[] is null or coalesce(i.prefix, substr(r.key, 3)) = any ($3)) order by r.key limit $2`

/** In the order of feed keys. @throws NodeError `request-malformed` */
export async function listRefused(db: Queryable, page: RefusedPage): Promise<readonly RefusedChange[]> {
  const parameters = [requirePageStart(page.after), page.limit, page.prefixes ? textArray(page.prefixes) : null]
  const rows = await db.query<RefusalColumns & { key: string; version: number }>(LIST_REFUSED, parameters)
  return rows.map((row) => ({
    kind: row.key.startsWith(prefixFeedKey('')) ? 'prefix' : 'identifier',
    name: row.key.slice(prefixFeedKey('').length),
    feedKey: row.key,
    version: row.version,
    ...refusalOf(row),
  }))
}

/** How the telling goes. */
export interface PropagationStatus {
  /** Everything is told anew: how far that is. Absent: only what changes is told. */
  readonly walk?: string
  /** Changes not acknowledged yet, as far as they were counted. */
  readonly backlog: number
  /** There are more than were counted. */
  readonly isBacklogLarger: boolean
  /** Age of the oldest of them; 0 when there is none. */
  readonly oldestSeconds: number
  readonly refused: number
  /** Since when the node above cannot be told anything, and why. */
  readonly failing?: { readonly sinceMs: number; readonly reason: string }
}

const MOST_ROWS_COUNTED = 10_000

const STATUS = `
  with place as materialized (
    select c.xid, c.ordinal, p.walk, p.failing_since, p.failure
    from propagation p join change_consumer c on c.name = '${UPWARD_CONSUMER}'
  ),
  waiting as materialized (
    select cardinality(c.keys) - case when c.xid = place.xid then least(place.ordinal, cardinality(c.keys)) else 0 end as changes, c.at
    from place, change c where c.xid >= place.xid order by c.xid limit ${MOST_ROWS_COUNTED}
  )
  select place.walk, place.failure, ${msOf('place.failing_since')} as "failingSinceMs",
    (select coalesce(sum(changes), 0)::bigint from waiting) as backlog,
    (select count(*) = ${MOST_ROWS_COUNTED} from waiting) as "isBacklogLarger",
    coalesce((select extract(epoch from clock_timestamp() - min(at)) from waiting where changes > 0), 0)::float8 as "oldestSeconds",
    (select count(*) from (select from propagation_refusal limit ${MOST_ROWS_COUNTED}) counted) as refused
  from place`

/** undefined: nothing is told upward. */
export async function findPropagationStatus(db: Queryable): Promise<PropagationStatus | undefined> {
  const [row] = await db.query<
    Pick<PropagationStatus, 'backlog' | 'isBacklogLarger' | 'oldestSeconds' | 'refused'> & {
      readonly walk: string | null
      readonly failure: string | null
      readonly failingSinceMs: number | null
    }
  >(STATUS)
  if (row === undefined) return undefined
  const { walk, failure, failingSinceMs, ...counts } = row
  return {
    ...counts,
    oldestSeconds: Math.max(0, counts.oldestSeconds),
    ...(walk === null ? {} : { walk }),
    ...(failingSinceMs === null ? {} : { failing: { sinceMs: failingSinceMs, reason: failure ?? '' } }),
  }
}
