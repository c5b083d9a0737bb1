/**
 * The servers of a holder that is known by a handle alone: its record has the sites, or names another service. It is looked up
 * like any other, within the budget of the look-up that wants to go there, and remembered for as long as its values allow; while it
 * cannot be looked up, the sites that are known are asked on.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Identifier } from '../identifier/identifier.js'
import { NodeError } from '../platform/errors.js'
import { HandleFault } from '../protocols/handle/client/faults.js'
import { DEFAULT_LIMITS } from '../protocols/handle/client/limits.js'
import { PrefixRoutes } from '../protocols/handle/client/prefix-routes.js'
import { inTime } from '../protocols/handle/client/site-flights.js'
import { type SiteGroup, servicesIn, sitesIn } from '../protocols/handle/client/sites.js'
import { Trail } from '../protocols/handle/client/trail.js'
import { handleValuesOf } from '../protocols/handle/codec-record.js'
import type { HandleValue } from '../protocols/handle/codec-value.js'
import { handleIdentifier } from '../protocols/handle/handle-text.js'
import type { Answer } from '../record/answer.js'
import { visibleValues } from '../record/select.js'
import type { Site } from '../record/value-types/hs-site.js'
import type { ForeignAnswer, ForeignLookup, ForeignNode } from './foreign-answer.js'
import { MAX_ROUTE_AGE_MS } from './native-node.js'

/** Whoever's the handle is. @throws NodeError when that cannot be asked */
export type AskRecord = (identifier: Identifier, lookup: ForeignLookup) => Promise<Answer>

export interface ServiceNodeOptions {
  /** Of the service. */
  readonly handle: string
  readonly ask: AskRecord
  readonly nodeAt: (sites: readonly Site[]) => ForeignNode
}

/** Services that name services. */
const MAX_SERVICES = 4

export function serviceNode({ handle, ask, nodeAt }: ServiceNodeOptions): ForeignNode {
  const routes = new PrefixRoutes({ ...DEFAULT_LIMITS, maxSiteAgeMs: MAX_ROUTE_AGE_MS })
  let current: { readonly sites: readonly Site[]; readonly node: ForeignNode } | undefined

  function nodeOf(sites: readonly Site[]): ForeignNode {
    if (current !== undefined && isDeepStrictEqual(current.sites, sites)) return current.node
    void current?.node.close()
    current = { sites, node: nodeAt(sites) }
    return current.node
  }

  return {
    async ask(lookup: ForeignLookup): Promise<ForeignAnswer> {
      const deadlineMs = performance.now() + lookup.budget.timeLeftMs()
      const find = () => findSites(handle, (identifier) => ask(identifier, lookup))
      const call = { deadlineMs, takesRemembered: true }
      const { sites } = await inTime(routes.routeOf({ name: handle, call, isOnTheWay: false, find }), deadlineMs)
      return nodeOf(sites).ask(lookup)
    },
    async probe() {
      await current?.node.probe()
    },
    async close() {
      await current?.node.close()
    },
  }
}

async function findSites(handle: string, ask: (identifier: Identifier) => Promise<Answer>): Promise<SiteGroup> {
  const trail = new Trail(MAX_SERVICES)
  for (let service = handle; ; ) {
    trail.enter(service)
    const values = await valuesOf(service, ask)
    const sites = sitesIn(values)
    if (sites !== undefined) return sites
    const [next] = servicesIn(values)
    if (next === undefined) throw new HandleFault('nobody-responsible', `${service} names no site to ask.`)
    service = next
  }
}

async function valuesOf(
  service: string,
  ask: (identifier: Identifier) => Promise<Answer>,
): Promise<readonly HandleValue[]> {
  const identifier = handleIdentifier(service)
  if (!identifier.ok) throw new HandleFault('nobody-responsible', `${service} is no handle: ${identifier.message}.`)
  const answer = await ask(identifier.value)
  if (answer.kind === 'referral')
    throw new NodeError('authority-unavailable', `${service} is kept elsewhere, by a server that is not asked.`)
  return answer.kind === 'found' ? handleValuesOf(visibleValues(answer.record.values, 'public')) : []
}
