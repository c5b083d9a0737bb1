/**
 * From the octets of a message to a request that an operation can be given: decoded, opened where it is protected, with
 * whoever is proved to have sent it. What cannot be taken for a request is refused, or passed over.
 */
import { decodeEnvelope } from './codec-envelope.js'
import type { Header } from './codec-header.js'
import { decodeMessage, type MessageEnvelope, type MessageFault } from './codec-message.js'
import { FLAG, hasFlag, RC, UNKNOWN_SERIAL } from './codes.js'
import type { OperationRequest, Peer, Reply } from './operation.js'
import type { OpenedRequest, Protection } from './protection.js'
import { refusal, refusalOf } from './refusals.js'

/** What an answer takes from its request. */
export interface Asked {
  readonly envelope: MessageEnvelope
  readonly header: Header
  /** The whole message, decrypted; absent where it could not be read. */
  readonly octets?: Buffer
  readonly protect?: OpenedRequest['protect']
}

export type Arrived =
  /** No request: a response, or nothing that says whom to answer. */
  | { readonly kind: 'passed-over'; readonly reason: 'response' | 'unreadable' }
  | { readonly kind: 'refused'; readonly asked: Asked; readonly reply: Reply; readonly cause?: unknown }
  | { readonly kind: 'request'; readonly asked: Asked; readonly request: OperationRequest }

export interface Incoming {
  readonly octets: Buffer
  readonly peer: Peer
  readonly deadlineMs: number
}

export async function openRequest(incoming: Incoming, protection: Protection | undefined): Promise<Arrived> {
  const { octets, peer } = incoming
  const envelope = decodeEnvelope(octets)
  if (!envelope.ok) return { kind: 'passed-over', reason: 'unreadable' }
  const { isEncrypted, sessionId } = envelope.value
  const decoded = isEncrypted ? undefined : decodeMessage(octets)
  if (decoded?.ok === false) return unreadable(decoded, peer)
  const message = decoded?.value
  if (message !== undefined && message.header.responseCode !== RC.none) return RESPONSE
  const isProtected = isEncrypted || sessionId !== 0 || message?.credential !== undefined
  if (!isProtected || (protection === undefined && message !== undefined))
    return requestOf({ message: message! }, incoming)
  if (protection === undefined) return notOpened(envelope.value, peer, { code: RC.sessionTimeout, words: NO_SESSIONS })

  try {
    const opened = await protection.open({ ...incoming, envelope: envelope.value, ...(message && { message }) })
    if (opened.kind === 'opened') return requestOf(opened, incoming)
    const refused = { code: opened.responseCode, words: opened.reason }
    if (message === undefined) return notOpened(envelope.value, peer, refused)
    return { kind: 'refused', asked: askedIn(message, octets), reply: refusal(refused.code, refused.words) }
  } catch (cause) {
    const asked = message === undefined ? { envelope: envelope.value, header: NO_HEADER } : askedIn(message, octets)
    return { kind: 'refused', asked, reply: refusalOf(cause, envelope.value.requestId), cause }
  }
}

function askedIn({ envelope, header }: Pick<Asked, 'envelope' | 'header'>, octets: Buffer): Asked {
  return { envelope, header, octets }
}

const RESPONSE: Arrived = { kind: 'passed-over', reason: 'response' }
const NO_SESSIONS = 'This server keeps no such session: set up another, or send in the open.'

function requestOf(
  opened: Pick<OpenedRequest, 'message' | 'identity' | 'protect'> & { readonly octets?: Buffer },
  incoming: Incoming,
): Arrived {
  const { message, protect } = opened
  if (message.header.responseCode !== RC.none) return RESPONSE
  const octets = opened.octets ?? incoming.octets
  const identity = opened.identity ?? incoming.peer.connection?.login
  const asked: Asked = { envelope: message.envelope, header: message.header, octets, ...(protect && { protect }) }
  if (hasFlag(message.header.opFlags, FLAG.encrypt) && protect === undefined) {
    const words = 'An encrypted answer is wanted, and there is no session to encrypt it in: set one up first.'
    return { kind: 'refused', asked, reply: refusal(RC.sessionFailed, words) }
  }
  const { peer, deadlineMs } = incoming
  return { kind: 'request', asked, request: { message, octets, peer, deadlineMs, ...(identity && { identity }) } }
}

/**
 * What cannot be opened may as well be a response: over UDP, where anybody may have sent it, it is not answered, lest two
 * servers answer each other for ever.
 */
function notOpened(
  envelope: MessageEnvelope,
  peer: Peer,
  { code, words }: { readonly code: number; readonly words: string },
): Arrived {
  if (peer.transport === 'udp') return { kind: 'passed-over', reason: 'unreadable' }
  return { kind: 'refused', asked: { envelope, header: NO_HEADER }, reply: refusal(code, words) }
}

/** Answered with the number of its request where that can be read; over UDP only where it surely was a request. */
function unreadable(fault: MessageFault, peer: Peer): Arrived {
  const { envelope, header, message } = fault
  if (header !== undefined && header.responseCode !== RC.none) return RESPONSE
  if (envelope === undefined || (header === undefined && peer.transport === 'udp')) {
    return { kind: 'passed-over', reason: 'unreadable' }
  }
  // Without the flag for a digest: it would be of a message that is none.
  const known = header === undefined ? NO_HEADER : { ...header, opFlags: header.opFlags & ~FLAG.returnDigest }
  return { kind: 'refused', asked: { envelope, header: known }, reply: refusal(RC.protocolError, message) }
}

/** Of a message whose header cannot be read: operation 0, as the reference server has it. */
const NO_HEADER: Header = {
  opCode: 0,
  responseCode: RC.none,
  opFlags: 0,
  siteSerial: UNKNOWN_SERIAL,
  recursionCount: 0,
  expirationSeconds: 0,
}
