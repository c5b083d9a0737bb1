/**
 * Where a service is that answers for a prefix, as records and referrals say it.
 *
 *   HS_SITE, HS_SITE.6         a site with its servers' addresses; the second for those with IPv6 addresses only
 *   HS_SERV                    a handle whose record has the sites
 *   HS_SITE.PREFIX, HS_SERV.PREFIX   the same, of the service that knows the prefixes below a prefix
 *
 * Source: RFC 3651 §3.2.2 and §3.2.4, and records in use.
 */
import { PUBLIC_VALUE, type Value } from './record.js'
import {
  decodeSite,
  encodeSite,
  HASH_OPTIONS,
  INTERFACE_TYPES,
  MULTI_PRIMARY,
  PRIMARY,
  type Site,
  type SiteInterface,
} from './value-types/hs-site.js'

/** Either has something in it. */
export interface ServiceLocation {
  /** A handle whose record says more; '' when the sites do. */
  readonly handle: string
  /** Octets of HS_SITE, in the order in which to try them. */
  readonly sites: readonly Uint8Array[]
}

/** Of one service. Their values come first in its record. */
export const MAX_SITES = 8
export const SERVICE_HANDLE_INDEX = 10

/** As values of a record, or of a referral: `asPrefix` for the service that knows the prefixes below. */
export function serviceValues(
  { handle, sites }: ServiceLocation,
  options: { readonly timestampSeconds: number; readonly asPrefix?: boolean },
): Value[] {
  const { timestampSeconds, asPrefix = false } = options
  const value = (index: number, type: string, data: string | Uint8Array): Value => ({
    ...PUBLIC_VALUE,
    index,
    type: asPrefix ? `${type}.PREFIX` : type,
    data,
    timestampSeconds,
  })
  const values = sites.map((site, place) => value(1 + place, asPrefix ? 'HS_SITE' : siteType(site), site))
  return handle === '' ? values : [...values, value(SERVICE_HANDLE_INDEX, 'HS_SERV', handle)]
}

function siteType(octets: Uint8Array): string {
  const site = decodeSite(octets)
  return site.ok && site.value.servers.every(({ address }) => address.includes(':')) ? 'HS_SITE.6' : 'HS_SITE'
}

/** One way to reach a server. */
export interface Location {
  readonly address: string
  readonly port: number
  readonly transport: 'udp' | 'tcp' | 'http' | 'https'
  readonly use: 'administration' | 'lookups' | 'both'
}

const TRANSPORT_NAMES = ['udp', 'tcp', 'http', 'https'] as const
const USE_NAMES = ['administration', 'lookups', 'both'] as const

/** Every way to reach it that is known here, for people and for programs that don't read HS_SITE. */
export function locationsOf({ sites }: ServiceLocation): Location[] {
  return sites.flatMap((octets) => {
    const site = decodeSite(octets)
    return site.ok ? site.value.servers.flatMap(({ address, interfaces }) => locationsAt(address, interfaces)) : []
  })
}

function locationsAt(address: string, interfaces: readonly SiteInterface[]): Location[] {
  return interfaces.flatMap(({ type, transport, port }) => {
    const [name, use] = [TRANSPORT_NAMES[transport], USE_NAMES[type - 1]]
    return name === undefined || use === undefined ? [] : [{ address, port, transport: name, use }]
  })
}

const MAX_DESCRIBED = 6
const descriptions = new WeakMap<ServiceLocation, string>()

/** `tcp://203.0.113.7:2641, …`, or the handle: for a sentence. Made once: refusals repeat it. */
export function describeService(service: ServiceLocation): string {
  const known = descriptions.get(service)
  if (known !== undefined) return known
  const described = description(service)
  descriptions.set(service, described)
  return described
}

function description(service: ServiceLocation): string {
  const places = locationsOf(service).map(({ address, port, transport }) => {
    return `${transport}://${address.includes(':') ? `[${address}]` : address}:${port}`
  })
  const all = service.handle === '' ? places : [...places, `hdl:${service.handle}`]
  return all.slice(0, MAX_DESCRIBED).join(', ')
}

export interface Reachable {
  /** IPv4 or IPv6. */
  readonly address: string
  /** In the order in which clients are to try them. */
  readonly interfaces: readonly SiteInterface[]
}

export interface SiteAbout {
  readonly serial: number
  readonly protocolVersion: Site['protocolVersion']
  /** Octets of HS_PUBKEY, or none. */
  readonly publicKey?: Uint8Array
  readonly description?: string
}

const NO_KEY = new Uint8Array(0)

/** A site for each place at which one and the same server is reached. @throws EncodingError for what is no address */
export function sitesOf(places: readonly Reachable[], about: SiteAbout): Uint8Array[] {
  const { serial, protocolVersion, publicKey = NO_KEY, description } = about
  return places.map(({ address, interfaces }) =>
    encodeSite({
      format: 1,
      protocolVersion,
      serial,
      flags: places.length > 1 ? PRIMARY | MULTI_PRIMARY : PRIMARY,
      hashOption: HASH_OPTIONS.byWhole,
      hashFilter: '',
      attributes: description === undefined ? [] : [{ name: 'desc', value: description }],
      servers: [{ id: 1, address, publicKey, interfaces }],
    }),
  )
}

/**
 * The native protocol at one port. TCP comes first, for administration and look-ups: the national SDK takes the first
 * interface for its own, and goes over to UDP when that is another one.
 */
export function nativeInterfaces(port: number): SiteInterface[] {
  return [
    { type: INTERFACE_TYPES.both, transport: 1, port },
    { type: INTERFACE_TYPES.lookup, transport: 0, port },
  ]
}

const MAX_SITE_OCTETS = 16_384
const MAX_PORT = 65_535

/** Why octets are no site that a client could go to; undefined when they are. */
export function siteFault(octets: Uint8Array): string | undefined {
  if (octets.length > MAX_SITE_OCTETS) return `has ${octets.length} octets: at most ${MAX_SITE_OCTETS} are taken`
  const site = decodeSite(octets)
  if (!site.ok) return `is no HS_SITE: ${site.message}`
  const { servers } = site.value
  if (servers.length === 0) return 'has no server: name at least one'
  for (const { address, interfaces } of servers) {
    if (address === '0.0.0.0' || address === '::') return `has a server without an address`
    if (!interfaces.some(({ type }) => (type & INTERFACE_TYPES.lookup) !== 0))
      return `has a server, ${address}, that takes no look-ups`
    const wrong = interfaces.find(({ port }) => port < 1 || port > MAX_PORT)
    if (wrong !== undefined) return `has the port ${wrong.port}: it must be from 1 to ${MAX_PORT}`
  }
  return undefined
}
