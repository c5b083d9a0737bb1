/**
 * A session with a server: a shared key with which the client's messages carry a MAC, and are encrypted when that is wanted.
 *
 * The server numbers the session; each message in it has a counter that is never used again.
 */
import { timingSafeEqual } from 'node:crypto'
import { type Credential, MAC } from '../codec-credential.js'
import { ENVELOPE_OCTETS } from '../codec-envelope.js'
import {
  type DecodedMessage,
  decodeOpened,
  encodeSealed,
  type MessageEnvelope,
  signedPartOf,
  withCredential,
} from '../codec-message.js'
import { signedOctets } from '../codec-signed.js'
import { sessionMac } from '../digests.js'
import { IV_OCTETS, open, seal } from '../session-cipher.js'
import type { Random } from './request.js'

const BITS_AT = 2
const ENCRYPTED = 0x40

export interface SessionKeys {
  readonly id: number
  readonly key: Uint8Array
  readonly isEncrypting: boolean
  /** Monotonic; the server forgets it about then. */
  readonly endsAtMs: number
}

export class Session implements SessionKeys {
  readonly id: number
  readonly key: Uint8Array
  readonly isEncrypting: boolean
  readonly endsAtMs: number
  private counter = 0

  constructor({ id, key, isEncrypting, endsAtMs }: SessionKeys) {
    this.id = id
    this.key = key
    this.isEncrypting = isEncrypting
    this.endsAtMs = endsAtMs
  }

  /** The whole message with a MAC behind it; undefined in a version whose MACs nobody knows. */
  vouchFor(envelope: MessageEnvelope, message: Buffer): Buffer | undefined {
    const counter = ++this.counter
    const signed = signedOctets({ envelope, type: MAC, counter, headerAndBody: signedPartOf(message) })
    if (signed === undefined) return undefined
    const mac = sessionMac(envelope.version, this.key, signed)
    return withCredential(message, { version: 0, options: 0, handle: '', index: counter, type: MAC, ...mac })
  }

  /** The same message, its content encrypted. */
  sealed(envelope: MessageEnvelope, message: Buffer, random: Random): Buffer {
    return encodeSealed(envelope, seal(this.key, random(IV_OCTETS), message.subarray(ENVELOPE_OCTETS)))
  }

  /** An encrypted message, and its octets as if it had not been; undefined when it is not of this session. */
  opened(
    envelope: MessageEnvelope,
    bytes: Buffer,
  ): { readonly decoded: DecodedMessage; readonly octets: Buffer } | undefined {
    const content = envelope.sessionId === this.id ? open(this.key, bytes.subarray(ENVELOPE_OCTETS)) : undefined
    if (content === undefined) return undefined
    const octets = Buffer.concat([bytes.subarray(0, ENVELOPE_OCTETS), content])
    octets[BITS_AT]! &= ~ENCRYPTED
    return { decoded: decodeOpened(envelope, content), octets }
  }

  /** Whether a MAC is of this session's key. */
  verifies(envelope: MessageEnvelope, { index, type, algorithm, signature }: Credential, octets: Uint8Array): boolean {
    const signed = signedOctets({ envelope, type, counter: index, headerAndBody: signedPartOf(octets) })
    if (signed === undefined) return false
    const mac = sessionMac(envelope.version, this.key, signed)
    return mac.algorithm === algorithm && isSame(mac.signature, signature)
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
