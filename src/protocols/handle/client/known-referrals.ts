/**
 * Where referrals have led, remembered by whose handles they were for and by who referred:
 *
 *   while it holds            it is asked at once; then, where it cannot be asked, whoever referred
 *   past that                 whoever referred is asked; where he cannot be, and for a day at most, where he led to before
 *   he says otherwise         it is forgotten, whatever comes of what he says
 *
 * A referral holds for no longer than the route to who referred. So a site whose delegation has ended cannot keep itself known by
 * referring to itself: the way to it begins anew at its end.
 *
 * Source: Jiang et al., "Ghost Domain Names", NDSS 2012.
 */
import { createHash } from 'node:crypto'
import { foldAscii } from '../../../identifier/characters.js'
import { RC } from '../codes.js'
import type { Call, Opened } from './asking.js'
import { isUnanswered } from './faults.js'
import { KnownSites, type Route } from './known-sites.js'
import type { ClientLimits } from './limits.js'
import { type Place, sitesPlace } from './places.js'
import type { SiteGroup } from './sites.js'

/** Where a handle is asked for first. */
export interface Origin {
  readonly place: Place
  /** Monotonic: what it says of others holds no longer. */
  readonly untilMs: number
  /** The prefix that it has been given; empty: all. */
  readonly delegated: string
}

export interface Followed {
  readonly opened: Opened
  /** The sites that answered, where referrals led to them that may be remembered. */
  readonly referred?: SiteGroup | undefined
}

export interface Going {
  readonly origin: Origin
  readonly call: Call
  /** Told when the origin itself has answered. */
  readonly onAnswer?: () => void
}

export type Go = (going: Going) => Promise<Followed>

/** That count as an answer of who is responsible. */
const RESPONSIBLE: ReadonlySet<number> = new Set([RC.success, RC.handleNotFound, RC.valuesNotFound])

export class KnownReferrals {
  private readonly known: KnownSites

  constructor(limits: ClientLimits) {
    this.known = new KnownSites(limits)
  }

  /** @param name of whose handles it is about */
  async lookUp(name: string, { origin, call }: Going, go: Go): Promise<Opened> {
    const scope = `${name} by ${identityOf(origin.place)}`
    const old = this.known.findOld(scope)
    const first = this.known.find(scope) ?? (old?.isRested === false ? old.route : undefined)
    const onAnswer = () => this.known.forget(scope)
    if (first !== undefined) {
      const opened = await this.answerAt(first, { scope, origin, call }, go)
      if (opened !== undefined) return opened
    }
    if (first !== undefined || old === undefined) return this.remembering(scope, { origin, call, onAnswer }, go)
    try {
      return await this.remembering(scope, { origin, call: inHalfTheTime(call), onAnswer }, go)
    } catch (error) {
      // It is no longer there when its origin has spoken.
      if (!isUnanswered(error) || this.known.findOld(scope) === undefined) throw error
      this.known.noteFailure(scope)
      return this.remembering(scope, { origin: at(old.route, origin), call }, go)
    }
  }

  /** Undefined: it gives none that counts, and whoever referred is to be asked. */
  private async answerAt(route: Route, { scope, origin, call }: Referring, go: Go): Promise<Opened | undefined> {
    try {
      const opened = await this.remembering(scope, { origin: at(route, origin), call: inHalfTheTime(call) }, go)
      if (opened.first.header.responseCode !== RC.notResponsible) return opened
      await opened.messages.return(undefined)
      return undefined
    } catch (error) {
      if (!isUnanswered(error)) throw error
      return undefined
    }
  }

  private async remembering(scope: string, going: Going, go: Go): Promise<Opened> {
    const { opened, referred } = await go(going)
    const { untilMs } = going.origin
    const isAnswered = RESPONSIBLE.has(opened.first.header.responseCode)
    if (referred !== undefined && isAnswered && performance.now() < untilMs)
      this.known.remember(scope, referred, untilMs)
    return opened
  }
}

interface Referring extends Going {
  readonly scope: string
}

function at({ sites, untilMs }: Route, { delegated }: Origin): Origin {
  return { place: sitesPlace(sites), untilMs, delegated }
}

function inHalfTheTime(call: Call): Call {
  const nowMs = performance.now()
  return { ...call, deadlineMs: nowMs + Math.max(call.deadlineMs - nowMs, 0) / 2 }
}

/** The same for the same servers. */
function identityOf(place: Place): string {
  const servers =
    place.kind === 'servers'
      ? place.servers.map(({ address }) => address)
      : place.sites.flatMap((site) => site.servers.map(({ address, interfaces }) => ({ address, interfaces })))
  return createHash('sha256').update(JSON.stringify(servers)).digest('base64url')
}

const PREFIXES = '0.na/'

/** The prefix whose record a handle is. */
export function prefixNamed(handle: string): string | undefined {
  const folded = foldAscii(handle)
  return folded.startsWith(PREFIXES) && folded.length > PREFIXES.length ? folded.slice(PREFIXES.length) : undefined
}

/** Whether a referral by a prefix's record stays at or below what its origin was given. Services may be anywhere. */
export function isWithin(referral: string, { delegated, handle }: { delegated: string; handle: string }): boolean {
  const named = prefixNamed(referral)
  if (named === undefined) return true
  const asked = prefixNamed(handle) ?? foldAscii(handle.slice(0, Math.max(handle.indexOf('/'), 0)))
  return covers(named, asked) && covers(foldAscii(delegated), named)
}

function covers(prefix: string, other: string): boolean {
  return prefix === '' || prefix === other || other.startsWith(`${prefix}.`)
}
