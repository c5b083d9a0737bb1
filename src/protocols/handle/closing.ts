/**
 * From an operation's reply to the octets of its message: flags, versions and codes, the digest of the request, and the
 * protection of its session or the signature of this server.
 */
import { NodeError } from '../../platform/errors.js'
import { type Credential, SIGNED } from './codec-credential.js'
import { answerEnvelope, encodeMessage, type Message, signedPartOf, withCredential } from './codec-message.js'
import { signedOctets } from './codec-signed.js'
import { isOlder, responseCodeFor, type Version } from './codec-version.js'
import { FLAG, hasFlag, OP, RC } from './codes.js'
import { requestDigest } from './digests.js'
import type { Asked } from './opening.js'
import type { Reply } from './operation.js'
import type { Signer } from './protection.js'
import type { ServerFacts } from './server-facts.js'

export interface Closing {
  readonly asked: Asked
  readonly reply: Reply
  /** More messages of the same answer follow. */
  readonly isContinued: boolean
}

export type CloseMessage = (closing: Closing) => Buffer | Promise<Buffer>

const FIRST_WITH_SHA256: Version = { major: 2, minor: 7 }
/** Signatures under way; each takes half a millisecond of another thread. */
const MAX_SIGNING = 64
/** What an answer does not repeat, but says of itself. */
const NOT_ECHOED = FLAG.continuous | FLAG.trustedResult | FLAG.authoritative | FLAG.overwrite

/** @throws (from what it gives) NodeError `overloaded`; what the session's protection throws */
export function closingWith(facts: ServerFacts, signer: Signer | undefined): CloseMessage {
  let signing = 0

  async function signed(message: Message, by: Signer): Promise<Buffer> {
    const octets = encodeMessage(message)
    const { envelope } = message
    const headerAndBody = signedPartOf(octets)
    const what = signedOctets({ envelope, type: SIGNED, counter: 0, headerAndBody })
    if (what === undefined) return octets
    if (signing >= MAX_SIGNING) {
      throw new NodeError('overloaded', 'More signed answers are asked for than can be made. Ask again, or without CT.')
    }
    signing += 1
    try {
      const isNew = !isOlder(envelope.version, FIRST_WITH_SHA256)
      const signature = await by.sign(isNew ? 'sha256' : 'sha1', what)
      return withCredential(octets, { ...OURS, algorithm: isNew ? 'SHA-256' : 'SHA1', signature })
    } finally {
      signing -= 1
    }
  }

  return (closing) => {
    const { protect } = closing.asked
    const message = messageOf(closing, facts, signer !== undefined)
    if (protect !== undefined) return protect(message)
    if (signer !== undefined && hasFlag(message.header.opFlags, FLAG.certify)) return signed(message, signer)
    return encodeMessage(message)
  }
}

const OURS: Omit<Credential, 'algorithm' | 'signature'> = { version: 0, options: 0, handle: '', index: 0, type: SIGNED }

function messageOf({ asked, reply, isContinued }: Closing, facts: ServerFacts, canSign: boolean): Message {
  const { version, suggestedVersion, sessionId, requestId } = answerEnvelope(asked.envelope, facts.version)
  const envelope = { version, suggestedVersion, requestId, sessionId: reply.sessionId ?? ownSession(asked, sessionId) }
  const opFlags = flagsOf({ asked, reply, isContinued }, facts, canSign)
  const header = {
    opCode: reply.opCode ?? asked.header.opCode,
    responseCode: responseCodeFor(version, reply.responseCode),
    opFlags,
    siteSerial: facts.siteSerial,
    recursionCount: 0,
    expirationSeconds: facts.expirationSeconds,
  }
  if (!hasFlag(opFlags, FLAG.returnDigest) || asked.octets === undefined) return { envelope, header, body: reply.body }
  return { envelope, header, requestDigest: requestDigest(asked.octets, version), body: reply.body }
}

/** The session of a challenge ends with its answer. */
function ownSession({ header, protect }: Asked, sessionId: number): number {
  return header.opCode === OP.answerChallenge && protect === undefined ? 0 : sessionId
}

function flagsOf({ asked, reply, isContinued }: Closing, facts: ServerFacts, canSign: boolean): number {
  let flags = (asked.header.opFlags & ~NOT_ECHOED) | facts.flags | (reply.flags ?? 0)
  if (reply.isAuthoritative === false) flags &= ~FLAG.authoritative
  if (isContinued) flags |= FLAG.continuous
  if (reply.responseCode === RC.authenticationNeeded) flags |= FLAG.returnDigest
  // Of a message that was not read there is no digest, and what is not signed must not look so.
  if (asked.octets === undefined) flags &= ~FLAG.returnDigest
  if (!canSign && asked.protect === undefined) flags &= ~FLAG.certify
  return flags >>> 0
}
