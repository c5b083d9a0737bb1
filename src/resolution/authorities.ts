/**
 * The routing table: the longest known prefix picks exactly one authority, and there is no fall-through.
 * Until other nodes are known, that is this node's registry or nobody.
 */

import type { Identifier } from '../identifier/identifier.js'
import { prefixCandidates } from '../identifier/parse.js'
import { NodeError } from '../platform/errors.js'
import { type Answer, answerWith } from '../record/answer.js'
import type { Layer, Query, Resolve } from './resolve.js'

export interface Route {
  readonly prefix: string
  readonly state: 'active' | 'suspended'
  /** Absent: the prefix is the node's own. */
  readonly enterpriseId?: string
}

export type RouteTable = ReadonlyMap<string, Route>

export interface AuthoritiesOptions {
  readonly routes: () => RouteTable | Promise<RouteTable>
  readonly registry: (identifier: Identifier, prefix: string) => Promise<Answer>
  /** Change knowledge's mark. */
  readonly mark: () => number
}

/** @throws NodeError `prefix-not-served` */
export function authorities(options: AuthoritiesOptions): Resolve {
  return (query) => {
    // Taken before the route is looked at: an answer is no newer than the route that led to it.
    const stamp = options.mark()
    const routes = options.routes()
    if (!(routes instanceof Promise)) return ask(options, query, { routes, stamp })
    return routes.then((loaded) => ask(options, query, { routes: loaded, stamp }))
  }
}

function ask(
  { registry }: AuthoritiesOptions,
  query: Query,
  { routes, stamp }: { readonly routes: RouteTable; readonly stamp: number },
): Promise<Answer> {
  const { prefix } = requireRoute(routes, query.identifier)
  return registry(query.identifier, prefix).then((answer) => {
    query.trace?.step('registry', answer.kind)
    return answer.stamp <= stamp ? answer : answerWith(answer, { stamp })
  })
}

/** Spares the tiers below it the look-ups that nobody here can answer. @throws NodeError `prefix-not-served` */
export function refuseForeign(routes: AuthoritiesOptions['routes']): Layer {
  return (next) => (query) => {
    const table = routes()
    if (!(table instanceof Promise)) requireRoute(table, query.identifier)
    return next(query)
  }
}

export function findRoute(routes: RouteTable, identifier: Identifier): Route | undefined {
  for (const prefix of prefixCandidates(identifier)) {
    const route = routes.get(prefix)
    if (route !== undefined) return route
  }
  return undefined
}

function requireRoute(routes: RouteTable, identifier: Identifier): Route {
  const route = findRoute(routes, identifier)
  if (route === undefined) {
    throw new NodeError(
      'prefix-not-served',
      `${identifier.prefix} is not this node's prefix, so whether the identifier exists is for another node to say.`,
    )
  }
  if (route.state === 'suspended') {
    throw new NodeError(
      'prefix-not-served',
      `The prefix ${route.prefix} is suspended at this node; its identifiers do not resolve.`,
    )
  }
  return route
}
