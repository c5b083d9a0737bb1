/** What the settings say of this node's place in the Handle System: its own site and key, and the node above it. */
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import type { Config } from '../platform/config.js'
import { messageOf, NodeError } from '../platform/errors.js'
import type { Logger } from '../platform/logger.js'
import type { Database } from '../platform/postgres.js'
import { nativeInterfaces, type ServiceLocation, sitesOf } from '../record/service.js'
import { type NodeSite, type SiteSettings, settleNodeSite } from './node-site.js'
import type { Registry } from './registry.js'
import { settlePrefixRecords } from './settle-prefixes.js'
import { nodeSigningKey, type SigningKey } from './signing-key.js'

/** The ports of the doors that are open. */
export type SitePorts = Pick<SiteSettings, 'nativePort' | 'httpPort' | 'isTls' | 'isPartial'>

export interface OwnSite {
  readonly config: Pick<Config, 'handlePublicAddress' | 'handleKey' | 'host'>
  readonly ports: SitePorts
  readonly log: Pick<Logger, 'info' | 'warn'>
}

/**
 * Makes the site and the records of all prefixes what the settings say; once on a machine, before anything is answered.
 * @throws NodeError `authority-unavailable`, `overloaded`: to be called again; `request-malformed` for a key that cannot be used
 */
export async function settleOwnSite(registry: Registry, { config, ports, log }: OwnSite): Promise<NodeSite> {
  const { publicKey } = await configuredSigningKey(registry.db, config)
  const addresses = config.handlePublicAddress ?? addressesOf(config.host, log)
  const site = await settleNodeSite(registry, { ...ports, addresses, publicKey })
  const settled = await settlePrefixRecords(registry, log)
  if (settled > 0)
    log.info(
      `The records of ${settled} prefixes say where this node is reached: site ${site.serial}, ${addresses.join(', ')}.`,
    )
  return site
}

/** @throws NodeError `request-malformed` when the configured one cannot be used */
export async function configuredSigningKey(
  db: Database,
  { handleKey }: Pick<Config, 'handleKey'>,
): Promise<SigningKey> {
  return nodeSigningKey(db, handleKey === undefined ? undefined : await pemIn(handleKey))
}

async function pemIn(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new NodeError('request-malformed', `JIEXI_HANDLE_KEY cannot be read: ${messageOf(cause)}`, { cause })
  }
}

const LOOPBACK = '127.0.0.1'
/** HS_SITE cannot tell it from an IPv4 address. */
const LOOPBACK_6 = '::1'
const WILDCARDS = ['0.0.0.0', '::']

/** A wildcard is no address that anybody could go to, and what a name stands for may differ between replicas. */
function addressesOf(host: string, log: Pick<Logger, 'warn'>): readonly string[] {
  if (isIP(host) !== 0 && !WILDCARDS.includes(host) && host !== LOOPBACK_6) return [host]
  if (WILDCARDS.includes(host))
    log.warn(
      `Records of prefixes name ${LOOPBACK} as this node's address: set JIEXI_HANDLE_PUBLIC_ADDRESS to one that others reach.`,
    )
  return [LOOPBACK]
}

/** Older software takes what it can read of it, newer answers in this version. */
const PARENT_PROTOCOL = { major: 2, minor: 10 }

/** The node above this one; undefined: none is known. */
export function parentService({ parentSite }: Pick<Config, 'parentSite'>): ServiceLocation | undefined {
  if (parentSite === undefined) return undefined
  const places = parentSite.map(({ address, port }) => ({ address, interfaces: nativeInterfaces(port) }))
  return { handle: '', sites: sitesOf(places, { serial: 1, protocolVersion: PARENT_PROTOCOL }) }
}
