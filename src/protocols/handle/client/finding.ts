/**
 * Who answers for a handle.
 *
 * With servers given, they are asked, and their referrals followed. With a root given, the prefix is looked up there first:
 *
 *   0.NA/<prefix> at the root → HS_SITE, HS_SITE.6: the sites        or HS_SERV: a handle whose sites they are
 *   the site's server for the handle, by its hash → the answer       or a referral (302, 303): to a handle, or to sites
 *
 * Any step may lead to the next; `Trail` ends what would not end. What was found on the way is remembered: sites of prefixes
 * (prefix-routes.ts), and where referrals led (known-referrals.ts).
 */
import type { Body } from '../codec-body.js'
import { withRelativeTtl } from '../codec-record.js'
import type { HandleValue } from '../codec-value.js'
import { FLAG, hasFlag, RC } from '../codes.js'
import { resolvedFrom } from './answers.js'
import { askOneOf, type Call, type Converse, type Opened, openAt } from './asking.js'
import { HandleFault } from './faults.js'
import { type Followed, type Going, isWithin, KnownReferrals, type Origin } from './known-referrals.js'
import type { ClientLimits } from './limits.js'
import {
  decodedSite,
  isRoot,
  type Place,
  partsOf,
  placeName,
  type Start,
  serversAt,
  sitesPlace,
  startPlace,
} from './places.js'
import { PrefixRoutes } from './prefix-routes.js'
import type { Request } from './request.js'
import type { Server } from './server.js'
import { formatServerAddress } from './server-address.js'
import { siteInfoRequest, siteQuery } from './site-requests.js'
import { type ServiceOf, type SiteGroup, servicesIn, sitesIn } from './sites.js'
import { Trail } from './trail.js'
import { faultOf } from './verification.js'

export interface FindingOptions {
  readonly start: Start
  readonly limits: ClientLimits
  readonly converse: Converse
  readonly nowMs: () => number
}

export class Finding {
  private readonly options: FindingOptions
  private readonly routes: PrefixRoutes
  private readonly referrals: KnownReferrals

  constructor(options: FindingOptions) {
    const { limits } = options
    this.options = options
    this.routes = new PrefixRoutes(limits)
    this.referrals = new KnownReferrals(limits)
  }

  /** Asks where the request's handle is answered. The first message is no referral, unless none is followed. */
  async ask(request: Request, call: Call): Promise<Opened> {
    const { handle } = request
    const going = { origin: await this.originOf(handle, call, this.trail()), call }
    return this.lookUp(request, going, this.trail())
  }

  /** Where a handle is answered. */
  private async originOf(handle: string, call: Call, trail: Trail): Promise<Origin> {
    const { start } = this.options
    if (!isRoot(start) || isOfStart(handle))
      return { place: startPlace(start), untilMs: Number.POSITIVE_INFINITY, delegated: '' }
    const prefix = prefixOf(handle)
    const isOnTheWay = !trail.isEmpty
    const find = () => this.sitesOf(`0.NA/${prefix}`, call, isOnTheWay ? trail : this.trail())
    const { sites, untilMs } = await this.routes.routeOf({ name: nameOf(prefix, call), call, isOnTheWay, find })
    return { place: sitesPlace(sites), untilMs, delegated: prefix }
  }

  private trail(): Trail {
    return new Trail(this.options.limits.maxHops)
  }

  /** Asks at the start, whatever the handle. */
  askStart(request: Request, call: Call): Promise<Opened> {
    return this.askAny(serversAt(startPlace(this.options.start), request.handle, call.purpose), request, call)
  }

  /** For what each server of a site has a part of: for each of them the ways to ask it. */
  async partsOf(handle: string, call: Call): Promise<readonly (readonly Server[])[]> {
    const of = /^0\.na\/./i.test(handle) ? handle.slice('0.NA/'.length) : handle
    // What lies below the prefix is meant, not its own record.
    const { place } = await this.originOf(handle === of ? handle : `${of}/`, call, this.trail())
    return partsOf(place, call.purpose)
  }

  private async lookUp(request: Request, going: Going, trail: Trail): Promise<Opened> {
    const { handle } = request
    const { call } = going
    if (!call.takesRemembered || !call.follows) return (await this.follow(going, request, trail)).opened
    const name = nameOf(isOfStart(handle) ? handle : prefixOf(handle), call)
    return this.referrals.lookUp(name, going, (further) => this.follow(further, request, trail.copy()))
  }

  private async follow({ origin, call, onAnswer }: Going, request: Request, trail: Trail): Promise<Followed> {
    const { handle } = request
    let isRenewed = false
    let referred: SiteGroup | undefined
    let isRightful = true
    const referrers = new Set<string>()
    for (let { place } = origin; ; ) {
      const opened = await this.open(place, { request, call, referrers })
      if (referred === undefined) onAnswer?.()
      const { responseCode } = opened.first.header
      const isReferral = responseCode === RC.serviceReferral || responseCode === RC.prefixReferral
      const isOutdated = responseCode === RC.outOfDateSite && !isRenewed
      if (!isOutdated && !(isReferral && call.follows)) return { opened, referred: isRightful ? referred : undefined }
      await opened.messages.return(undefined)
      if (isReferral) {
        trail.enter(placeName(place, handle))
        referrers.add(hostOf(opened.server))
        const before = referred?.ttlSeconds ?? Number.POSITIVE_INFINITY
        const { sites, ttlSeconds } = await this.referredTo(opened, { call, trail })
        referred = { sites, ttlSeconds: Math.min(ttlSeconds, before) }
        isRightful &&= isWithin(referralIn(opened.first.body).handle, { delegated: origin.delegated, handle })
        place = sitesPlace(sites)
      } else {
        isRenewed = true
        place = await this.renewed(place, opened.server, { handle, call })
      }
    }
  }

  /** Whoever has referred on is not asked again. */
  private open(place: Place, { request, call, referrers }: Opening): Promise<Opened> {
    const servers = serversAt(place, request.handle, call.purpose)
    const others = servers.filter((server) => !referrers.has(hostOf(server)))
    if (others.length < servers.length && others.length === 0) throw circle(request.handle, servers)
    return this.askAny(others, request, call)
  }

  /** Asks one server after the other, until one answers. */
  askAny(servers: readonly Server[], request: Request, call: Call): Promise<Opened> {
    return askOneOf(servers, { request, call, converse: this.options.converse })
  }

  private async referredTo({ server, first: { header, body } }: Opened, way: Way): Promise<SiteGroup> {
    const { handle, values } = referralIn(body)
    if (handle !== '') return this.sitesOf(handle, way.call, way.trail)
    const isOfPrefix = header.responseCode === RC.prefixReferral
    const group =
      (await this.groupIn(values, way, isOfPrefix ? 'prefixes' : 'handles')) ??
      (await this.groupIn(values, way, isOfPrefix ? 'handles' : 'prefixes'))
    if (group === undefined) throw faultOf(server, 'invalid-answer', 'refers to nowhere: its referral names no site')
    return group
  }

  /** Sites by the record of a prefix or a service. */
  private async sitesOf(handle: string, call: Call, trail: Trail): Promise<SiteGroup> {
    trail.enter(handle)
    const lookup: Call = { ...call, purpose: 'lookup', isAuthenticated: false, follows: true }
    const origin = await this.originOf(handle, lookup, trail)
    const opened = await this.lookUp(siteQuery(handle, call.flags), { origin, call: lookup }, trail)
    await opened.messages.return(undefined)
    // Whoever gives more than the types that were asked for is forgiven: no more is read.
    const resolved = resolvedFrom(opened, { handle, indexes: [], types: [] })
    const values = resolved.kind === 'found' ? resolved.values : []
    const group = await this.groupIn(values, { call, trail })
    if (group === undefined) throw nobody(handle)
    return group
  }

  private async groupIn(
    values: readonly HandleValue[],
    { call, trail }: Way,
    of: ServiceOf = 'handles',
  ): Promise<SiteGroup | undefined> {
    const nowSeconds = Math.floor(this.options.nowMs() / 1000)
    const sites = sitesIn(
      values.map((value) => withRelativeTtl(value, nowSeconds)),
      of,
    )
    if (sites !== undefined) return sites
    const [service] = servicesIn(values, of)
    return service === undefined ? undefined : this.sitesOf(service, call, trail)
  }

  /** What the server that calls our knowledge of its site outdated says of it. */
  private async renewed(place: Place, server: Server, { handle, call }: Renewal): Promise<Place> {
    this.routes.forget(nameOf(prefixOf(handle), call))
    const { converse } = this.options
    const request = siteInfoRequest(call.flags)
    const opened = await openAt(server, { request, call: { ...call, isAuthenticated: false }, converse })
    await opened.messages.return(undefined)
    const site = decodedSite(opened)
    if (place.kind === 'sites') return sitesPlace([site])
    return { kind: 'servers', servers: place.servers.map((one) => ({ ...one, siteSerial: site.serial })) }
  }
}

interface Way {
  readonly call: Call
  readonly trail: Trail
}

interface Opening {
  readonly request: Request
  readonly call: Call
  readonly referrers: ReadonlySet<string>
}

interface Renewal {
  readonly handle: string
  readonly call: Call
}

/** Prefixes themselves, and all else below `0.`, are the root's; and what has no prefix. */
function isOfStart(handle: string): boolean {
  return handle.indexOf('/') <= 0 || /^0(\.|\/)/.test(handle)
}

function prefixOf(handle: string): string {
  const [prefix = ''] = handle.split('/')
  return prefix
}

/** What nobody has signed is not remembered for those who want it signed. */
function nameOf(prefix: string, { flags }: Call): string {
  // Always with a word in front: a handle may begin with any.
  return `${hasFlag(flags, FLAG.certify) ? 'certified' : 'plain'} ${prefix}`
}

function referralIn(body: Body): { readonly handle: string; readonly values: readonly HandleValue[] } {
  return body.kind === 'referral' ? body : { handle: '', values: [] }
}

/** Whatever transport it is asked by. */
function hostOf({ address: { host, port } }: Server): string {
  return `${host} ${port}`
}

function circle(handle: string, [server]: readonly Server[]): HandleFault {
  const again = formatServerAddress(server!.address)
  return new HandleFault(
    'referral-loop',
    `Referrals for ${handle} go in a circle: back to ${again}, which referred on.`,
  )
}

function nobody(handle: string): HandleFault {
  return new HandleFault('nobody-responsible', `Nobody is responsible: ${handle} names no site.`)
}
