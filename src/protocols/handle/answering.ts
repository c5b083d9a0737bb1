/**
 * One request of the native protocol, from its octets to the octets of its answer: open → operation → close. The same for
 * every transport; they differ in what they do with the octets. Whatever goes wrong is an answer with a code and a reason.
 */
import type { HandleMeter } from '../../observability/handle-meter.js'
import type { Clock } from '../../platform/clock.js'
import { NodeError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import { type HandleAccessLog, isReading } from './access-log.js'
import { closingWith } from './closing.js'
import { FLAG, OP, RC } from './codes.js'
import { type Arrived, type Asked, openRequest } from './opening.js'
import type { OperationRequest, Operations, Peer, Replies, Reply } from './operation.js'
import type { Protection, Signer } from './protection.js'
import { isOwnFault, refusal, refusalOf } from './refusals.js'
import type { ServerFacts } from './server-facts.js'

export interface AnsweringOptions {
  readonly operations: Operations
  readonly facts: ServerFacts
  readonly protection: Protection | undefined
  readonly signer: Signer | undefined
  readonly clock: Clock
  readonly meter: HandleMeter
  readonly access: HandleAccessLog
  readonly log: Pick<Logger, 'error'>
}

export interface Answering {
  /**
   * Gives each message of the answer to `send` when it is ready; when it resolves all have been given. Never rejects.
   *
   * @returns whether there was a request to be answered
   */
  answer(octets: Buffer, peer: Peer, send: Send): Promise<'answered' | 'response' | 'unreadable'>
}

/** `isKnown`: whether the request proves who sent it, so that it has not come from anybody else's address. */
export type Send = (message: Buffer, isKnown: boolean) => void

const DEADLINE_MS = 15_000
/** Over UDP anybody can claim to be anybody: nothing is kept, challenged or changed for whom one cannot see. */
const UDP_OPERATIONS: ReadonlySet<number> = new Set([OP.resolve, OP.getSiteInfo])
const NOT_OVER_UDP = 'This is not done over UDP: use TCP, or HTTP.'

export function answering(options: AnsweringOptions): Answering {
  const { protection, clock, meter, access } = options
  const finish = finishingWith(options)

  return {
    async answer(octets, peer, send) {
      const startedMs = clock.monotonicMs()
      const arrived = await openRequest({ octets, peer, deadlineMs: startedMs + DEADLINE_MS }, protection)
      if (arrived.kind === 'passed-over') return arrived.reason
      const { asked } = arrived
      const request = arrived.kind === 'request' ? arrived.request : undefined
      const isKnown = request?.identity !== undefined || asked.protect !== undefined
      const responseCode = await finish(arrived, (message) => send(message, isKnown))
      const { opCode } = asked.header
      meter.answered(peer.transport, opCode, responseCode)
      if (!isReading(opCode) || access.isDrawn()) {
        const tookMs = clock.monotonicMs() - startedMs
        access.write({ peer, opCode, responseCode, requestId: asked.envelope.requestId, tookMs, ...described(request) })
      }
      return 'answered'
    },
  }
}

type Answerable = Exclude<Arrived, { kind: 'passed-over' }>

/** Gives what sends a whole answer, and resolves with its response code. */
function finishingWith({ operations, facts, signer, log }: AnsweringOptions) {
  const close = closingWith(facts, signer)

  async function sendAll(arrived: Answerable, send: (message: Buffer) => void): Promise<number> {
    const { asked } = arrived
    const replies = arrived.kind === 'request' ? perform(operations, arrived.request) : arrived.reply
    if (!(Symbol.asyncIterator in replies)) {
      const reply = await replies
      send(await close({ asked, reply, isContinued: false }))
      return reply.responseCode
    }
    let held: Reply | undefined
    for await (const reply of replies) {
      if (held !== undefined) send(await close({ asked, reply: held, isContinued: true }))
      held = reply
    }
    if (held === undefined) throw new NodeError('internal', `operation ${asked.header.opCode} gave no reply`)
    send(await close({ asked, reply: held, isContinued: false }))
    return held.responseCode
  }

  /** Neither signed nor in a session: that may be what failed. */
  function closePlain({ envelope, header, octets }: Asked, reply: Reply): Buffer | Promise<Buffer> {
    const plain = { ...header, opFlags: header.opFlags & ~(FLAG.certify | FLAG.encrypt) }
    return close({ asked: { envelope, header: plain, ...(octets && { octets }) }, reply, isContinued: false })
  }

  return async (arrived: Answerable, send: (message: Buffer) => void): Promise<number> => {
    const { requestId } = arrived.asked.envelope
    const op = arrived.asked.header.opCode
    const tell = (err: unknown) => log.error('A request failed.', { requestId, op, err })
    if (arrived.kind === 'refused' && arrived.cause !== undefined && isOwnFault(arrived.cause)) tell(arrived.cause)
    try {
      return await sendAll(arrived, send)
    } catch (error) {
      if (isOwnFault(error)) tell(error)
      const reply = refusalOf(error, requestId)
      send(await closePlain(arrived.asked, reply))
      return reply.responseCode
    }
  }
}

function perform(operations: Operations, request: OperationRequest): Replies {
  const { opCode } = request.message.header
  if (opCode === 0) return refusal(RC.protocolError, 'A request has an operation from 1 on.')
  const operation = operations.get(opCode)
  if (operation === undefined) return refusal(RC.notSupported, `This server does not know the operation ${opCode}.`)
  if (request.peer.transport === 'udp' && !UDP_OPERATIONS.has(opCode)) return refusal(RC.protocolError, NOT_OVER_UDP)
  return operation(request)
}

function described(request: OperationRequest | undefined): { handle?: string; by?: string } {
  if (request === undefined) return {}
  const { body } = request.message
  const { identity } = request
  return {
    ...('handle' in body && { handle: body.handle }),
    ...(identity && { by: `${identity.index}:${identity.handle}` }),
  }
}
