/** This node among the others, as its settings say it: whom it asks, what it lets itself be sent to, whom it watches. */
import type { KeyObject } from 'node:crypto'
import { AddressGuard, type AllowedNetwork, type Place } from '../platform/address-guard.js'
import type { Clock } from '../platform/clock.js'
import { messageOf, NodeError } from '../platform/errors.js'
import type { Logger } from '../platform/logger.js'
import { retryBudget } from '../platform/retry-budget.js'
import type { Config } from '../platform/settings.js'
import type { ResolveForeign } from '../protocols/handle/administration/known-values.js'
import { formatServerAddress } from '../protocols/handle/client/server-address.js'
import type { Answer } from '../record/answer.js'
import {
  type Authority,
  authorityOf,
  type RouteTable,
  type RoutingOptions,
  type SelfBuilt,
} from '../resolution/authorities.js'
import type { Layer } from '../resolution/resolve.js'
import { Delegates, lookupServers, readSites } from './delegates.js'
import { foreign } from './foreign.js'
import type { ForeignLookup, ForeignNode } from './foreign-answer.js'
import { ForeignCache } from './foreign-cache.js'
import { foreignIdentities } from './foreign-identities.js'
import { isVouchedFor, parentNode } from './parent.js'
import { type KnownPeer, Peers } from './peers.js'
import type { NodeProbe } from './probed.js'
import { selfBuiltOf, startProbes } from './probes.js'

export interface FederationOptions {
  readonly config: Pick<
    Config,
    | 'parent'
    | 'foreign'
    | 'peerNetworks'
    | 'proxiedPrefixes'
    | 'foreignTtlSeconds'
    | 'foreignCacheBytes'
    | 'maxStaleSeconds'
    | 'probeSeconds'
  >
  /** Of the parent: only what it has signed counts then. */
  readonly parentKey?: KeyObject | undefined
  readonly routes: RoutingOptions['routes']
  readonly clock: Clock
  readonly log: Pick<Logger, 'warn' | 'error'>
  /** The same on all replicas of this node, and nobody else's. */
  readonly self: string
  /** Told what comes of each probe of the server of a self-built prefix. */
  readonly onProbed?: (probe: NodeProbe) => void
  /** Where others reach this node by the Handle protocol: it does not ask itself. */
  readonly ownPlaces?: () => readonly Place[]
}

export interface Federation {
  readonly layer: Layer
  /** Absent: there is no parent whose key is known, so that nobody vouches for what other nodes say. */
  readonly resolveForeign: ResolveForeign | undefined
  peers(): KnownPeer[]
  usage(): { readonly entries: number; readonly bytes: number }
  /** Begins to watch. */
  start(): void
  stop(): Promise<void>
}

const MAX_UNDER_WAY = 512
const RETRIES = { share: 0.1, most: 10 }
export const ALL = 'all'

export function federation(options: FederationOptions): Federation {
  const { config, clock, routes, self, log } = options
  const peers = new Peers({ clock })
  const networks = new Map(Object.entries(config.peerNetworks))
  const common = { peers, retries: retryBudget(RETRIES), clock, self, maxTtlSeconds: config.foreignTtlSeconds }
  const parent = parentNode({ ...common, config, parentKey: options.parentKey, ownPlaces: options.ownPlaces })
  const delegates: Delegates = new Delegates({
    ...common,
    guardFor: guards(networks, options.ownPlaces),
    askRecord: (identifier, lookup) => askRecord({ ...lookup, identifier }, { parent, delegates, routes }),
  })
  const cache = new ForeignCache({
    clock,
    capacityBytes: config.foreignCacheBytes,
    maxStaleSeconds: config.maxStaleSeconds,
  })
  const isProxied = (prefix: string) => config.proxiedPrefixes.includes(ALL) || config.proxiedPrefixes.includes(prefix)
  const watched = { parent, delegates, peers, routes, clock, onProbed: options.onProbed }
  let probes: ReturnType<typeof startProbes> | undefined
  return {
    layer: foreign({
      routes,
      cache,
      clock,
      self,
      parent,
      policy: config.foreign,
      delegateOf: (prefix, selfBuilt) => (isProxied(prefix) ? delegates.nodeFor(prefix, selfBuilt) : undefined),
      maxUnderWay: MAX_UNDER_WAY,
      onSuspicion: suspicionsTo(log, clock),
    }),
    resolveForeign:
      parent !== undefined && isVouchedFor(options) ? foreignIdentities({ parent, routes, clock, self }) : undefined,
    peers: () => peers.list(),
    usage: () => cache.usage(),
    start() {
      if (config.probeSeconds === 0) return
      const onFailure = (error: unknown) => log.warn(`Other nodes could not be probed: ${messageOf(error)}`)
      probes = startProbes({ intervalMs: config.probeSeconds * 1000, targets: () => targetsOf(watched), onFailure })
    },
    async stop() {
      await probes?.stop()
      await Promise.all([parent?.close(), delegates.close()])
    },
  }
}

type Known = Pick<Watched, 'parent' | 'delegates' | 'routes'>

/** Whoever answers for it, within the budget of the look-up that it is needed for. @throws NodeError */
async function askRecord(lookup: ForeignLookup, { parent, delegates, routes }: Known): Promise<Answer> {
  const { identifier, own, trace } = lookup
  const authority = authorityOf(await routes(), identifier)
  if (authority.kind === 'registry' && own !== undefined) return own({ identifier, ...(trace && { trace }) })
  const node = authority.kind === 'foreign' ? parent : nodeWithSites(authority, delegates)
  if (node === undefined)
    throw new NodeError('authority-unavailable', `${identifier.key}, the handle of a service, is looked up nowhere.`)
  return (await node.ask(lookup)).answer
}

/** One service that is known by the handle of another leads nowhere. */
function nodeWithSites(authority: Authority, delegates: Delegates): ForeignNode | undefined {
  if (authority.kind !== 'self-built' || authority.selfBuilt.service.sites.length === 0) return undefined
  return delegates.nodeFor(authority.route.prefix, authority.selfBuilt)
}

const SUSPICION_MS = 1_000

/** One a second: whoever lies must not fill the log as well. */
function suspicionsTo(log: Pick<Logger, 'warn'>, clock: Clock): (key: string, error: NodeError) => void {
  let quietUntilMs = 0
  let untold = 0
  return (identifier, error) => {
    untold += 1
    if (clock.monotonicMs() < quietUntilMs) return
    const about = { identifier, reason: error.message, ...(untold > 1 ? { times: untold } : {}) }
    log.warn('Another node gives what cannot count, or leads where this node does not go.', about)
    quietUntilMs = clock.monotonicMs() + SUSPICION_MS
    untold = 0
  }
}

/** One for each peer: what is allowed for one is allowed for no other. */
function guards(
  networks: ReadonlyMap<string, readonly AllowedNetwork[]>,
  ownPlaces: () => readonly Place[] = () => [],
): (prefix: string) => AddressGuard {
  const strict = new AddressGuard({ ownPlaces })
  const made = new Map([...networks].map(([peer, allowed]) => [peer, new AddressGuard({ allowed, ownPlaces })]))
  return (prefix) => made.get(prefix) ?? strict
}

interface Watched {
  readonly parent: ForeignNode | undefined
  readonly delegates: Delegates
  readonly peers: Peers
  readonly routes: RoutingOptions['routes']
  readonly clock: Clock
  readonly onProbed: FederationOptions['onProbed']
}

async function targetsOf(watched: Watched): Promise<(() => Promise<unknown>)[]> {
  const { parent, delegates, peers, routes } = watched
  const table = await routes()
  delegates.keepOnly(table)
  settlePeers(peers, table)
  const enterprises = selfBuiltOf(table).map(({ prefix, selfBuilt }) => {
    const node = delegates.nodeFor(prefix, selfBuilt)
    return () => probeEnterprise(watched, prefix, node)
  })
  return [...(parent === undefined ? [] : [() => parent.probe()]), ...enterprises]
}

async function probeEnterprise({ clock, onProbed }: Watched, prefix: string, node: ForeignNode): Promise<void> {
  const probed = await node.probe()
  if (probed !== undefined) onProbed?.({ prefix, atMs: clock.nowMs(), probed })
}

/** Which prefixes an address answers for. */
function settlePeers(peers: Peers, table: RouteTable): void {
  const prefixes = new Map<string, string[]>()
  for (const { prefix, selfBuilt } of selfBuiltOf(table))
    for (const name of namesOf(selfBuilt)) prefixes.set(name, [...(prefixes.get(name) ?? []), prefix])
  peers.settleEnterprises(prefixes)
}

function namesOf({ service }: SelfBuilt): ReadonlySet<string> {
  const servers = readSites(service.sites).flatMap(lookupServers)
  return new Set(servers.map(({ address }) => formatServerAddress(address)))
}
