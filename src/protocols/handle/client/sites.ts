/** What values of a prefix or a service say about where handles are answered. */

import { foldAscii } from '../../../identifier/characters.js'
import { decodePublicKey } from '../../../record/value-types/hs-pubkey.js'
import {
  decodeSite,
  HASH_OPTIONS,
  INTERFACE_TYPES,
  PRIMARY,
  type Site,
  type SiteInterface,
  type SiteServer,
} from '../../../record/value-types/hs-site.js'
import type { HandleValue } from '../codec-value.js'
import { signatureKey } from '../keys.js'
import { serverPlace } from '../site-hash.js'
import { type Server, versionFor } from './server.js'
import { isPort, type TransportName, transportName } from './server-address.js'

/** What is asked of a prefix. A namespace says how suffixes are made, which concerns nobody who looks one up. */
export const SITE_TYPES: readonly string[] = ['HS_SITE', 'HS_SITE.6', 'HS_SERV', 'HS_NAMESPACE']

/** Reading goes to any server, changing only to primary ones. */
export type Purpose = 'lookup' | 'administration'

/** Of several sites of a prefix, each has all of its handles. */
export interface SiteGroup {
  readonly sites: readonly Site[]
  /** How long they hold, by the values that told them. */
  readonly ttlSeconds: number
}

const MAX_SITES = 32

/**
 * What values tell of: the service of what lies right below a prefix (HS_SITE, HS_SITE.6, HS_SERV), or the one that knows the
 * prefixes below it (HS_SITE.PREFIX, HS_SERV.PREFIX). Records of prefixes have both.
 */
export type ServiceOf = 'handles' | 'prefixes'

/** Those that can't be read are passed over. */
export function sitesIn(values: readonly HandleValue[], of: ServiceOf = 'handles'): SiteGroup | undefined {
  const sites: Site[] = []
  let ttlSeconds = Number.POSITIVE_INFINITY
  for (const { type, data, ttl } of values) {
    if (!isOfType(type, 'hs_site', of) || sites.length === MAX_SITES) continue
    const site = decodeSite(data)
    if (!site.ok || !isSound(site.value)) continue
    sites.push(site.value)
    ttlSeconds = Math.min(ttlSeconds, ttl)
  }
  return sites.length === 0 ? undefined : { sites, ttlSeconds }
}

/** Handles of services. */
export function servicesIn(values: readonly HandleValue[], of: ServiceOf = 'handles'): string[] {
  return values
    .filter(({ type }) => isOfType(type, 'hs_serv', of))
    .map(({ data }) => Buffer.from(data).toString('utf8'))
    .filter((handle) => handle !== '')
}

function isOfType(type: string, wanted: string, of: ServiceOf): boolean {
  const folded = foldAscii(type)
  return of === 'prefixes' ? folded === `${wanted}.prefix` : folded === wanted || folded === `${wanted}.6`
}

function isSound({ servers, hashOption }: Site): boolean {
  return servers.length > 0 && hashOption <= HASH_OPTIONS.byWhole
}

/** Servers to ask for a handle, the first ones first: primary sites for changes, then as the sites list them. */
export function serversFor(handle: string, sites: readonly Site[], purpose: Purpose): Server[] {
  const able = purpose === 'lookup' ? sites : sites.filter(isPrimary)
  return able.flatMap((site) =>
    serversOf(site, site.servers[serverPlace(handle, site.hashOption, site.servers.length)]!, purpose),
  )
}

export function isPrimary({ flags }: Site): boolean {
  return (flags & PRIMARY) !== 0
}

/** One server by each of its interfaces that serve the purpose. */
export function serversOf(site: Site, { address, publicKey, interfaces }: SiteServer, purpose: Purpose): Server[] {
  const key = keyOf(publicKey)
  return interfaces.flatMap((one) => {
    const transport = transportFor(one, purpose)
    if (transport === undefined || !isPort(one.port)) return []
    const server = {
      address: { transport, host: address, port: one.port },
      version: versionFor(site),
      siteSerial: site.serial,
      isGiven: false,
    }
    return [key === undefined ? server : { ...server, publicKey: key }]
  })
}

export function keyOf(octets: Uint8Array) {
  const key = decodePublicKey(octets)
  return key.ok ? signatureKey(key.value) : undefined
}

/** Servers take no changes by UDP. */
function transportFor({ type, transport }: SiteInterface, purpose: Purpose): TransportName | undefined {
  const name = transportName(transport)
  if (purpose === 'lookup') return type === INTERFACE_TYPES.administration ? undefined : name
  return type === INTERFACE_TYPES.lookup || name === 'udp' ? undefined : name
}
