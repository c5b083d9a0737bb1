/**
 * What an operation of the native protocol is given, and what it gives. UDP, TCP and the HTTP tunnel differ in the peer
 * alone; the codes, flags, digests, signatures and encryption of the messages around it are `answering`'s business.
 */
import type { Body, ProvenIdentity } from './codec-body.js'
import type { Message } from './codec-message.js'

export interface Peer {
  readonly transport: 'udp' | 'tcp' | 'http'
  /** Over TLS. */
  readonly isSecure: boolean
  /** Its IP address, without a port. */
  readonly address: string
  /** Lives as long as the TCP connection; absent where there is none. */
  readonly connection?: ConnectionState
}

/** The national SDK logs in once per connection; what comes later on it is the same user's. */
export interface ConnectionState {
  login?: ProvenIdentity
}

export interface OperationRequest {
  readonly message: Message
  /** The whole message as it came, envelope included, decrypted where it was encrypted: what digests and signatures are of. */
  readonly octets: Buffer
  readonly peer: Peer
  /** Who has proved to send it: by a challenge, in a session, or by the login of the connection. */
  readonly identity?: ProvenIdentity
  /** Monotonic milliseconds by which the answer must be there. */
  readonly deadlineMs: number
}

export interface Reply {
  readonly responseCode: number
  readonly body: Body
  /** Set beside those that are echoed. */
  readonly flags?: number
  /** False: not as current as this server should know it. Default true. */
  readonly isAuthoritative?: boolean
  /** In place of the request's: a challenge, a new session. */
  readonly sessionId?: number
  /** In place of the request's: the answer to a challenge carries the operation that was challenged. */
  readonly opCode?: number
}

/** Of several replies all but the last are marked as continued. */
export type Replies = Reply | Promise<Reply> | AsyncIterable<Reply>

export type Operation = (request: OperationRequest) => Replies

/** By operation code. What is not there is answered `notSupported`. */
export type Operations = ReadonlyMap<number, Operation>
