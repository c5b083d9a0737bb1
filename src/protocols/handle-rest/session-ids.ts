/**
 * Sessions before anybody has authenticated in them: all that is known is in their id, so that asking for thousands of
 * challenges costs this node no memory and no row, and any process can take the answer.
 *
 *   id = base64url( begunAt nonce mac )     ; begunAt = 4OCTET, seconds since the epoch; nonce = 16OCTET
 *   mac = 16OCTET                           ; of HMAC-SHA256 over both, with a key that all processes of the node share
 *
 * Once somebody has authenticated, his session is a row (registry/handle-api-sessions.ts).
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../platform/clock.js'

export interface Challenge {
  readonly sessionId: string
  readonly nonce: Uint8Array
}

export interface SessionIds {
  make(): Challenge
  /** Undefined: not one of this node's, or older than a challenge may be, or, with `maxAgeSeconds`, older than that. */
  read(sessionId: string, maxAgeSeconds: number): Challenge | undefined
}

/** How long an answer to a challenge may take. */
export const CHALLENGE_SECONDS = 300

const TIME_OCTETS = 4
const NONCE_OCTETS = 16
const MAC_OCTETS = 16
const SIGNED_OCTETS = TIME_OCTETS + NONCE_OCTETS
const ID = /^[\w-]{48}$/

export function sessionIds(key: Uint8Array, clock: Clock): SessionIds {
  const macOf = (signed: Uint8Array) => createHmac('sha256', key).update(signed).digest().subarray(0, MAC_OCTETS)
  const nowSeconds = () => Math.floor(clock.nowMs() / 1000)
  return {
    make() {
      const signed = Buffer.alloc(SIGNED_OCTETS)
      signed.writeUInt32BE(nowSeconds())
      const nonce = randomBytes(NONCE_OCTETS)
      nonce.copy(signed, TIME_OCTETS)
      return { sessionId: Buffer.concat([signed, macOf(signed)]).toString('base64url'), nonce }
    },
    read(sessionId, maxAgeSeconds) {
      if (!ID.test(sessionId)) return undefined
      const octets = Buffer.from(sessionId, 'base64url')
      const signed = octets.subarray(0, SIGNED_OCTETS)
      if (!timingSafeEqual(octets.subarray(SIGNED_OCTETS), macOf(signed))) return undefined
      const ageSeconds = nowSeconds() - signed.readUInt32BE()
      return ageSeconds <= maxAgeSeconds ? { sessionId, nonce: signed.subarray(TIME_OCTETS) } : undefined
    },
  }
}
