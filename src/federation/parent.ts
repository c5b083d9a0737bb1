/** The node above: asked by the native protocol where it has an address of that, else by its API. */
import type { KeyObject } from 'node:crypto'
import { AddressGuard, type Place } from '../platform/address-guard.js'
import { isApiAddress } from '../platform/setting-kinds.js'
import type { Config } from '../platform/settings.js'
import {
  formatServerAddress,
  parseServerAddress,
  type ServerAddress,
} from '../protocols/handle/client/server-address.js'
import { readSites, type SiteNodeOptions, siteNode } from './delegates.js'
import type { ForeignNode } from './foreign-answer.js'
import { httpNode } from './http-node.js'
import { nativeNode } from './native-node.js'
import { ReferredRoutes } from './referred-routes.js'

/** In the settings of private networks, whatever its addresses. */
export const PARENT = 'parent'

export interface ParentOptions extends Omit<SiteNodeOptions, 'guard' | 'delegated'> {
  readonly config: Pick<Config, 'parent' | 'peerNetworks' | 'maxStaleSeconds'>
  /** Only what it has signed counts then. */
  readonly parentKey?: KeyObject | undefined
  /** Where others reach this node itself. */
  readonly ownPlaces?: (() => readonly Place[]) | undefined
}

/** undefined: there is none. */
export function parentNode(options: ParentOptions): ForeignNode | undefined {
  const { parent = [] } = options.config
  // By the native protocol what it says of prefixes is known in its own words, and can be signed.
  const native = parent.filter((address) => !isApiAddress(address))
  if (native.length > 0) return nativeParent(options, native.map(requireServer))
  return parent.length === 0 ? undefined : apiParent(options, parent.map(withoutSlash))
}

/** By its key, with which only the native protocol signs. */
export function isVouchedFor({
  config: { parent = [] },
  parentKey,
}: Pick<ParentOptions, 'parentKey'> & Asked): boolean {
  return parentKey !== undefined && !parent.every(isApiAddress)
}

interface Asked {
  readonly config: Pick<Config, 'parent'>
}

function nativeParent(options: ParentOptions, servers: readonly ServerAddress[]): ForeignNode {
  const { parentKey, config, ownPlaces = nowhere, ...common } = options
  for (const server of servers) common.peers.settle(formatServerAddress(server), 'parent', [])
  const key = parentKey === undefined ? {} : { publicKey: parentKey }
  const start = { kind: 'root' as const, servers, ...key }
  const guard = new AddressGuard({ allowed: config.peerNetworks[PARENT] ?? [], ownPlaces })
  return nativeNode({ ...common, name: 'the parent node', start, guard, isCertified: parentKey !== undefined })
}

const MAX_ROUTE_AGE_MS = 300_000

function apiParent(options: ParentOptions, urls: readonly string[]): ForeignNode {
  const { config, ownPlaces = nowhere, ...common } = options
  for (const url of urls) common.peers.settle(url, 'parent', [])
  const allowed = config.peerNetworks[PARENT] ?? []
  const guard = new AddressGuard({ allowed, ownPlaces })
  const routes = new ReferredRoutes({
    clock: common.clock,
    maxAgeMs: MAX_ROUTE_AGE_MS,
    maxStaleMs: config.maxStaleSeconds * 1000,
    nodeOf: ({ prefix, sites }) =>
      siteNode(`the server that the parent node names for ${prefix}`, readSites(sites), {
        ...common,
        guard,
        delegated: prefix,
      }),
  })
  return httpNode({ ...common, urls, guard: new AddressGuard({ allowed, given: urls.map(placeOf) }), routes })
}

const nowhere = () => []

function requireServer(text: string): ServerAddress {
  const parsed = parseServerAddress(text)
  // Settings are checked before.
  if (!parsed.ok) throw new RangeError(parsed.reason)
  return parsed.value
}

function placeOf(text: string): { readonly host: string; readonly port: number } {
  const { hostname, port, protocol } = new URL(text)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (protocol === 'https:' ? 443 : 80) }
}

function withoutSlash(text: string): string {
  return text.replace(/\/$/, '')
}
