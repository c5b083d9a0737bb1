/**
 * What is to be told next: a page of the change feed; or, while everything is told anew, the next part of the tables in the
 * order of feed keys, identifiers before prefixes; or what was refused and is due again, as it is now.
 */
import { PREFIX_AUTHORITY } from '../../identifier/prefix-record.js'
import type { Queryable } from '../../platform/postgres.js'
import { textArray } from '../../platform/sql-arrays.js'
import type { UpwardBatch, UpwardChange, UpwardIdentifier, UpwardPrefix } from '../../protocols/rest/upward.js'
import { type Change, type ChangeCursor, formatChangeCursor, listChanges } from '../../registry/changes.js'
import { msOf } from '../../registry/version-rows.js'
import { REGISTERED } from '../../registry/write-statement.js'
import { FEED_SPACES, identifierFeedKey, prefixFeedKey } from '../../resolution/feed-spaces.js'
import type { Standing } from './outbox-store.js'

export interface Parcel {
  readonly changes: readonly UpwardChange[]
  /** Where the outbox stands once it is acknowledged. */
  readonly cursor: ChangeCursor
  readonly walk: string | null
  /** All of it was refused before. */
  readonly isAgain?: boolean
}

/** `sites`: where this node answers, HS_SITE in base64. */
export function batchOf(standing: Standing, parcel: Parcel, sites?: readonly string[]): UpwardBatch {
  const { epoch, cursor, walk } = standing
  return {
    epoch,
    after: formatChangeCursor(cursor),
    through: formatChangeCursor(parcel.cursor),
    ...(walk === null ? {} : { walk: { after: walk, through: parcel.walk } }),
    ...(sites === undefined ? {} : { sites }),
    changes: parcel.changes,
  }
}

export function feedKeyOf(change: UpwardChange): string {
  return change.kind === 'identifier' ? identifierFeedKey(change.key) : prefixFeedKey(change.prefix)
}

/** undefined: there is nothing new. */
export async function nextOfFeed(db: Queryable, cursor: ChangeCursor, limit: number): Promise<Parcel | undefined> {
  const { changes, next } = await listChanges(db, { after: cursor, limit })
  if (next.xid === cursor.xid && next.ordinal === cursor.ordinal) return undefined
  return { changes: changes.flatMap(told), cursor: next, walk: null }
}

/** Records of prefixes say where to ask, which the node above says itself; keys are this node's own affair. */
function told(change: Change): readonly UpwardChange[] {
  const { kind, version } = change
  if (kind === 'api-key') return []
  if (kind === 'prefix') return [{ kind, prefix: change.prefix, version, state: change.state }]
  if (change.prefix === PREFIX_AUTHORITY || change.key.startsWith(`${PREFIX_AUTHORITY}/`)) return []
  const { identifier, key, state, template, contentSha256, at } = change
  return [{ kind, identifier, key, version, state, template, contentSha256, at }]
}

const IDENTIFIERS = `
  select i.key, coalesce(i.spelling, i.key) as identifier, i.version, i.state, i.template, encode(i.digest, 'hex') as "contentSha256",
    ${msOf('i.recorded_at')} as "atMs"`
const PREFIXES = `
  select name as prefix, version, case when state = 'active' and holder_state = 'active' then 'active' else 'suspended' end as state`

const WALK_IDENTIFIERS = `${IDENTIFIERS} from identifier i where i.key > $1 and i.key not like '${PREFIX_AUTHORITY}/%' order by i.key limit $2`
const WALK_PREFIXES = `${PREFIXES} from prefix where name > $1 order by name limit $2`

type IdentifierRow = Omit<UpwardIdentifier, 'kind' | 'state' | 'at'> & { readonly state: number; readonly atMs: number }
type PrefixRow = Omit<UpwardPrefix, 'kind'>

const FIRST_PREFIX = prefixFeedKey('')

/** `walk`: the feed key after which to go on; '' for the first part. */
export async function nextOfWalk(
  db: Queryable,
  { cursor, walk }: { readonly cursor: ChangeCursor; readonly walk: string },
  limit: number,
): Promise<Parcel> {
  if (!walk.startsWith(FIRST_PREFIX)) {
    const after = walk.slice(identifierFeedKey('').length)
    const changes = (await db.query<IdentifierRow>(WALK_IDENTIFIERS, [after, limit])).map(identifierOf)
    return { changes, cursor, walk: changes.length < limit ? FIRST_PREFIX : feedKeyOf(changes.at(-1)!) }
  }
  const rows = await db.query<PrefixRow>(WALK_PREFIXES, [walk.slice(FIRST_PREFIX.length), limit])
  const changes = rows.map(prefixOf)
  return { changes, cursor, walk: changes.length < limit ? null : feedKeyOf(changes.at(-1)!) }
}

const DUE = 'select key from propagation_refusal where next_try_at <= clock_timestamp() order by next_try_at limit $1'
const DUE_IDENTIFIERS = `${IDENTIFIERS} from unnest($1::text[]) as due (key) join identifier i on i.key = due.key`
const DUE_PREFIXES = `${PREFIXES} from prefix where name = any ($1::text[])`

/** As they are now. Empty: none is due. */
export async function dueRefusals(db: Queryable, limit: number): Promise<readonly UpwardChange[]> {
  const due = (await db.query<{ readonly key: string }>(DUE, [limit])).map(({ key }) => key)
  if (due.length === 0) return []
  const names = (space: string) =>
    textArray(due.filter((key) => key.startsWith(`${space}:`)).map((key) => key.slice(2)))
  const [identifiers, prefixes] = await Promise.all([
    db.query<IdentifierRow>(DUE_IDENTIFIERS, [names(FEED_SPACES.identifier)]),
    db.query<PrefixRow>(DUE_PREFIXES, [names(FEED_SPACES.prefix)]),
  ])
  return [...identifiers.map(identifierOf), ...prefixes.map(prefixOf)]
}

function identifierOf({ state, atMs, ...row }: IdentifierRow): UpwardIdentifier {
  const registered = state === REGISTERED ? 'registered' : 'withdrawn'
  return { kind: 'identifier', ...row, state: registered, at: new Date(atMs).toISOString() }
}

function prefixOf(row: PrefixRow): UpwardPrefix {
  return { kind: 'prefix', ...row }
}
