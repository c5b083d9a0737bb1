/**
 * Who answers for a handle.
 *
 * With servers given, they are asked, and their referrals followed. With a root given, the prefix is looked up there first:
 *
 *   0.NA/<prefix> at the root → HS_SITE, HS_SITE.6: the sites        or HS_SERV: a handle whose sites they are
 *   the site's server for the handle, by its hash → the answer       or a referral (302, 303): to a handle, or to sites
 *
 * Any step may lead to the next; `Trail` ends what would not end.
 */
import type { Body } from '../codec-body.js'
import { withRelativeTtl } from '../codec-record.js'
import type { HandleValue } from '../codec-value.js'
import { FLAG, hasFlag, OP, RC } from '../codes.js'
import { resolvedFrom } from './answers.js'
import { askOneOf, type Call, type Converse, type Opened, openAt } from './asking.js'
import { HandleFault } from './faults.js'
import { KnownSites } from './known-sites.js'
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
import { DEFAULT_FLAGS, type Request } from './request.js'
import type { Server } from './server.js'
import { SITE_TYPES, type SiteGroup, servicesIn, sitesIn } from './sites.js'
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
  private readonly known: KnownSites

  constructor(options: FindingOptions) {
    this.options = options
    this.known = new KnownSites(options.limits)
  }

  /** Asks where the request's handle is answered. The first message is no referral, unless none is followed. */
  async ask(request: Request, call: Call): Promise<Opened> {
    const trail = new Trail(this.options.limits.maxHops)
    return this.follow(await this.placeOf(request.handle, call, trail), request, { call, trail })
  }

  /** Where a handle is answered. */
  async placeOf(handle: string, call: Call, trail = new Trail(this.options.limits.maxHops)): Promise<Place> {
    const { start } = this.options
    const slash = handle.indexOf('/')
    // Prefixes themselves, and all else below `0.`, are the root's.
    if (!isRoot(start) || slash <= 0 || /^0(\.|\/)/.test(handle)) return startPlace(start)
    const prefix = handle.slice(0, slash)
    const known = this.known.find(nameOf(prefix, call))
    if (known !== undefined) return sitesPlace(known.sites)
    const group = await this.sitesOf(`0.NA/${prefix}`, call, trail)
    this.known.remember(nameOf(prefix, call), group)
    return sitesPlace(group.sites)
  }

  /** Asks at the start, whatever the handle. */
  askStart(request: Request, call: Call): Promise<Opened> {
    return this.askAny(serversAt(startPlace(this.options.start), request.handle, call.purpose), request, call)
  }

  /** For what each server of a site has a part of: for each of them the ways to ask it. */
  async partsOf(handle: string, call: Call): Promise<readonly (readonly Server[])[]> {
    const of = /^0\.na\/./i.test(handle) ? handle.slice('0.NA/'.length) : handle
    // What lies below the prefix is meant, not its own record.
    const place = await this.placeOf(handle === of ? handle : `${of}/`, call)
    return partsOf(place, call.purpose)
  }

  private async follow(start: Place, request: Request, { call, trail }: Way): Promise<Opened> {
    let isRenewed = false
    for (let place = start; ; ) {
      const opened = await this.open(place, request, call)
      const { responseCode } = opened.first.header
      const isReferral = responseCode === RC.serviceReferral || responseCode === RC.prefixReferral
      const isOutdated = responseCode === RC.outOfDateSite && !isRenewed
      if (!isOutdated && !(isReferral && call.follows)) return opened
      await opened.messages.return(undefined)
      if (isReferral) {
        trail.enter(placeName(place, request.handle))
        place = await this.referredTo(opened, { call, trail })
      } else {
        isRenewed = true
        place = await this.renewed(place, opened.server, { handle: request.handle, call })
      }
    }
  }

  private open(place: Place, request: Request, call: Call): Promise<Opened> {
    return this.askAny(serversAt(place, request.handle, call.purpose), request, call)
  }

  /** Asks one server after the other, until one answers. */
  askAny(servers: readonly Server[], request: Request, call: Call): Promise<Opened> {
    return askOneOf(servers, { request, call, converse: this.options.converse })
  }

  private async referredTo({ server, first: { body } }: Opened, way: Way): Promise<Place> {
    const { handle, values } = referralIn(body)
    if (handle !== '') return sitesPlace((await this.sitesOf(handle, way.call, way.trail)).sites)
    const group = await this.groupIn(values, way)
    if (group === undefined) throw faultOf(server, 'invalid-answer', 'refers to nowhere: its referral names no site')
    return sitesPlace(group.sites)
  }

  /** Sites by the record of a prefix or a service. */
  private async sitesOf(handle: string, call: Call, trail: Trail): Promise<SiteGroup> {
    trail.enter(handle)
    const lookup: Call = { ...call, purpose: 'lookup', isAuthenticated: false, follows: true }
    const place = await this.placeOf(handle, lookup, trail)
    const opened = await this.follow(place, siteQuery(handle, call.flags), { call: lookup, trail })
    await opened.messages.return(undefined)
    const resolved = resolvedFrom(opened, { handle, indexes: [], types: SITE_TYPES })
    const values = resolved.kind === 'found' ? resolved.values : []
    const group = await this.groupIn(values, { call, trail })
    if (group === undefined) throw nobody(handle)
    return group
  }

  private async groupIn(values: readonly HandleValue[], { call, trail }: Way): Promise<SiteGroup | undefined> {
    const nowSeconds = Math.floor(this.options.nowMs() / 1000)
    const sites = sitesIn(values.map((value) => withRelativeTtl(value, nowSeconds)))
    if (sites !== undefined) return sites
    const [service] = servicesIn(values)
    return service === undefined ? undefined : this.sitesOf(service, call, trail)
  }

  /** What the server that calls our knowledge of its site outdated says of it. */
  private async renewed(place: Place, server: Server, { handle, call }: Renewal): Promise<Place> {
    const [prefix = ''] = handle.split('/')
    this.known.forget(nameOf(prefix, call))
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

interface Renewal {
  readonly handle: string
  readonly call: Call
}

/** What nobody has signed is not remembered for those who want it signed. */
function nameOf(prefix: string, { flags }: Call): string {
  return hasFlag(flags, FLAG.certify) ? `certified ${prefix}` : prefix
}

function referralIn(body: Body): { readonly handle: string; readonly values: readonly HandleValue[] } {
  return body.kind === 'referral' ? body : { handle: '', values: [] }
}

function siteQuery(handle: string, flags: number): Request {
  const body = { kind: 'query' as const, handle, indexes: [], types: SITE_TYPES }
  return { opCode: OP.resolve, handle, body, flags: DEFAULT_FLAGS | flags, isRepeatable: true }
}

/** Whatever handle it names, the server tells of its own site. */
export function siteInfoRequest(flags: number): Request {
  const body = { kind: 'handle' as const, handle: '/' }
  return { opCode: OP.getSiteInfo, handle: '/', body, flags: DEFAULT_FLAGS | flags, isRepeatable: true }
}

function nobody(handle: string): HandleFault {
  return new HandleFault('nobody-responsible', `Nobody is responsible: ${handle} names no site.`)
}
