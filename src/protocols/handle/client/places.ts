/** Where something can be asked: at servers, or at sites that spread handles over theirs. */
import type { KeyObject } from 'node:crypto'
import { decodeSite, type Site } from '../../../record/value-types/hs-site.js'
import { RC } from '../codes.js'
import type { Opened } from './asking.js'
import { refusalOf } from './converse.js'
import { type Server, serverAt } from './server.js'
import { formatServerAddress, type ServerAddress } from './server-address.js'
import { isPrimary, type Purpose, serversFor, serversOf } from './sites.js'
import { faultOf } from './verification.js'

export type Place =
  | { readonly kind: 'servers'; readonly servers: readonly Server[] }
  | { readonly kind: 'sites'; readonly sites: readonly Site[]; readonly isGiven: boolean }

export type Start =
  /** These are asked for every handle. A key given is that of all of them. */
  | { readonly kind: 'servers'; readonly servers: readonly ServerAddress[]; readonly publicKey?: KeyObject }
  | { readonly kind: 'site'; readonly site: Site }
  /** These know who is responsible for which prefix. */
  | { readonly kind: 'root'; readonly servers: readonly ServerAddress[]; readonly publicKey?: KeyObject }
  | { readonly kind: 'root-site'; readonly site: Site }

/** Whether it is asked first who is responsible. */
export function isRoot({ kind }: Start): boolean {
  return kind === 'root' || kind === 'root-site'
}

export function startPlace(start: Start): Place {
  if ('site' in start) return { kind: 'sites', sites: [start.site], isGiven: true }
  return { kind: 'servers', servers: start.servers.map((address) => serverAt(address, start.publicKey)) }
}

export function sitesPlace(sites: readonly Site[]): Place {
  return { kind: 'sites', sites, isGiven: false }
}

/** In the order in which they are to be asked. */
export function serversAt(place: Place, handle: string, purpose: Purpose): readonly Server[] {
  if (place.kind === 'servers') return place.servers
  const servers = serversFor(handle, place.sites, purpose)
  return place.isGiven ? servers.map((server) => ({ ...server, isGiven: true })) : servers
}

/** Of the first site that serves the purpose: for each of its servers the ways to ask it. */
export function partsOf(place: Place, purpose: Purpose): readonly (readonly Server[])[] {
  if (place.kind === 'servers') return [place.servers]
  const site = purpose === 'lookup' ? place.sites[0] : place.sites.find(isPrimary)
  return site === undefined ? [] : site.servers.map((server) => serversOf(site, server, purpose))
}

/** The same for the same place and handle: to know it again. */
export function placeName(place: Place, handle: string): string {
  const servers = serversAt(place, handle, 'lookup')
  return `${handle} at ${servers.map(({ address }) => formatServerAddress(address)).join(', ')}`
}

/** @throws HandleFault when the answer is no site */
export function decodedSite({ server, first }: Opened): Site {
  if (first.header.responseCode !== RC.success) throw refusalOf(server, first)
  const site = first.body.kind === 'site' ? decodeSite(first.body.octets) : undefined
  if (site === undefined) throw faultOf(server, 'invalid-answer', 'tells no site')
  if (!site.ok) throw faultOf(server, 'invalid-answer', `tells a site that can't be read: ${site.message}`)
  return site.value
}
