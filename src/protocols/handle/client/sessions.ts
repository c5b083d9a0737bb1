/** Sessions that are open, one for each server and identity, so that many requests share one. */
import { OP, RC } from '../codes.js'
import { type Conversation, converse, type Tools } from './converse.js'
import { HandleFault } from './faults.js'
import type { Identity } from './identity.js'
import type { ClientLimits } from './limits.js'
import { DEFAULT_FLAGS } from './request.js'
import type { Server } from './server.js'
import { formatServerAddress } from './server-address.js'
import type { Session } from './session.js'
import { type SessionWish, setUpSession } from './session-setup.js'

/** `auto`: where the server has sessions. `none`: every request is challenged. The others insist on one. */
export type SessionMode = 'auto' | 'none' | 'required' | 'encrypted'

export interface SessionsOptions {
  readonly mode: SessionMode
  readonly limits: ClientLimits
  readonly tools: Tools
  /** The key of a server whose key nobody told us. */
  readonly learnKey: (server: Server, timeoutMs: number) => Promise<Server>
}

interface Held {
  readonly server: Server
  readonly session: Promise<Session>
}

const MAX_WITHOUT = 1_000
const FAREWELL_MS = 1_000
/** A session is not used up to its last second. */
const MARGIN_MS = 60_000

export class Sessions {
  private readonly options: SessionsOptions
  /** The longest held first. */
  private readonly held = new Map<string, Held>()
  private readonly without = new Set<string>()

  constructor(options: SessionsOptions) {
    this.options = options
  }

  /** Undefined where none is wanted, or `auto` and the server has none. @throws HandleFault */
  async sessionWith(server: Server, identity: Identity, timeoutMs: number): Promise<Session | undefined> {
    const { mode } = this.options
    const key = keyOf(server, identity)
    if (mode === 'none' || this.without.has(key)) return undefined
    const held =
      this.held.get(key) ?? this.hold(key, { server, identity, isEncrypting: mode === 'encrypted', timeoutMs })
    try {
      const session = await held.session
      if (performance.now() < session.endsAtMs - MARGIN_MS) return session
    } catch (error) {
      this.drop(key, held)
      if (mode !== 'auto' || !saysThatItHasNone(error)) throw error
      if (this.without.size >= MAX_WITHOUT) this.without.clear()
      this.without.add(key)
      return undefined
    }
    this.drop(key, held)
    return this.sessionWith(server, identity, timeoutMs)
  }

  /** The server doesn't know it any more. */
  forget(server: Server, identity: Identity): void {
    this.held.delete(keyOf(server, identity))
  }

  /** Tells the servers that they may forget; waits a second for them at most. */
  async endAll(): Promise<void> {
    const held = [...this.held.values()]
    this.held.clear()
    await Promise.allSettled(held.map((one) => this.end(one)))
  }

  /** At once, so that whoever comes while it is set up shares it. */
  private hold(key: string, wish: SessionWish): Held {
    const held = { server: wish.server, session: this.begin(wish) }
    this.held.set(key, held)
    const oldest = this.held.size > this.options.limits.maxSessions ? this.held.keys().next().value : undefined
    if (oldest !== undefined) this.held.delete(oldest)
    return held
  }

  private async begin(wish: SessionWish): Promise<Session> {
    const { tools, learnKey } = this.options
    const server = wish.server.publicKey === undefined ? await learnKey(wish.server, wish.timeoutMs) : wish.server
    return setUpSession({ ...wish, server }, tools)
  }

  private drop(key: string, held: Held): void {
    if (this.held.get(key) === held) this.held.delete(key)
  }

  private async end({ server, session }: Held): Promise<void> {
    const body = { kind: 'handle' as const, handle: '/' }
    const request = { opCode: OP.terminateSession, handle: '/', body, flags: DEFAULT_FLAGS, isRepeatable: true }
    const farewell: Conversation = { server, request, timeoutMs: FAREWELL_MS, session: await session }
    await converse(farewell, this.options.tools).next()
  }
}

function keyOf({ address }: Server, { handle, index }: Identity): string {
  return `${formatServerAddress(address)} ${index}:${handle}`
}

const NO_SESSIONS: ReadonlySet<number | undefined> = new Set([
  RC.error,
  RC.protocolError,
  RC.notSupported,
  RC.sessionFailed,
  RC.invalidSessionKey,
  RC.needRsaKey,
  RC.invalidSessionSetUp,
])

function saysThatItHasNone(error: unknown): boolean {
  if (!(error instanceof HandleFault)) return false
  return error.reason === 'key-unknown' || NO_SESSIONS.has(error.responseCode)
}
