/**
 * How the client speaks with a server, whoever it is: only where the guard lets it, within the time that is left, and as
 * the identity that it acts for where that is wanted, in a session where there is one.
 */
import type { KeyObject } from 'node:crypto'
import { decodeSite } from '../../../record/value-types/hs-site.js'
import type { Message } from '../codec-message.js'
import { RC } from '../codes.js'
import type { Call } from './asking.js'
import { type Conversation, converse, type Tools } from './converse.js'
import { HandleFault } from './faults.js'
import type { Identity } from './identity.js'
import type { ClientLimits } from './limits.js'
import type { Request } from './request.js'
import type { Server } from './server.js'
import { formatServerAddress, type ServerAddress } from './server-address.js'
import { type SessionMode, Sessions } from './sessions.js'
import { siteInfoRequest } from './site-requests.js'
import { serversOf } from './sites.js'
import { isOver } from './time-left.js'

/** Says why an address that a site or a referral named is not to be asked; undefined when it may be. */
export type AddressGuard = (address: ServerAddress) => string | undefined | Promise<string | undefined>

export interface DialogueOptions {
  readonly tools: Tools
  readonly limits: ClientLimits
  readonly guard: AddressGuard
  readonly identity?: Identity
  readonly sessionMode: SessionMode
}

const SESSION_IS_OVER: ReadonlySet<number> = new Set([RC.sessionTimeout, RC.sessionFailed, RC.sessionMessageRejected])
const MAX_LEARNED_KEYS = 1_000

export class Dialogue {
  readonly sessions: Sessions
  private readonly options: DialogueOptions
  private readonly learned = new Map<string, KeyObject>()

  constructor(options: DialogueOptions) {
    this.options = options
    const { tools, limits, sessionMode } = options
    this.sessions = new Sessions({
      mode: sessionMode,
      limits,
      tools,
      learnKey: (server, timeoutMs) => this.learnKey(server, timeoutMs),
    })
  }

  async *with(server: Server, request: Request, call: Call): AsyncGenerator<Message> {
    await this.mayAsk(server)
    const { identity } = this.options
    if (identity === undefined || !call.isAuthenticated) {
      yield* this.plain(server, request, call)
      return
    }
    const messages = await this.authenticated({ server, request, identity, call })
    try {
      yield* messages
    } finally {
      await messages.return(undefined)
    }
  }

  private async *plain(server: Server, request: Request, call: Call): AsyncGenerator<Message> {
    const { exchanges, passedOn } = call
    const asked = { ...request, ...passedOn }
    const exchange = await exchanges?.begin(server.address, this.timeLeft(call))
    try {
      const timeoutMs = Math.min(exchange?.timeoutMs ?? Number.POSITIVE_INFINITY, this.timeLeft(call))
      for await (const message of converse({ server, request: asked, timeoutMs }, this.options.tools)) {
        exchange?.answered()
        yield message
      }
    } catch (error) {
      exchange?.failed(error)
      throw error
    } finally {
      exchange?.abandoned()
    }
  }

  /** A session that the server has forgotten is set up anew, once. */
  private async authenticated(authenticated: Authenticated): Promise<AsyncGenerator<Message>> {
    const { server, identity } = authenticated
    const [isForgotten, messages] = await this.attempt(authenticated)
    if (!isForgotten) return messages
    await messages.return(undefined)
    this.sessions.forget(server, identity)
    return (await this.attempt(authenticated))[1]
  }

  private async attempt({ server, request, identity, call }: Authenticated) {
    const { tools } = this.options
    const session = await this.sessions.sessionWith(server, identity, this.timeLeft(call))
    const conversation: Conversation = { server, request, identity, timeoutMs: this.timeLeft(call) }
    const messages = converse(session === undefined ? conversation : { ...conversation, session }, tools)
    const first = await messages.next()
    const isForgotten = session !== undefined && !first.done && SESSION_IS_OVER.has(first.value.header.responseCode)
    return [isForgotten, withFirst(first, messages)] as const
  }

  private async mayAsk({ address, isGiven }: Server): Promise<void> {
    const reason = isGiven ? undefined : await this.options.guard(address)
    if (reason !== undefined)
      throw new HandleFault('address-forbidden', `${formatServerAddress(address)} is not asked: ${reason}.`)
  }

  private timeLeft({ deadlineMs }: Call): number {
    if (isOver(deadlineMs)) throw new HandleFault('timed-out', 'The time for the request is over.')
    return Math.min(deadlineMs - performance.now(), this.options.limits.serverTimeoutMs)
  }

  /** What a server says of itself. It keeps listeners out of the session, but nobody who stands between. */
  private async learnKey(server: Server, timeoutMs: number): Promise<Server> {
    const name = formatServerAddress(server.address)
    const known = this.learned.get(name)
    if (known !== undefined) return { ...server, publicKey: known }
    const conversation = { server, request: siteInfoRequest(0), timeoutMs }
    const { value: message } = await converse(conversation, this.options.tools).next()
    const publicKey = message === undefined ? undefined : keyAt(message, server.address)
    if (publicKey === undefined)
      throw new HandleFault('key-unknown', `${name} tells no key of its own, with which a session could be set up.`)
    if (this.learned.size >= MAX_LEARNED_KEYS) this.learned.clear()
    this.learned.set(name, publicKey)
    return { ...server, publicKey }
  }
}

interface Authenticated {
  readonly server: Server
  readonly request: Request
  readonly identity: Identity
  readonly call: Call
}

async function* withFirst(
  first: IteratorResult<Message, void>,
  others: AsyncGenerator<Message>,
): AsyncGenerator<Message> {
  try {
    if (first.done) return
    yield first.value
    yield* others
  } finally {
    await others.return(undefined)
  }
}

/** The key of the server at this address; of a site with one server, that one's. */
function keyAt({ body }: Message, { host, port }: ServerAddress): KeyObject | undefined {
  const site = body.kind === 'site' ? decodeSite(body.octets) : undefined
  if (site === undefined || !site.ok) return undefined
  const { servers } = site.value
  const isHere = ({ address }: { address: ServerAddress }) => address.host === host && address.port === port
  const all = servers.map((server) => [
    ...serversOf(site.value, server, 'lookup'),
    ...serversOf(site.value, server, 'administration'),
  ])
  const found = all.find((addresses) => addresses.some(isHere)) ?? (all.length === 1 ? all[0] : undefined)
  return found?.[0]?.publicKey
}
