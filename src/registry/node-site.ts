/**
 * Where this node itself is reached by the Handle System: the HS_SITE values that all records of hosted prefixes have, and
 * that the operation "get site info" gives. The database has them, so that all processes say the same; a start that finds
 * them changed by its settings makes them anew under a higher serial, by which clients learn of it.
 */
import type { Database, Queryable, Transaction } from '../platform/postgres.js'
import { byteaArray } from '../platform/sql-arrays.js'
import { nativeInterfaces, type Reachable, sitesOf } from '../record/service.js'
import { INTERFACE_TYPES, type SiteInterface, TRANSPORTS } from '../record/value-types/hs-site.js'
import type { ChangeKnowledge } from '../resolution/change-knowledge.js'
import { SITE_FEED_KEY } from '../resolution/feed-spaces.js'
import { commitChange } from './append-change.js'
import type { Registry } from './registry.js'

export interface NodeSite {
  /** Counts the changes; 0 before the first start. */
  readonly change: number
  /** 16 bits; 0 before the first start. */
  readonly serial: number
  /** Octets of HS_SITE, one for each address; empty when no door of the Handle System is open. */
  readonly sites: readonly Uint8Array[]
}

/** What the settings say of the node's doors. An absent port: that door is closed. */
export interface SiteSettings {
  /** IPv4 and IPv6 addresses under which clients reach the node. */
  readonly addresses: readonly string[]
  readonly nativePort?: number | undefined
  readonly httpPort?: number | undefined
  /** A door that is wanted could not be opened on this machine: no reason to change what others have said of the site. */
  readonly isPartial?: boolean
  /** The HTTP port speaks TLS as well. */
  readonly isTls?: boolean
  /** Octets of HS_PUBKEY: the key that signs certified answers. */
  readonly publicKey: Uint8Array
}

export const NO_SITE: NodeSite = { change: 0, serial: 0, sites: [] }

const PROTOCOL_VERSION = { major: 2, minor: 11 }
const DESCRIPTION = 'Jiexi'
const LAST_SERIAL = 65_534

const FIND = 'select change, serial, sites from node_site'

export async function findNodeSite(on: Queryable): Promise<NodeSite> {
  const [found] = await on.query<NodeSite>(FIND)
  return found ?? NO_SITE
}

/** The same, and it cannot change before the commit: whoever writes it into records is seen by whoever changes it. */
export async function lockNodeSite(tx: Transaction): Promise<NodeSite> {
  const [found] = await tx.query<NodeSite>(`${FIND} for share`)
  return found ?? NO_SITE
}

/** Makes the site what the settings say; of several processes that start at once one does, and the others find it done. */
export async function settleNodeSite(registry: Registry, settings: SiteSettings): Promise<NodeSite> {
  return commitChange(registry, async (tx) => {
    await tx.query(`insert into node_site (change, serial, sites) values (0, 1, '{}') on conflict (single) do nothing`)
    const [before] = await tx.query<NodeSite>(`${FIND} for update`)
    const { change, serial } = before!
    const isSettled = settings.isPartial || areEqual(before!.sites, siteOctets(settings, serial))
    if (change > 0 && isSettled) return { result: before!, changes: [] }

    const next = change === 0 ? 1 : (serial % LAST_SERIAL) + 1
    const site = { change: change + 1, serial: next, sites: siteOctets(settings, next) }
    await tx.query('update node_site set change = $1, serial = $2, sites = $3', [
      site.change,
      site.serial,
      byteaArray(site.sites),
    ])
    return { result: site, changes: [{ key: SITE_FEED_KEY, version: site.change }] }
  })
}

function siteOctets(settings: SiteSettings, serial: number): Uint8Array[] {
  const interfaces = interfacesOf(settings)
  const places: Reachable[] =
    interfaces.length === 0 ? [] : settings.addresses.map((address) => ({ address, interfaces }))
  const { publicKey } = settings
  return sitesOf(places, { serial, protocolVersion: PROTOCOL_VERSION, publicKey, description: DESCRIPTION })
}

function interfacesOf({ nativePort, httpPort, isTls = false }: SiteSettings): SiteInterface[] {
  const { both } = INTERFACE_TYPES
  return [
    ...(nativePort === undefined ? [] : nativeInterfaces(nativePort)),
    ...(httpPort === undefined ? [] : [{ type: both, transport: TRANSPORTS.http, port: httpPort }]),
    ...(httpPort === undefined || !isTls ? [] : [{ type: both, transport: TRANSPORTS.https, port: httpPort }]),
  ]
}

function areEqual(some: readonly Uint8Array[], others: readonly Uint8Array[]): boolean {
  return some.length === others.length && some.every((octets, at) => Buffer.compare(octets, others[at]!) === 0)
}

/**
 * What this process knows of the site, at once: the latest that was read, looked at anew after each change that the feed
 * tells. A look that fails is tried again when the feed is next heard from.
 */
export async function currentNodeSite(
  db: Pick<Database, 'query'>,
  knowledge: Pick<ChangeKnowledge, 'onChange' | 'onReset' | 'onPolled'>,
): Promise<() => NodeSite> {
  let isOutdated = false
  let isLooking = false
  let site = await findNodeSite(db)
  const outdate = () => {
    isOutdated = true
  }
  async function look(): Promise<void> {
    isLooking = true
    isOutdated = false
    try {
      site = await findNodeSite(db)
    } catch {
      // The database is away, which is told elsewhere; the site that is known is the best there is.
      isOutdated = true
    }
    isLooking = false
  }
  knowledge.onReset(outdate)
  knowledge.onChange((key) => {
    if (key === SITE_FEED_KEY) outdate()
  })
  knowledge.onPolled(() => {
    if (isOutdated && !isLooking) void look()
  })
  return () => site
}
