/**
 * A client of the native Handle protocol.
 *
 *   const client = handleClient({ start: { kind: 'servers', servers: [address] } })
 *   const answer = await client.resolve('88.118.8/X', { types: ['URL'] })
 *
 * "Not found" is an answer. What keeps an answer from being had is a `HandleFault`, and nothing else is thrown: nobody there, no
 * time left, a refusal, an answer that is none, a signature that is not the server's.
 */
import type { Site } from '../../../record/value-types/hs-site.js'
import type { HandleValue } from '../codec-value.js'
import { FLAG, OP } from '../codes.js'
import { administration, type HandleAdministration } from './administration.js'
import { type Resolved, resolvedFrom } from './answers.js'
import type { Call, PassedOn } from './asking.js'
import type { Tools } from './converse.js'
import { type AddressGuard, Dialogue } from './dialogue.js'
import type { Exchanges } from './exchanges.js'
import { Finding } from './finding.js'
import type { Identity } from './identity.js'
import { type ClientLimits, DEFAULT_LIMITS } from './limits.js'
import { type LogIn, logIn } from './login.js'
import { decodedSite, type Start, startPlace } from './places.js'
import { DEFAULT_FLAGS, type Random, type Request, systemRandom } from './request.js'
import type { SessionMode } from './sessions.js'
import { siteInfoRequest } from './site-requests.js'
import { transportsFor } from './transports.js'

export interface HandleClientOptions {
  readonly start: Start
  /** Who the client acts for, where a server wants to know. */
  readonly identity?: Identity
  /** Whether everything is to be certified, also who is responsible for what is changed. Default false; a look-up may say otherwise. */
  readonly isCertified?: boolean
  /** Default `auto`. */
  readonly session?: SessionMode
  /** Addresses of sites and referrals pass it. Default: all may be asked. */
  readonly guard?: AddressGuard
  /** Certificates of authorities for https, as PEM. Default: those that this machine trusts, or the server's own key where it is known. */
  readonly authorities?: string
  readonly limits?: Partial<ClientLimits>
  /** Default `node:crypto`'s. */
  readonly random?: Random
  /** Wall clock. Default the machine's. */
  readonly nowMs?: () => number
}

export interface ResolveOptions {
  /** A value is given when its index or its type is among those asked for. Both empty: all values. */
  readonly types?: readonly string[]
  readonly indexes?: readonly number[]
  /** From a primary server, past every cache. */
  readonly isAuthoritative?: boolean
  /** Only what the server has signed with its key, or what carries the session's MAC, is taken. */
  readonly isCertified?: boolean
  /** The answer must return the request's digest. */
  readonly returnsDigest?: boolean
  /** Default true. With false a referral is an answer, and servers are told not to refer. */
  readonly follows?: boolean
  /** Ask for values that only administrators may read. Needs an identity. */
  readonly isAuthenticated?: boolean
  /** In place of `limits.timeoutMs`. */
  readonly timeoutMs?: number
  /** Default true. With false nothing counts that is only remembered past its time, or by what a referral led to. */
  readonly takesRemembered?: boolean
  /** Told of all that is asked on the way. */
  readonly exchanges?: Exchanges
  /** Where it is asked for another server. */
  readonly passedOn?: PassedOn
}

export interface HandleClient extends HandleAdministration {
  /** @throws HandleFault */
  resolve(handle: string, options?: ResolveOptions): Promise<Resolved>
  /** What the server at the start says of its site. @throws HandleFault */
  siteInfo(options?: Pick<ResolveOptions, 'isCertified' | 'timeoutMs' | 'exchanges'>): Promise<Site>
  /**
   * As the national SDK does: one TCP connection to the first server of the start, on which all that follows is the user's.
   * @throws HandleFault
   */
  logIn(how: LogIn): Promise<HandleClient>
  /** Ends sessions and connections. */
  close(): Promise<void>
}

export type { HandleValue }

export function handleClient(options: HandleClientOptions): HandleClient {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const transports = transportsFor(limits, options.authorities)
  const tools: Tools = {
    ask: transports.ask,
    random: options.random ?? systemRandom,
    nowMs: options.nowMs ?? Date.now,
    maxAnswerOctets: limits.maxAnswerOctets,
  }
  return clientWith(options, { limits, tools, transports })
}

interface Machinery {
  readonly limits: ClientLimits
  readonly tools: Tools
  readonly transports: Pick<ReturnType<typeof transportsFor>, 'hold' | 'close'>
}

function clientWith(options: HandleClientOptions, machinery: Machinery): HandleClient {
  const { limits, tools, transports } = machinery
  const dialogue = new Dialogue({
    tools,
    limits,
    guard: options.guard ?? (() => undefined),
    sessionMode: options.session ?? 'auto',
    ...(options.identity === undefined ? {} : { identity: options.identity }),
  })
  const finding = new Finding({
    start: options.start,
    limits,
    converse: (server, request, call) => dialogue.with(server, request, call),
    nowMs: tools.nowMs,
  })
  const deadlineMs = (timeoutMs = limits.timeoutMs) => performance.now() + timeoutMs
  return {
    ...administration(finding, { deadlineMs: () => deadlineMs(), flags: certifying(options.isCertified) }),
    async resolve(handle, given = {}) {
      const wanted = { isCertified: options.isCertified ?? false, ...given }
      const opened = await finding.ask(lookup(handle, wanted), lookupCall(wanted, deadlineMs(wanted.timeoutMs)))
      await opened.messages.return(undefined)
      return resolvedFrom(opened, { handle, indexes: wanted.indexes ?? [], types: wanted.types ?? [] })
    },
    async siteInfo(given = {}) {
      const wanted = { isCertified: options.isCertified ?? false, ...given }
      const request = siteInfoRequest(flagsOf(wanted))
      const opened = await finding.askStart(request, lookupCall(wanted, deadlineMs(wanted.timeoutMs)))
      await opened.messages.return(undefined)
      return decodedSite(opened)
    },
    async logIn(how) {
      const place = startPlace(options.start)
      const on = { place, tools, hold: transports.hold, timeoutMs: limits.serverTimeoutMs }
      const { ask, server, close } = await logIn(how, on)
      const { identity: _nobody, ...others } = options
      const start: Start = { kind: 'servers', servers: [server.address] }
      const onlyThis = { hold: transports.hold, close }
      return clientWith(
        { ...others, start, session: 'none' },
        { limits, tools: { ...tools, ask }, transports: onlyThis },
      )
    },
    async close() {
      await dialogue.sessions.endAll()
      transports.close()
    },
  }
}

function lookup(handle: string, wanted: ResolveOptions): Request {
  const body = { kind: 'query' as const, handle, indexes: wanted.indexes ?? [], types: wanted.types ?? [] }
  return { opCode: OP.resolve, handle, body, flags: flagsOf(wanted), isRepeatable: true }
}

function certifying(isCertified: boolean | undefined): number {
  return isCertified ? FLAG.certify : 0
}

function flagsOf(wanted: ResolveOptions): number {
  return (
    (wanted.isAuthenticated ? DEFAULT_FLAGS & ~FLAG.publicOnly : DEFAULT_FLAGS) |
    (wanted.isAuthoritative ? FLAG.authoritative : 0) |
    certifying(wanted.isCertified) |
    (wanted.returnsDigest ? FLAG.returnDigest : 0) |
    (wanted.follows === false ? FLAG.doNotRefer : 0)
  )
}

function lookupCall(wanted: ResolveOptions, deadlineMs: number): Call {
  return {
    purpose: 'lookup',
    deadlineMs,
    flags: certifying(wanted.isCertified),
    isAuthenticated: wanted.isAuthenticated ?? false,
    follows: wanted.follows ?? true,
    takesRemembered: wanted.takesRemembered ?? true,
    ...(wanted.exchanges === undefined ? {} : { exchanges: wanted.exchanges }),
    ...(wanted.passedOn === undefined ? {} : { passedOn: wanted.passedOn }),
  }
}
