/** The identifiers below a prefix, page by page. */
import type { Database } from '../platform/postgres.js'
import { isStorable, requirePageStart } from './checks.js'
import { msOf } from './version-rows.js'
import { REGISTERED } from './write-upsert.js'

export interface ListedIdentifier {
  readonly key: string
  readonly identifier: string
  readonly version: number
  readonly state: 'registered' | 'withdrawn'
  /** RFC 3339, milliseconds. */
  readonly recordedAt: string
}

export interface IdentifierPage {
  /** Canonical. For an arc of object identifiers: that arc and all below it. */
  readonly prefix: string
  /** Canonical key after which the page starts. */
  readonly after?: string
  readonly limit: number
}

const LIST = `
  select key, coalesce(spelling, key) as identifier, version, state, ${msOf('recorded_at')} as "recordedAtMs"
  from identifier where key >= $1 and key < $2 and key > $3 order by key limit $4`

/** In the order of keys, withdrawn ones included. @throws NodeError `request-malformed` */
export async function listIdentifiers(db: Database, page: IdentifierPage): Promise<readonly ListedIdentifier[]> {
  const after = requirePageStart(page.after)
  if (!isStorable(page.prefix)) return []
  const [from, to] = keyRange(page.prefix)
  const rows = await db.query<{
    key: string
    identifier: string
    version: number
    state: number
    recordedAtMs: number
  }>(LIST, [from, to, after, page.limit])
  return rows.map(({ recordedAtMs, state, ...row }) => ({
    ...row,
    state: state === REGISTERED ? 'registered' : 'withdrawn',
    recordedAt: new Date(recordedAtMs).toISOString(),
  }))
}

/** A handle's prefix ends with "/", whose successor is "0". An arc's parts end with ".", whose successor is "/". */
function keyRange(prefix: string): readonly [string, string] {
  return prefix.startsWith('urn:oid:') ? [prefix, `${prefix}/`] : [`${prefix}/`, `${prefix}0`]
}
