/**
 * The routing table: the longest known prefix picks exactly one authority, and there is no fall-through. That is this node's
 * registry, or a server of the prefix's holder, to which the answer then refers; or nobody here.
 *
 * The record of a prefix, `0.NA/88.118.8`, goes by the prefix it names, and is always this node's own to answer: it says
 * where to ask for what lies below.
 */

import type { Identifier } from '../identifier/identifier.js'
import { prefixNamedBy, routingCandidates } from '../identifier/prefix-record.js'
import { type Answer, answerWith, type Referral } from '../record/answer.js'
import type { ServiceLocation } from '../record/service.js'
import { Elsewhere } from './elsewhere.js'
import type { Layer, Query, Resolve } from './resolve.js'

export interface Route {
  readonly prefix: string
  readonly state: 'active' | 'suspended'
  /** Absent: the prefix is the node's own. */
  readonly enterpriseId?: string
  /** Its holder's own server answers for what lies below it. Absent: this node's registry does. */
  readonly selfBuilt?: SelfBuilt
}

export interface SelfBuilt {
  readonly service: ServiceLocation
  /** Of the prefix: it grows when the service changes. */
  readonly version: number
}

export type RouteTable = ReadonlyMap<string, Route>

export interface RoutingOptions {
  readonly routes: () => RouteTable | Promise<RouteTable>
  /** Change knowledge's mark. */
  readonly mark: () => number
  /** Whom to name for prefixes that are not this node's. */
  readonly parent?: ServiceLocation | undefined
}

export interface AuthoritiesOptions extends RoutingOptions {
  readonly registry: (identifier: Identifier, prefix: string) => Promise<Answer>
}

/** Who answers for an identifier. */
export type Authority =
  | { readonly kind: 'registry'; readonly route: Route }
  | { readonly kind: 'self-built'; readonly route: Route; readonly selfBuilt: SelfBuilt }
  | { readonly kind: 'suspended'; readonly route: Route }
  | { readonly kind: 'foreign' }

/** Told by the routing table alone, at once: what a door needs that tells these apart without an answer. */
export function authorityOf(routes: RouteTable, identifier: Identifier): Authority {
  const route = findRoute(routes, identifier)
  if (route === undefined) return FOREIGN
  if (route.state === 'suspended') return { kind: 'suspended', route }
  const { selfBuilt } = route
  if (selfBuilt === undefined || route.prefix === prefixNamedBy(identifier)) return { kind: 'registry', route }
  return { kind: 'self-built', route, selfBuilt }
}

const FOREIGN: Authority = { kind: 'foreign' }

/** @throws Elsewhere (`prefix-not-served`) */
export function authorities(options: AuthoritiesOptions): Resolve {
  return (query) => {
    // Taken before the route is looked at: an answer is no newer than the route that led to it.
    const stamp = options.mark()
    const routes = options.routes()
    if (!(routes instanceof Promise)) return ask(options, query, { routes, stamp })
    return routes.then((loaded) => ask(options, query, { routes: loaded, stamp }))
  }
}

interface Routing {
  readonly routes: RouteTable
  readonly stamp: number
}

function ask(options: AuthoritiesOptions, query: Query, routing: Routing): Answer | Promise<Answer> {
  const { stamp } = routing
  const routed = referralOrPrefix(options, query, routing)
  if (typeof routed !== 'string') return routed
  return options.registry(query.identifier, routed).then((answer) => {
    query.trace?.step('registry', answer.kind)
    return answer.stamp <= stamp ? answer : answerWith(answer, { stamp })
  })
}

/** Spares the tiers below it the look-ups that the routes alone decide. @throws Elsewhere (`prefix-not-served`) */
export function referOrRefuse(options: RoutingOptions): Layer {
  return (next) => (query) => {
    const stamp = options.mark()
    const routes = options.routes()
    if (routes instanceof Promise) return next(query)
    const routed = referralOrPrefix(options, query, { routes, stamp })
    return typeof routed === 'string' ? next(query) : routed
  }
}

/** The prefix by which the registry answers, or the answer. */
function referralOrPrefix(
  { parent }: RoutingOptions,
  { identifier, trace }: Query,
  { routes, stamp }: Routing,
): Referral | string {
  const authority = authorityOf(routes, identifier)
  switch (authority.kind) {
    case 'registry':
      return authority.route.prefix
    case 'foreign':
      throw new Elsewhere({ why: 'foreign', prefix: identifier.prefix, service: parent })
    case 'suspended':
      throw new Elsewhere({ why: 'suspended', prefix: authority.route.prefix, service: undefined })
    case 'self-built': {
      trace?.step('routes', 'referral')
      const { service, version } = authority.selfBuilt
      const { prefix } = authority.route
      return { kind: 'referral', key: identifier.key, prefix, version, tier: 'registry', stamp, service }
    }
  }
}

export function findRoute(routes: RouteTable, identifier: Identifier): Route | undefined {
  for (const prefix of routingCandidates(identifier)) {
    const route = routes.get(prefix)
    if (route !== undefined) return route
  }
  return undefined
}
