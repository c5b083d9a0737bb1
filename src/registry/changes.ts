/**
 * The change feed for ordered consumers: every change once, none left out, whatever order transactions commit in.
 *
 * Rows are read below the snapshot's xmin only: there every transaction has ended, so nothing can appear behind a cursor
 * any more. A cursor is the transaction and the place of the change within it. What a change did is read from the tables
 * when it is asked for. Two writers of one identifier may come in either order, as transactions take their numbers
 * before they wait for each other: the higher version counts, whichever comes last.
 */

import type { Result } from '../identifier/result.js'
import { NodeError } from '../platform/errors.js'
import type { Queryable } from '../platform/postgres.js'
import { FEED_SPACES } from '../resolution/feed-spaces.js'
import { msOf } from './version-rows.js'
import { REGISTERED } from './write-upsert.js'

export interface ChangeCursor {
  readonly xid: number
  readonly ordinal: number
}

interface ChangeBase {
  /** Where a consumer stands that has taken this change. */
  readonly cursor: string
  readonly version: number
  /** RFC 3339, milliseconds: when the transaction wrote it. */
  readonly at: string
}

/** The version that the change made. */
export interface IdentifierChange extends ChangeBase {
  readonly kind: 'identifier'
  /** Canonical key. */
  readonly key: string
  readonly identifier: string
  readonly prefix: string
  readonly state: 'registered' | 'withdrawn'
  readonly template: string
  readonly contentSha256: string | null
}

/** As it is now, which may be later than the version that the change made. */
export interface PrefixChange extends ChangeBase {
  readonly kind: 'prefix'
  readonly prefix: string
  readonly state: 'active' | 'suspended'
}

export interface ApiKeyChange extends ChangeBase {
  readonly kind: 'api-key'
  readonly apiKeyId: string
  readonly state: 'active' | 'revoked'
}

export type Change = IdentifierChange | PrefixChange | ApiKeyChange

export interface ChangePage {
  /** Without, from the oldest change that is kept. */
  readonly after?: ChangeCursor
  readonly limit: number
  /** Only changes of these prefixes and of identifiers below them. */
  readonly prefixes?: readonly string[]
}

export interface Changes {
  readonly changes: readonly Change[]
  /** Where to go on, also after a page that is empty. */
  readonly next: ChangeCursor
  /** Whether there was more to read: a page with `prefixes` may be short or empty before the end. */
  readonly more: boolean
}

const { identifier, prefix, apiKey } = FEED_SPACES
/** What consumers are told of: where the node's own site is, is none of it. */
const KNOWN_SPACES: readonly string[] = [identifier, prefix, apiKey]

/** Changes looked at for a page of those that concern some prefixes only. */
const MIN_SCANNED = 1_000
const CURSOR = /^(\d{1,15})\.(\d{1,9})$/

export function formatChangeCursor({ xid, ordinal }: ChangeCursor): string {
  return `${xid}.${ordinal}`
}

export function parseChangeCursor(text: string): Result<ChangeCursor, { readonly reason: string }> {
  const [, xid, ordinal] = CURSOR.exec(text) ?? []
  if (xid === undefined || ordinal === undefined) {
    return { ok: false, reason: 'A cursor is two numbers with a dot between, as an earlier page gave it.' }
  }
  return { ok: true, value: { xid: Number(xid), ordinal: Number(ordinal) } }
}

interface Entry {
  readonly horizon: number
  readonly xid: number | null
  /** 0 for a transaction that changed nothing. */
  readonly ordinal: number
  /** null for a transaction that changed nothing. */
  readonly space: string | null
  readonly name: string
  readonly version: number
  readonly atMs: number
  readonly state: string
  readonly identifier: string
  readonly prefix: string | null
  readonly template: string
  readonly contentSha256: string | null
}

// The limits on rows and on entries are the same: a row has at least one entry here, the empty one for no change at all.
const LIST = `
  with bounds as materialized (
    select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xmin, (select xid from change_horizon) as horizon
  ),
  entry as materialized (
    select c.xid, coalesce(e.ordinal, 0)::int as ordinal, split_part(e.key, ':', 1) as space, substr(e.key, 3) as name, e.version, c.at
    from (
      select xid, keys, versions, at from change
      where xid >= $1 and xid < (select xmin from bounds) order by xid limit $3 + 1
    ) c
    left join lateral unnest(c.keys, c.versions) with ordinality as e (key, version, ordinal) on true
    where (c.xid, coalesce(e.ordinal, 0)) > ($1, $2::bigint)
    order by c.xid, ordinal limit $3
  )
  select bounds.horizon, entry.xid, entry.ordinal, entry.space, entry.name, entry.version, ${msOf('entry.at')} as "atMs",
    coalesce(version_made.state::text, p.state, k.state) as state,
    coalesce(version_made.spelling, entry.name) as identifier, coalesce(version_made.prefix, p.name) as prefix,
    version_made.template, encode(version_made.digest, 'hex') as "contentSha256"
  from bounds
  left join entry on true
  left join lateral (
    select i.state, i.spelling, i.prefix, i.template, i.digest from identifier i
    where entry.space = '${identifier}' and i.key = entry.name and i.version = entry.version
    union all
    select v.state, v.spelling, v.prefix, v.template, v.digest from identifier_version v
    where entry.space = '${identifier}' and v.key = entry.name and v.version = entry.version
    limit 1
  ) version_made on true
  left join lateral (
    select name, case when state = 'active' and holder_state = 'active' then 'active' else 'suspended' end as state
    from prefix where entry.space = '${prefix}' and name = entry.name limit 1
  ) p on true
  left join lateral (
    select case when revoked_at is null then 'active' else 'revoked' end as state
    from api_key where entry.space = '${apiKey}' and id = entry.name limit 1
  ) k on true
  order by entry.xid, entry.ordinal`

/** @throws NodeError `not-found` when changes after the cursor are no longer kept: nobody must go on as if there were none */
export async function listChanges(db: Queryable, page: ChangePage): Promise<Changes> {
  const after = page.after ?? { xid: 0, ordinal: 0 }
  const scanned = page.prefixes === undefined ? page.limit : Math.max(page.limit, MIN_SCANNED)
  const rows = await db.query<Entry>(LIST, [after.xid, after.ordinal, scanned])
  if (page.after !== undefined && page.after.xid < rows[0]!.horizon) throw pruned(page.after, rows[0]!.horizon)

  const entries = rows.filter((row): row is Entry & { xid: number } => row.xid !== null)
  const wanted = entries.filter((entry) => concerns(entry, page.prefixes))
  const shown = wanted.slice(0, page.limit)
  const last = wanted.length > shown.length ? shown.at(-1) : entries.at(-1)
  return {
    changes: shown.map(changeOf),
    next: last === undefined ? after : { xid: last.xid, ordinal: last.ordinal },
    more: wanted.length > shown.length || entries.length === scanned,
  }
}

function concerns(entry: Entry, prefixes: readonly string[] | undefined): boolean {
  // A space that a newer process writes to is passed over: what it means is not known here.
  if (entry.space === null || !KNOWN_SPACES.includes(entry.space)) return false
  if (prefixes === undefined) return true
  return entry.space !== apiKey && entry.prefix !== null && prefixes.includes(entry.prefix)
}

function changeOf(entry: Entry & { readonly xid: number }): Change {
  const common = {
    cursor: formatChangeCursor({ xid: entry.xid, ordinal: entry.ordinal }),
    version: entry.version,
    at: new Date(entry.atMs).toISOString(),
  }
  switch (entry.space) {
    case prefix:
      return { kind: 'prefix', ...common, prefix: entry.name, state: entry.state as PrefixChange['state'] }
    case apiKey:
      return { kind: 'api-key', ...common, apiKeyId: entry.name, state: entry.state as ApiKeyChange['state'] }
    default:
      return {
        kind: 'identifier',
        ...common,
        key: entry.name,
        identifier: entry.identifier,
        prefix: entry.prefix ?? '',
        state: Number(entry.state) === REGISTERED ? 'registered' : 'withdrawn',
        template: entry.template,
        contentSha256: entry.contentSha256,
      }
  }
}

function pruned(after: ChangeCursor, horizon: number): NodeError {
  return new NodeError(
    'not-found',
    `Changes between ${formatChangeCursor(after)} and ${formatChangeCursor({ xid: horizon, ordinal: 0 })} are no longer kept. ` +
      'Read the changes from the start (without a cursor), and compare the identifiers you hold with a list of them.',
  )
}

export { pruneChanges } from './prune-changes.js'
