/**
 * Servers of enterprises that answer for their own prefixes, where the operator wants them asked from here in place of
 * referring to them. One is known by its prefix and the version of its delegation: when that changes, or is revoked, which
 * the change feed tells, the next look-up has no more to do with what was before.
 */
import type { AddressGuard } from '../platform/address-guard.js'
import type { Clock } from '../platform/clock.js'
import { NodeError } from '../platform/errors.js'
import { hedged } from '../platform/hedged.js'
import type { RetryBudget } from '../platform/retry-budget.js'
import type { Server } from '../protocols/handle/client/server.js'
import { serversOf } from '../protocols/handle/client/sites.js'
import { decodeSite, type Site } from '../record/value-types/hs-site.js'
import type { RouteTable, SelfBuilt } from '../resolution/authorities.js'
import { delegatedSite } from './delegated-site.js'
import type { ForeignAnswer, ForeignLookup, ForeignNode } from './foreign-answer.js'
import { refusalOf } from './native-node.js'
import type { Peers } from './peers.js'
import { together } from './probed.js'
import { type AskRecord, serviceNode } from './service-node.js'

export interface DelegatesOptions {
  readonly peers: Peers
  readonly retries: RetryBudget
  readonly clock: Clock
  readonly self: string
  readonly maxTtlSeconds: number
  /** By prefix, for the private networks that its holder's servers may be in. */
  readonly guardFor: (prefix: string) => AddressGuard
  /** For the handles of services. */
  readonly askRecord: AskRecord
}

interface Known {
  readonly version: number
  readonly node: ForeignNode
}

export class Delegates {
  private readonly options: DelegatesOptions
  private readonly known = new Map<string, Known>()

  constructor(options: DelegatesOptions) {
    this.options = options
  }

  nodeFor(prefix: string, { service, version }: SelfBuilt): ForeignNode {
    const known = this.known.get(prefix)
    if (known?.version === version) return known.node
    void known?.node.close()
    const name = `the server of ${prefix}`
    const options = { ...this.options, guard: this.options.guardFor(prefix), delegated: prefix }
    const node =
      service.sites.length > 0
        ? siteNode(name, readSites(service.sites), options)
        : serviceNode({
            handle: service.handle,
            ask: this.options.askRecord,
            nodeAt: (sites) => siteNode(name, sites, options),
          })
    this.known.set(prefix, { version, node })
    return node
  }

  /** Forgets those whose delegation has ended. */
  keepOnly(routes: RouteTable): void {
    for (const [prefix, { version, node }] of this.known) {
      if (routes.get(prefix)?.selfBuilt?.version === version) continue
      this.known.delete(prefix)
      void node.close()
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.known.values()].map(({ node }) => node.close()))
    this.known.clear()
  }
}

export interface SiteNodeOptions extends Omit<DelegatesOptions, 'guardFor' | 'askRecord'> {
  readonly guard: AddressGuard
  /** The prefix that it was given. */
  readonly delegated: string
}

/** A service of one or more sites, each of which has all of its handles. */
export function siteNode(name: string, sites: readonly Site[], options: SiteNodeOptions): ForeignNode {
  const nodes = sites.map((site) => ({ site, node: delegatedSite({ ...options, name, site }) }))
  // Where a node starts is taken for its user's own choice, and this is not.
  const usable = nodes.filter(({ site }) => siteRefusal(site, options.guard) === undefined)
  return {
    ask(lookup: ForeignLookup): Promise<ForeignAnswer> {
      if (usable.length === 0) throw notUsable(name, sites, options.guard)
      const attempts = usable.map(
        ({ node }) =>
          () =>
            node.ask(lookup),
      )
      return hedged(attempts, { afterMs: SITE_HEDGE_MS, mayHedge: () => options.retries.tryRepeat() })
    },
    async probe() {
      return together(await Promise.all(usable.map(({ node }) => node.probe())))
    },
    async close() {
      await Promise.all(nodes.map(({ node }) => node.close()))
    },
  }
}

/** Within a site its servers are tried sooner. */
const SITE_HEDGE_MS = 500

/** @param octets HS_SITE */
export function readSites(octets: readonly Uint8Array[]): readonly Site[] {
  return octets.flatMap((one) => {
    const site = decodeSite(one)
    return site.ok ? [site.value] : []
  })
}

/** Ways to ask a site, all of its servers. */
export function lookupServers(site: Site): readonly Server[] {
  return site.servers.flatMap((server) => serversOf(site, server, 'lookup'))
}

function siteRefusal(site: Site, guard: AddressGuard): string | undefined {
  const refusals = lookupServers(site).map(({ address }) => refusalOf(guard, address))
  return refusals.find((refusal) => refusal !== undefined)
}

function notUsable(name: string, sites: readonly Site[], guard: AddressGuard): NodeError {
  const [why = 'it names no server'] = sites.flatMap((site) => siteRefusal(site, guard) ?? [])
  const cause = new NodeError('not-permitted', why)
  return new NodeError('authority-unavailable', `${name} is not asked: ${why}.`, { cause })
}
