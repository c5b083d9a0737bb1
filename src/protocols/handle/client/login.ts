/**
 * The log-in of the national SDK: by a password (2000) or by a key (2001), once for a TCP connection. What comes on the
 * connection afterwards is the user's, without a session and without a challenge.
 */
import { FLAG, OP, RC } from '../codes.js'
import { converse, refusalOf, type Tools } from './converse.js'
import { HandleFault } from './faults.js'
import type { Identity } from './identity.js'
import type { Ask } from './inbox.js'
import { type Place, serversAt } from './places.js'
import type { Request } from './request.js'
import type { Server } from './server.js'
import type { ServerAddress } from './server-address.js'

export type LogIn =
  | { readonly kind: 'key'; readonly identity: Identity }
  /** The password goes over the wire as it is. */
  | { readonly kind: 'password'; readonly user: string; readonly password: string }

export interface LogInOptions {
  readonly place: Place
  readonly tools: Tools
  readonly hold: (address: ServerAddress) => { readonly ask: Ask; close(): void }
  readonly timeoutMs: number
}

export interface LoggedIn {
  readonly server: Server
  /** Over the connection of the log-in. */
  readonly ask: Ask
  close(): void
}

/** @throws HandleFault */
export async function logIn(how: LogIn, { place, tools, hold, timeoutMs }: LogInOptions): Promise<LoggedIn> {
  const server = serversAt(place, '/', 'administration').find(({ address }) => address.transport === 'tcp')
  if (server === undefined)
    throw new HandleFault('request-malformed', 'A log-in belongs to a TCP connection: give a server with tcp://.')
  const { ask, close } = hold(server.address)
  try {
    const conversation = { server, request: requestFor(how), timeoutMs, ...(how.kind === 'key' ? how : {}) }
    for await (const message of converse(conversation, { ...tools, ask }))
      if (message.header.responseCode !== RC.success) throw refusalOf(server, message)
    return { server, ask, close }
  } catch (error) {
    close()
    throw error
  }
}

function requestFor(how: LogIn): Request {
  if (how.kind === 'password') {
    const body = { kind: 'query' as const, handle: how.user, indexes: [], types: [how.password] }
    return { opCode: OP.loginByPassword, handle: how.user, body, flags: 0, isRepeatable: false }
  }
  const { handle, index } = how.identity
  const body = { kind: 'handle-index' as const, handle, index }
  return { opCode: OP.loginByKey, handle, body, flags: FLAG.returnDigest, isRepeatable: false }
}
