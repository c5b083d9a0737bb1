/** Asking one of several servers, each by one of its ways: the next one where it fails and asking again does no harm. */
import { hedged } from '../../../platform/hedged.js'
import type { Message } from '../codec-message.js'
import { RC } from '../codes.js'
import { refusalOf } from './converse.js'
import type { Exchanges } from './exchanges.js'
import { HandleFault, isWorthAnother } from './faults.js'
import type { Request } from './request.js'
import type { Server } from './server.js'
import type { Purpose } from './sites.js'
import { faultOf } from './verification.js'

/** What goes with one call of the client, from its beginning to its end. */
export interface Call {
  readonly purpose: Purpose
  /** Monotonic. */
  readonly deadlineMs: number
  /** Flags for everything that is asked on the way. */
  readonly flags: number
  readonly isAuthenticated: boolean
  /** Whether referrals are followed. */
  readonly follows: boolean
  /** Whether ways that are only remembered will do: to read by, but not to change by. */
  readonly takesRemembered: boolean
  readonly exchanges?: Exchanges
  readonly passedOn?: PassedOn
}

/** Of a request that is another's, who is asked for it. */
export interface PassedOn {
  /** Servers that have passed it on already. */
  readonly recursionCount: number
  /** As it came, by which whoever passes it on knows it again. */
  readonly expiresAtSeconds: number
}

/** The first message of an answer, and where the others come from. */
export interface Opened {
  readonly server: Server
  readonly first: Message
  readonly messages: AsyncGenerator<Message>
}

export type Converse = (server: Server, request: Request, call: Call) => AsyncGenerator<Message>

export interface Asking {
  readonly request: Request
  readonly call: Call
  readonly converse: Converse
}

/** @throws HandleFault */
export async function openAt(server: Server, { request, call, converse }: Asking): Promise<Opened> {
  const messages = converse(server, request, call)
  const { value, done } = await messages.next()
  if (done) throw faultOf(server, 'invalid-answer', 'says nothing')
  return { server, first: value, messages }
}

/** The answer of the first server that gives one. @throws HandleFault when none does */
export async function askOneOf(servers: readonly Server[], asking: Asking): Promise<Opened> {
  if (servers.length === 0) throw nobodyTakes(asking)
  const { exchanges } = asking.call
  if (exchanges !== undefined && asking.request.isRepeatable) return askBeside(servers, asking, exchanges)
  let failure: unknown
  const left = [...servers]
  for (let server = left.shift(); server !== undefined; server = left.shift()) {
    try {
      const opened = await openAt(server, asking)
      if (!isBusy(opened.first)) return opened
      await opened.messages.return(undefined)
      failure ??= refusalOf(server, opened.first)
    } catch (error) {
      if (!isWorthAnother(error, asking.request.isRepeatable)) throw error
      failure = worse(failure, error)
      if (isCutShort(error) && !left.some(isByTcp)) left.unshift(byTcp(server))
    }
  }
  throw failure
}

/** The same; and where one is late, the next is asked beside it. */
function askBeside(servers: readonly Server[], asking: Asking, exchanges: Exchanges): Promise<Opened> {
  const attempts = servers.map((server) => async (signal: AbortSignal) => {
    const opened = await openAnyWay(server, asking)
    if (!signal.aborted && !isBusy(opened.first)) return opened
    await opened.messages.return(undefined)
    throw refusalOf(server, opened.first)
  })
  return hedged(attempts, {
    afterMs: exchanges.hedgeAfterMs(servers[0]!.address),
    mayHedge: () => exchanges.mayHedge(),
    worse,
    isWorthAnother: (error) => isWorthAnother(error, true),
  })
}

async function openAnyWay(server: Server, asking: Asking): Promise<Opened> {
  try {
    return await openAt(server, asking)
  } catch (error) {
    if (!isCutShort(error)) throw error
    return openAt(byTcp(server), asking)
  }
}

function nobodyTakes({ request, call }: Asking): HandleFault {
  const what = call.purpose === 'lookup' ? 'look-ups' : 'changes'
  const message = `No server of ${request.handle} takes ${what} by a transport that is known.`
  return new HandleFault('nobody-responsible', message)
}

function isBusy({ header }: Message): boolean {
  return header.responseCode === RC.tooBusy || header.responseCode === RC.serverBackup
}

/** Servers have one port for both. */
function byTcp(server: Server): Server {
  return { ...server, address: { ...server.address, transport: 'tcp' } }
}

function isByTcp({ address }: Server): boolean {
  return address.transport === 'tcp'
}

function isCutShort(error: unknown): boolean {
  return error instanceof HandleFault && error.reason === 'cut-short'
}

/** A server that lies is told of rather than one that is away. */
function worse(before: unknown, now: unknown): unknown {
  return before === undefined || rank(now) > rank(before) ? now : before
}

function rank(error: unknown): number {
  const { reason } = error as { readonly reason?: string }
  return reason === 'signature-invalid' ? 2 : reason === 'invalid-answer' ? 1 : 0
}
