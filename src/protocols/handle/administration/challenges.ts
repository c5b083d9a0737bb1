/**
 * Challenges: a request of somebody unknown waits, as it came, until its sender has answered with a proof; then it is carried out
 * as his, wherever the answer arrives. A challenge is answered once, rightly or not, and not for long.
 *
 * Outside of a session a challenge has an odd id of its own; within one it has the session's, and is one of several perhaps.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { NodeError } from '../../../platform/errors.js'
import type { Database } from '../../../platform/postgres.js'
import {
  findChallenges,
  keepChallenge,
  takeChallenge,
  type WaitingChallenge,
} from '../../../registry/handle-challenges.js'
import { findSession, proveSession } from '../../../registry/handle-sessions.js'
import type { ProvenIdentity } from '../codec-body.js'
import { decodeEnvelope, ENVELOPE_OCTETS } from '../codec-envelope.js'
import { answerEnvelope, decodeOpened, type Message } from '../codec-message.js'
import type { Version } from '../codec-version.js'
import { FLAG, RC } from '../codes.js'
import { requestDigest } from '../digests.js'
import type { OperationRequest, Operations, Replies, Reply } from '../operation.js'
import type { Identities } from './contract.js'
import { readHandle } from './handle-names.js'
import { errorReply, refusalReply } from './replies.js'
import { isSessionId, type Sessions } from './sessions.js'

export interface ChallengesOptions {
  readonly db: Database
  readonly identities: Identities
  readonly sessions: Pick<Sessions, 'idOf'>
  /** The node's own: with it goes which digest a challenge returns. */
  readonly version: Version
  /** All there are: what was challenged may be any of them. */
  readonly operations: () => Operations
}

export interface Challenges {
  issue(request: OperationRequest): Promise<Reply>
  /** Carries out what was challenged. */
  answer(request: OperationRequest): AsyncIterable<Reply>
}

const NONCE_OCTETS = 16
const MAX_ID = 0x7fff_ffff
/** Of the flags of what was challenged, those that the answer to it has. */
const KEPT_FLAGS = FLAG.mintSuffix

export function challenges(options: ChallengesOptions): Challenges {
  const { db, identities, sessions, version, operations } = options

  async function* carryOut(
    { peer, deadlineMs }: OperationRequest,
    challenged: Challenged,
    identity: ProvenIdentity,
  ): AsyncIterable<Reply> {
    const { message, request, id } = challenged
    if (isSessionId(id)) await vouchFor(db, id, identity)
    const operation = operations().get(message.header.opCode)
    if (operation === undefined) yield errorReply(RC.notSupported, 'There is no such operation.')
    else yield* each(operation({ message, octets: request, peer, identity, deadlineMs }))
  }

  return {
    async issue({ message, octets, peer }) {
      const id = sessions.idOf(message) ?? randomInt(0, (MAX_ID - 1) / 2) * 2 + 1
      const nonce = randomBytes(NONCE_OCTETS)
      const isKept = await keepChallenge(db, { id, nonce, request: octets, address: peer.address })
      if (!isKept) return errorReply(RC.tooBusy, 'Too many challenges wait for their answers; try again in a minute.')
      return { responseCode: RC.authenticationNeeded, sessionId: id, body: { kind: 'challenge', nonce } }
    },
    async *answer(request) {
      const { body, envelope } = request.message
      if (body.kind !== 'challenge-answer') {
        yield errorReply(RC.protocolError, 'This is no answer to a challenge.')
        return
      }
      const id = envelope.sessionId
      const waiting = (await findChallenges(db, id)).map((found) => challengedBy(id, found, version))
      const answer = { ...body, from: request.peer.address }
      const proven = waiting.length === 0 ? undefined : await identities.proveOneOf(answer, waiting)
      if (proven?.ok === false) {
        // Where nobody could tell, the same answer may come again.
        const isTold = proven.responseCode !== RC.tooBusy
        if (isTold) for (const { nonce } of waiting) await takeChallenge(db, id, nonce)
        yield asAnswer(refusalReply(proven), waiting[0]!)
        return
      }
      const challenged = proven && waiting[proven.value.place]!
      if (challenged === undefined || !(await takeChallenge(db, id, challenged.nonce))) {
        yield noChallenge()
        return
      }
      const { identity } = proven!.value
      for await (const reply of carryOut(request, challenged, identity)) yield asAnswer(reply, challenged)
    },
  }
}

interface Challenged extends WaitingChallenge {
  readonly id: number
  readonly message: Message
  readonly requestDigest: Uint8Array
}

/** @throws NodeError for octets that were kept and can't be read */
function challengedBy(id: number, { nonce, request }: WaitingChallenge, own: Version): Challenged {
  const envelope = decodeEnvelope(request)
  const message = envelope.ok ? decodeOpened(envelope.value, request.subarray(ENVELOPE_OCTETS)) : envelope
  if (!message.ok) throw new NodeError('internal', `a challenged request can't be read: ${message.message}`)
  const { version } = answerEnvelope(message.value.envelope, own)
  return { id, nonce, request, message: message.value, requestDigest: requestDigest(request, version).octets }
}

function noChallenge(): Reply {
  return errorReply(RC.authenticationTimeout, 'No challenge waits for this answer: it is over, or was answered.')
}

/** The session is his from now on, if it was set up for him; for another the one request is carried out, and no more. */
async function vouchFor(db: Database, id: number, identity: ProvenIdentity): Promise<void> {
  const session = await findSession(db, id)
  if (session === undefined) return
  const { handle, index } = session.claimed
  if (handle !== '' && !isSame(handle, identity.handle)) return
  if (handle !== '' && index !== 0 && index !== identity.index) return
  await proveSession(db, id, identity)
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [readHandle(one), readHandle(other)]
  return a.ok && b.ok && a.value.key === b.value.key
}

/** The answer to a challenge carries the operation that was challenged, and outside of a session no id. */
function asAnswer(reply: Reply, { id, message: { header } }: Challenged): Reply {
  const flags = ((reply.flags ?? 0) | (header.opFlags & KEPT_FLAGS)) >>> 0
  return { opCode: header.opCode, ...(isSessionId(id) ? {} : { sessionId: 0 }), ...reply, flags }
}

async function* each(replies: Replies): AsyncIterable<Reply> {
  if (Symbol.asyncIterator in replies) yield* replies
  else yield await replies
}
