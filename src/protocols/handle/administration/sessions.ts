/**
 * Sessions of the native protocol: set up by Diffie-Hellman, proved once by answering a challenge, from then on vouched for by the
 * MAC and the counter of each message.
 *
 * A session belongs to whom its first proof was by, if that is who it was set up for. Its key is in the database, so that any
 * worker can go on with it. An answer to a challenge needs no MAC of the session's, because software in use gives it none: it
 * has a proof of its own.
 *
 * The nonce of a challenge is not bound to the session's key, in no software: whoever stands between client and server can make
 * a session of his own the client's by passing a challenge on. TLS helps, here as elsewhere.
 */
import { randomBytes } from 'node:crypto'
import type { Database } from '../../../platform/postgres.js'
import { decodePublicKey, encodePublicKey } from '../../../record/value-types/hs-pubkey.js'
import {
  endSession,
  findSession,
  type KnownSession,
  openSession,
  takeCounter,
} from '../../../registry/handle-sessions.js'
import type { ProvenIdentity } from '../codec-body.js'
import { type Credential, MAC } from '../codec-credential.js'
import { ENVELOPE_OCTETS } from '../codec-envelope.js'
import {
  decodeOpened,
  encodeMessage,
  encodeSealed,
  type Message,
  signedPartOf,
  withCredential,
} from '../codec-message.js'
import { encodeDiffieHellmanData, SESSION_CIPHER, SESSION_MODE, type SessionRequest } from '../codec-session.js'
import { signedOctets } from '../codec-signed.js'
import { FLAG, hasFlag, OP, RC } from '../codes.js'
import { sessionMac } from '../digests.js'
import type { OperationRequest, Reply } from '../operation.js'
import type { Arrival, Opened, OpenedRequest, Protection, RefusedRequest } from '../protection.js'
import { IV_OCTETS, open, seal, sessionKeyOf } from '../session-cipher.js'
import { readHandle } from './handle-names.js'
import { keyAgreement } from './key-agreement.js'
import { sameOctets } from './key-proofs.js'
import { errorReply } from './replies.js'

export interface Sessions extends Protection {
  setUp(request: OperationRequest): Promise<Reply>
  terminate(request: OperationRequest): Promise<Reply>
  /** The session that vouches for a request, by its MAC; undefined: none does. */
  idOf(message: Message): number | undefined
}

const MAX_LIFE_SECONDS = 86_400
const LEAST_LIFE_SECONDS = 60

export function isSessionId(id: number): boolean {
  return id !== 0 && id % 2 === 0
}

export function sessions(db: Database): Sessions {
  const agree = keyAgreement()
  const vouchedFor = new WeakMap<Message, number>()

  async function openInSession(arrival: Arrival): Promise<Opened> {
    const { sessionId } = arrival.envelope
    const session = await findSession(db, sessionId)
    if (session === undefined) return sessionEnded()
    const content = contentOf(arrival, session)
    if (content.kind === 'refused') return content
    const { message, octets } = content
    const { credential } = message
    if (credential?.type !== MAC) return withoutMac(arrival, content, session)

    if (!isGenuine({ message, octets, credential }, session)) {
      return refuse(RC.invalidCredential, 'The MAC of the message is not that of its session.')
    }
    const taken = await takeCounter(db, { id: sessionId, counter: credential.index })
    if (taken.kind === 'ended') return sessionEnded()
    if (taken.kind === 'repeated') {
      return refuse(
        RC.sessionMessageRejected,
        `The session has had a message with counter ${credential.index} already.`,
      )
    }
    vouchedFor.set(message, sessionId)
    const protect = protector({
      key: session.key,
      counter: credential.index,
      isEncrypted: arrival.envelope.isEncrypted,
    })
    const opened = { kind: 'opened', message, octets, protect } as const
    return taken.proven === undefined ? opened : { ...opened, identity: taken.proven satisfies ProvenIdentity }
  }

  return {
    open(arrival) {
      if (isSessionId(arrival.envelope.sessionId)) return openInSession(arrival)
      const { message, octets } = arrival
      if (message === undefined) return refuse(RC.sessionFailed, 'The message is encrypted, and names no session.')
      return { kind: 'opened', message, octets }
    },
    idOf: (message) => vouchedFor.get(message),
    async setUp({ message: { body }, peer }) {
      if (peer.transport === 'udp') return errorReply(RC.protocolError, 'Sessions are set up over TCP or HTTP.')
      if (body.kind !== 'session-request') return errorReply(RC.protocolError, 'This is no request for a session.')
      const fault = requestFault(body)
      if (fault !== undefined) return errorReply(RC.invalidSessionSetUp, fault)
      return agreeOn(db, agree, { body, address: peer.address })
    },
    async terminate({ message }) {
      const id = vouchedFor.get(message)
      if (id === undefined)
        return errorReply(RC.sessionMessageRejected, 'A session is ended by a message with its MAC.')
      await endSession(db, id)
      return { responseCode: RC.success, body: { kind: 'empty' } }
    },
  }
}

function requestFault({ mode, handle }: SessionRequest): string | undefined {
  if (mode !== SESSION_MODE.diffieHellman) {
    return `Sessions are set up by Diffie-Hellman here, mode ${SESSION_MODE.diffieHellman}, not by mode ${mode}.`
  }
  const name = handle === '' ? undefined : readHandle(handle)
  return name === undefined || name.ok ? undefined : `The session is to be of ${handle}, which is no handle.`
}

async function agreeOn(
  db: Database,
  agree: ReturnType<typeof keyAgreement>,
  { body, address }: { readonly body: SessionRequest; readonly address: string },
): Promise<Reply> {
  const theirs = decodePublicKey(body.publicKey ?? new Uint8Array(0))
  if (!theirs.ok || theirs.value.kind !== 'dh') {
    return errorReply(RC.invalidSessionKey, 'The public key is no DH_PUB_KEY.')
  }
  const agreement = await agree(theirs.value)
  if (!agreement.ok) return errorReply(RC.invalidSessionKey, `No key can be agreed on: ${agreement.reason}.`)
  const asked = body.timeoutSeconds === 0 ? MAX_LIFE_SECONDS : body.timeoutSeconds
  const sessionId = await openSession(db, {
    key: sessionKeyOf(agreement.secret),
    claimed: { handle: body.handle, index: body.index },
    address,
    lifeSeconds: Math.min(Math.max(asked, LEAST_LIFE_SECONDS), MAX_LIFE_SECONDS),
  })
  if (sessionId === undefined) return errorReply(RC.tooBusy, 'There are too many sessions; try again later.')
  const data = encodeDiffieHellmanData({ cipher: SESSION_CIPHER.aes, publicKey: encodePublicKey(agreement.publicKey) })
  return {
    responseCode: RC.success,
    sessionId,
    body: { kind: 'session-answer', mode: SESSION_MODE.diffieHellman, data },
  }
}

type Content = Pick<OpenedRequest, 'kind' | 'message' | 'octets'>

/** The message as it is when nothing of it is encrypted. */
function contentOf({ envelope, octets, message }: Arrival, { key }: KnownSession): Content | RefusedRequest {
  if (message !== undefined) return { kind: 'opened', message, octets }
  const opened = open(key, octets.subarray(ENVELOPE_OCTETS))
  if (opened === undefined) return refuse(RC.sessionMessageRejected, 'The message was not encrypted by its session.')
  const decoded = decodeOpened(envelope, opened)
  if (!decoded.ok) return refuse(RC.protocolError, `The encrypted message can't be read: ${decoded.message}.`)
  return {
    kind: 'opened',
    message: decoded.value,
    octets: Buffer.concat([octets.subarray(0, ENVELOPE_OCTETS), opened]),
  }
}

/** Proves nothing by itself. What is answered to a challenge may be secret, and goes encrypted. */
function withoutMac(arrival: Arrival, content: Content, { key }: KnownSession): Opened {
  const isAnswer = content.message.header.opCode === OP.answerChallenge
  const { isEncrypted } = arrival.envelope
  if (!isAnswer && !isEncrypted) return content
  return { ...content, protect: protector({ key, counter: 0, isEncrypted: isEncrypted || isAnswer }) }
}

function isGenuine(
  { message, octets, credential }: Pick<Content, 'message' | 'octets'> & { readonly credential: Credential },
  { key }: KnownSession,
): boolean {
  const { envelope } = message
  const signed = signedOctets({ envelope, type: MAC, counter: credential.index, headerAndBody: signedPartOf(octets) })
  return signed !== undefined && sameOctets(sessionMac(envelope.version, key, signed).signature, credential.signature)
}

interface Protecting {
  readonly key: Uint8Array
  /** Of the request: the answer is to that one. */
  readonly counter: number
  readonly isEncrypted: boolean
}

function protector({ key, counter, isEncrypted }: Protecting): (answer: Message) => Buffer {
  return (answer) => {
    const bytes = withMac(encodeMessage(answer), answer, { key, counter })
    if (!isEncrypted && !hasFlag(answer.header.opFlags, FLAG.encrypt)) return bytes
    return encodeSealed(answer.envelope, seal(key, randomBytes(IV_OCTETS), bytes.subarray(ENVELOPE_OCTETS)))
  }
}

/** The two versions whose MACs nobody knows go without. */
function withMac(bytes: Buffer, { envelope }: Message, { key, counter }: Omit<Protecting, 'isEncrypted'>): Buffer {
  const signed = signedOctets({ envelope, type: MAC, counter, headerAndBody: signedPartOf(bytes) })
  if (signed === undefined) return bytes
  const mac = sessionMac(envelope.version, key, signed)
  return withCredential(bytes, { version: 0, options: 0, handle: '', index: counter, type: MAC, ...mac })
}

function refuse(responseCode: number, reason: string): RefusedRequest {
  return { kind: 'refused', responseCode, reason }
}

function sessionEnded(): RefusedRequest {
  return refuse(RC.sessionTimeout, 'There is no such session, or it has ended. Set up another.')
}
