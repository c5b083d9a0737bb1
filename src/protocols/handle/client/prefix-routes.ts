/**
 * The sites of prefixes as their records tell them: those that are known, or found, once for all who want them at a time. A
 * look-up uses old ones while nobody can be asked for new ones; what is changed is not changed at old ones.
 */
import type { Call } from './asking.js'
import { HandleFault, isUnanswered } from './faults.js'
import { KnownSites, type Route } from './known-sites.js'
import type { ClientLimits } from './limits.js'
import { inTime, SiteFlights } from './site-flights.js'
import type { SiteGroup } from './sites.js'

export interface Wanted {
  readonly name: string
  readonly call: Pick<Call, 'deadlineMs' | 'takesRemembered'>
  /** Somebody on his way to other sites: could he join others, he might come to wait for himself. */
  readonly isOnTheWay: boolean
  readonly find: () => Promise<SiteGroup>
}

export class PrefixRoutes {
  private readonly known: KnownSites
  private readonly flights: SiteFlights

  constructor(limits: ClientLimits) {
    this.known = new KnownSites(limits)
    this.flights = new SiteFlights(limits.maxWaiting)
  }

  /** @throws HandleFault */
  async routeOf(wanted: Wanted): Promise<Route> {
    const { name, call, isOnTheWay } = wanted
    const known = this.known.find(name)
    if (known !== undefined) return known
    const joined = () => this.flights.join({ name, deadlineMs: call.deadlineMs, find: () => this.found(wanted) })
    const found = () => (isOnTheWay ? this.found(wanted) : joined())
    const old = call.takesRemembered ? this.known.findOld(name) : undefined
    if (old === undefined) return found()
    if (old.isFailing) {
      // Nobody waits for whoever has failed before; that he is back is found out beside.
      if (old.isRested && !this.flights.isUnderWay(name)) joined().catch(() => this.known.noteFailure(name))
      return old.route
    }
    try {
      return await inTime(found(), (performance.now() + call.deadlineMs) / 2)
    } catch (error) {
      if (!isUnanswered(error)) throw error
      this.known.noteFailure(name)
      return old.route
    }
  }

  forget(name: string): void {
    this.known.forget(name)
  }

  private async found({ name, find }: Wanted): Promise<Route> {
    try {
      return this.known.remember(name, await find())
    } catch (error) {
      if (isUnanswered(error)) this.known.noteFailure(name)
      else if (isDenial(error)) this.known.forget(name)
      throw error
    }
  }
}

/** Whoever must know says that it is so no more. */
function isDenial(error: unknown): boolean {
  return error instanceof HandleFault && (error.reason === 'nobody-responsible' || error.reason === 'refused')
}
