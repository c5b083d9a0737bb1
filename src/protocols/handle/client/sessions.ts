/** Sessions that are open, one for each server and identity, so that many requests share one. */
import { OP } from '../codes.js'
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
    const session = await this.held.get(key)?.session
    if (session !== undefined && performance.now() < session.endsAtMs - MARGIN_MS) return session
    try {
      return await this.begin(key, { server, identity, isEncrypting: mode === 'encrypted', timeoutMs })
    } catch (error) {
      this.held.delete(key)
      if (mode !== 'auto' || !saysThatItHasNone(error)) throw error
      this.without.add(key)
      return undefined
    }
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

  private async begin(key: string, wish: SessionWish): Promise<Session> {
    const { tools, learnKey, limits } = this.options
    const server = wish.server.publicKey === undefined ? await learnKey(wish.server, wish.timeoutMs) : wish.server
    const session = setUpSession({ ...wish, server }, tools)
    this.held.set(key, { server, session })
    const oldest = this.held.size > limits.maxSessions ? this.held.keys().next().value : undefined
    if (oldest !== undefined) this.held.delete(oldest)
    return session
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

function saysThatItHasNone(error: unknown): boolean {
  return error instanceof HandleFault && (error.reason === 'refused' || error.reason === 'key-unknown')
}
