/**
 * Where the nodes below this one answer. A node says it itself, with the changes it tells of: the prefixes that are
 * delegated to it then lead there, in the routing table and in their records, as those of any holder with a server of his own.
 */
import { isHandlePrefix } from '../identifier/prefix-record.js'
import type { ServiceLocation } from '../record/service.js'
import type { EnterpriseUser } from '../security/principal.js'
import { commitChange, prefixChange } from './append-change.js'
import { lockNodeSite } from './node-site.js'
import { writeManagedParts } from './prefix-records.js'
import { requireService } from './prefix-service.js'
import { type AllottedPrefix, columnsOf, PREFIX_COLUMNS, prefixServiceOf } from './prefixes.js'
import type { Registry } from './registry.js'
import { lockStanding } from './standing.js'

const IS_OTHERWISE = `enterprise_id = $1 and name not like 'urn:oid:%' and ($2::text[] is null or name = any ($2))
  and ($6 or service = 'self-built')
  and (service, sites, service_handle) is distinct from ($3::text, $4::bytea[], $5::text)`

const FIND = `select name as prefix from prefix where ${IS_OTHERWISE} order by name`
const SETTLE = `
  update prefix set service = $3, sites = $4, service_handle = $5, version = version + 1
  where ${IS_OTHERWISE} returning ${PREFIX_COLUMNS}`

export interface DelegatedSites {
  /** Octets of HS_SITE. */
  readonly sites: readonly Uint8Array[]
  /** Of which prefixes: all that the node holds, or those that the administrator lets it answer for. */
  readonly of: 'holders' | 'self-built'
}

/**
 * The prefixes that lead elsewhere from now on; none when all do already.
 * @throws NodeError `request-malformed` for sites that cannot be used; `not-authenticated`, `not-permitted`
 */
export async function settleDelegatedSites(
  registry: Registry,
  node: EnterpriseUser,
  { sites, of }: DelegatedSites,
): Promise<readonly string[]> {
  const service: ServiceLocation = { handle: '', sites }
  const parameters = [node.enterpriseId, node.prefixes ?? null, ...columnsOf(service), of === 'holders']
  const found = await registry.db.query<{ readonly prefix: string }>(FIND, parameters)
  for (const { prefix } of found) requireService(prefix, service)
  if (found.length === 0) return []

  return commitChange(registry, async (tx) => {
    await lockStanding(tx, node)
    const settled = await tx.query<AllottedPrefix>(SETTLE, parameters)
    // After the prefixes' rows, as whoever allots one does it.
    const site = await lockNodeSite(tx)
    const parts = settled
      .filter(({ prefix }) => isHandlePrefix(prefix))
      .map((prefix) => ({ service: prefixServiceOf(prefix), site, isHandedOver: false }))
    const records = await writeManagedParts(tx, parts, { author: node.apiKeyId, nowMs: registry.clock.nowMs() })
    const names = settled.map(({ prefix }) => prefix)
    await tx.query('update prefix set recorded_site = $2 where name = any ($1::text[])', [names, site.change])
    return {
      result: names,
      changes: [...settled.map(({ prefix, version }) => prefixChange(prefix, version)), ...records],
    }
  })
}
