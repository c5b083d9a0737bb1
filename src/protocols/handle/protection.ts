/**
 * The seam between the servers and whoever keeps sessions: how a protected request is opened, and how its answers are
 * protected in return.
 *
 * `open` is asked about every request that is encrypted, names a session, or carries a credential; for all others there is
 * nothing to open. A message that is refused is answered with the code given, unprotected, and reaches no operation.
 */
import { type KeyObject, sign } from 'node:crypto'
import { promisify } from 'node:util'
import type { IdentifierRecord } from '../../record/record.js'
import type { ProvenIdentity } from './codec-body.js'
import type { Envelope } from './codec-envelope.js'
import type { Message } from './codec-message.js'
import type { OperationRequest, Peer, Reply } from './operation.js'

export interface Arrival {
  readonly envelope: Envelope
  /** The whole message as it came, envelope included. */
  readonly octets: Buffer
  /** What the octets say; absent while they are encrypted. */
  readonly message?: Message
  readonly peer: Peer
  /** Monotonic milliseconds by which the answer must be there. */
  readonly deadlineMs: number
}

export type Opened = OpenedRequest | RefusedRequest

export interface OpenedRequest {
  readonly kind: 'opened'
  readonly message: Message
  /** The whole message, decrypted: the envelope, and header, body and credential behind it. */
  readonly octets: Buffer
  /** Whom the credential proves to be the sender. */
  readonly identity?: ProvenIdentity
  /**
   * The octets of an answer as they are to be sent: with the session's MAC, encrypted where the request was.
   * Called once for each message of the answer, in their order. Absent: the request is of no session (an answer to a
   * challenge, say), and its answers are plain.
   *
   * @throws NodeError when the session has ended meanwhile
   */
  protect?(answer: Message): Buffer | Promise<Buffer>
}

export interface RefusedRequest {
  readonly kind: 'refused'
  /** Such as `RC.sessionTimeout`. */
  readonly responseCode: number
  /** For the person who reads it: what is wrong and what to do. */
  readonly reason: string
}

export interface Protection {
  /** @throws NodeError when it could not be found out, `authority-unavailable` for one */
  open(arrival: Arrival): Opened | Promise<Opened>
}

/** For look-ups of values that are not public. Absent: everybody is shown the public ones. */
export interface RestrictedReads {
  /** Whether the identity may read what only administrators may. */
  mayRead(identity: ProvenIdentity, record: IdentifierRecord): boolean | Promise<boolean>
  /**
   * The challenge for somebody unknown. Once it is answered, the same request comes to the same operation again, with the
   * identity that was proved.
   */
  challenge(request: OperationRequest): Reply | Promise<Reply>
}

/** Signs certified answers with the node's key. RSA signatures are PKCS #1 v1.5. */
export interface Signer {
  /** @param hash as node:crypto names it: `sha256`, `sha1` */
  sign(hash: 'sha256' | 'sha1', octets: Uint8Array): Promise<Uint8Array>
}

const signBesideTheLoop = promisify(sign)

export function signerWith(privateKey: KeyObject): Signer {
  return { sign: (hash, octets) => signBesideTheLoop(hash, octets, privateKey) }
}
