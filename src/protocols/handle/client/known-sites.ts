/**
 * Sites that are known, for as long as the values that told them allow, and never for long. Past that they are of use only
 * while whoever told them cannot be asked: for a day at most, and he is tried again after a second, then after twice as long
 * each time, up to a minute.
 */
import { foldAscii } from '../../../identifier/characters.js'
import type { Site } from '../../../record/value-types/hs-site.js'
import type { ClientLimits } from './limits.js'
import type { SiteGroup } from './sites.js'

/** Sites, and until when others that they refer to may be remembered (monotonic): nobody prolongs his own delegation. */
export interface Route {
  readonly sites: readonly Site[]
  readonly untilMs: number
}

/** `isRested`: whoever told it may be tried again. */
export interface OldRoute {
  readonly route: Route
  readonly isFailing: boolean
  readonly isRested: boolean
}

interface Known {
  readonly route: Route
  failures: number
  restsUntilMs: number
}

const LEAST_REST_MS = 1_000
const MAX_REST_MS = 60_000

export class KnownSites {
  /** The longest known first. */
  private readonly known = new Map<string, Known>()
  private readonly limits: ClientLimits

  constructor(limits: ClientLimits) {
    this.limits = limits
  }

  /** While they hold. */
  find(name: string): Route | undefined {
    const known = this.known.get(foldAscii(name))
    return known !== undefined && performance.now() < known.route.untilMs ? known.route : undefined
  }

  /** Past that, and not for ever. */
  findOld(name: string): OldRoute | undefined {
    const known = this.known.get(foldAscii(name))
    const nowMs = performance.now()
    if (known === undefined || nowMs >= known.route.untilMs + this.limits.maxStaleSiteAgeMs) return undefined
    const { failures, restsUntilMs, route } = known
    return { route: { sites: route.sites, untilMs: nowMs }, isFailing: failures > 0, isRested: nowMs >= restsUntilMs }
  }

  /** @param mostUntilMs of the route on which they were learned */
  remember(name: string, { sites, ttlSeconds }: SiteGroup, mostUntilMs = Number.POSITIVE_INFINITY): Route {
    const key = foldAscii(name)
    const { maxKnownSites, maxSiteAgeMs } = this.limits
    const ageMs = Math.min(ttlSeconds * 1000, maxSiteAgeMs)
    const route = { sites, untilMs: Math.min(performance.now() + ageMs, mostUntilMs) }
    this.known.delete(key)
    this.known.set(key, { route, failures: 0, restsUntilMs: 0 })
    if (this.known.size > maxKnownSites) this.known.delete(this.known.keys().next().value!)
    return route
  }

  /** Whoever told them could not be asked. */
  noteFailure(name: string): void {
    const known = this.known.get(foldAscii(name))
    const nowMs = performance.now()
    // Many fail together: that is one failure.
    if (known === undefined || nowMs < known.restsUntilMs) return
    known.restsUntilMs = nowMs + Math.min(LEAST_REST_MS * 2 ** Math.min(known.failures, 30), MAX_REST_MS)
    known.failures += 1
  }

  forget(name: string): void {
    this.known.delete(foldAscii(name))
  }
}
