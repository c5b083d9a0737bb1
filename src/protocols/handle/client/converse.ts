/**
 * One request to one server, and all that belongs to it: the MAC of a session, the challenge that may come first, and the
 * messages of the answer.
 *
 *   request → answer, or
 *   request → challenge → answer to the challenge → answer of the request
 *
 * Each further message of an answer that is continued has the id of what it answers. Every message is verified before anybody
 * sees it (verification.ts).
 */
import { messageOf } from '../../../platform/errors.js'
import { decodeEnvelope } from '../codec-envelope.js'
import { decodeMessage, encodeMessage, type Message } from '../codec-message.js'
import { FLAG, hasFlag, OP, withFlag } from '../codes.js'
import { HandleFault, refusalBy } from './faults.js'
import { challengeAnswer, type Identity } from './identity.js'
import type { Answers, Ask } from './inbox.js'
import { type Random, type Request, randomRequestId, requestMessage, withoutSerial } from './request.js'
import { OWN_VERSION, type Server } from './server.js'
import { formatServerAddress } from './server-address.js'
import type { Session } from './session.js'
import { type Expected, faultOf, verifyAnswer } from './verification.js'

export interface Tools {
  readonly ask: Ask
  readonly random: Random
  /** Wall clock. */
  readonly nowMs: () => number
  readonly maxAnswerOctets: number
}

export interface Conversation {
  readonly server: Server
  readonly request: Request
  readonly timeoutMs: number
  readonly session?: Session
  readonly identity?: Identity
}

interface Sent {
  readonly answers: Answers
  /** The whole message, not encrypted. */
  readonly octets: Buffer
}

/** They belong to the request that was challenged. */
const ONCE_ONLY = FLAG.overwrite | FLAG.mintSuffix | FLAG.returnDigest
const LEAST_NONCE_OCTETS = 8
/** A nonce is signed together with a digest: a longer one could be made to look like a message. */
const MAX_NONCE_OCTETS = 32

/** Every message of the answer, whatever its response code, but no challenge. @throws HandleFault */
export async function* converse(conversation: Conversation, tools: Tools): AsyncGenerator<Message> {
  const startedMs = performance.now()
  let sent = send(conversation, tools)
  try {
    const requests = [sent.octets]
    let message = await receive(sent, expectedOf(conversation, requests, tools), conversation)
    if (message.body.kind === 'challenge') {
      sent.answers.end()
      const leftMs = Math.max(conversation.timeoutMs - (performance.now() - startedMs), 1)
      sent = await sendProof(message, { conversation: { ...conversation, timeoutMs: leftMs }, tools })
      requests.unshift(sent.octets)
      message = await receive(sent, expectedOf(conversation, requests, tools), conversation)
      if (message.body.kind === 'challenge') throw refusalOf(conversation.server, message)
    }
    yield message
    while (hasFlag(message.header.opFlags, FLAG.continuous)) {
      message = await receive(sent, expectedOf(conversation, requests, tools), conversation)
      yield message
    }
  } finally {
    sent.answers.end()
  }
}

export function refusalOf({ address }: Server, { header, body }: Message): HandleFault {
  return refusalBy(formatServerAddress(address), header.responseCode, body.kind === 'error' ? body.message : '')
}

/** @param challengeId with what answers a challenge: the id that must come with it */
function send({ server, request, timeoutMs, session }: Conversation, tools: Tools, challengeId?: number): Sent {
  const sessionId = challengeId ?? session?.id ?? 0
  const stamps = { requestId: randomRequestId(tools.random), sessionId, nowMs: tools.nowMs() }
  const sealing = session?.isEncrypting && session.id === sessionId ? session : undefined
  const flags = sealing === undefined ? request.flags : withFlag(request.flags, FLAG.encrypt)
  const message = requestMessage({ ...request, flags }, server, stamps)
  const bare = encoded(message)
  // What answers a challenge proves itself.
  const octets = session === undefined || challengeId !== undefined ? bare : vouched(session, message, bare)
  const answers = tools.ask(server.address, {
    bytes: sealing === undefined ? octets : sealing.sealed(message.envelope, octets, tools.random),
    requestId: stamps.requestId,
    handle: request.handle,
    timeoutMs,
    maxAnswerOctets: tools.maxAnswerOctets,
    isRepeatable: request.isRepeatable,
    ...(server.publicKey === undefined ? {} : { publicKey: server.publicKey }),
  })
  return { answers, octets }
}

function encoded(message: Message): Buffer {
  try {
    return encodeMessage(message)
  } catch (cause) {
    throw new HandleFault('request-malformed', `The request can't be written down: ${messageOf(cause)}.`, { cause })
  }
}

function vouched(session: Session, { envelope }: Message, bare: Buffer): Buffer {
  const octets = session.vouchFor(envelope, bare)
  if (octets !== undefined) return octets
  const { major, minor } = envelope.version
  throw new HandleFault('request-malformed', `Version ${major}.${minor} has no sessions that are known well enough.`)
}

interface Answering {
  readonly conversation: Conversation
  readonly tools: Tools
}

async function sendProof(challenge: Message, { conversation, tools }: Answering): Promise<Sent> {
  const { server, request, identity } = conversation
  if (identity === undefined) throw refusalOf(server, challenge)
  const { body, requestDigest, envelope } = challenge
  const nonce = body.kind === 'challenge' ? body.nonce : new Uint8Array(0)
  if (nonce.length < LEAST_NONCE_OCTETS || nonce.length > MAX_NONCE_OCTETS)
    throw faultOf(server, 'invalid-answer', `challenges with a nonce of ${nonce.length} octets`)
  if (requestDigest === undefined) throw faultOf(server, 'invalid-answer', 'challenges without a digest')
  // It was verified to be of our request: nothing is proved for one that was changed on the way.
  const { octets } = requestDigest
  const proof = await challengeAnswer(
    identity,
    { nonce, requestDigest: octets, version: envelope.version },
    tools.random,
  )
  const answering = { ...request, opCode: OP.answerChallenge, body: proof, flags: request.flags & ~ONCE_ONLY }
  return send({ ...conversation, server: withoutSerial(server), request: answering }, tools, envelope.sessionId)
}

async function receive({ answers }: Sent, expected: Expected, { session }: Conversation): Promise<Message> {
  const { server } = expected
  const bytes = await answers.next()
  const envelope = decodeEnvelope(bytes)
  if (!envelope.ok) throw faultOf(server, 'invalid-answer', `sends no message: ${envelope.message}`)
  const opened = envelope.value.isEncrypted ? session?.opened(envelope.value, bytes) : undefined
  if (envelope.value.isEncrypted && opened === undefined)
    throw faultOf(server, 'invalid-answer', 'sends an encrypted answer that is not of the session')
  const { decoded, octets } = opened ?? { decoded: decodeMessage(bytes), octets: bytes }
  if (!decoded.ok) throw faultOf(server, 'invalid-answer', `sends an answer that can't be read: ${decoded.message}`)
  verifyAnswer(decoded.value, octets, expected)
  return decoded.value
}

function expectedOf({ server, request, session }: Conversation, requests: Buffer[], { nowMs }: Tools): Expected {
  const { opCode, flags } = request
  const expected = { server, opCode, version: OWN_VERSION, flags, requests, nowMs: nowMs() }
  return session === undefined ? expected : { ...expected, session }
}
