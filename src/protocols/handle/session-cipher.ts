/**
 * The cipher of a session, AES-128 in CBC mode with the padding of PKCS #7, as software in use has it.
 *
 *   sealed = initialisationVector ciphertext      ; 16 octets, and a multiple of 16
 *
 * The envelope is not protected by it: what says that a message is of the session is the MAC inside (digests.ts).
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { magnitude } from '../../record/value-types/hs-pubkey.js'

const CIPHER = 'aes-128-cbc'
const CIPHER_KEY_OCTETS = 16
export const SESSION_KEY_OCTETS = 32
export const IV_OCTETS = 16

/**
 * The key of a session from its Diffie-Hellman secret: the first 32 octets, after zeros in front for as long as more than
 * these remain. All of them are the key of MACs, the first 16 that of the cipher.
 */
export function sessionKeyOf(secret: Uint8Array): Uint8Array {
  const significant = magnitude(secret)
  const start = Math.min(secret.length - significant.length, Math.max(secret.length - SESSION_KEY_OCTETS, 0))
  return secret.subarray(start, start + SESSION_KEY_OCTETS)
}

/** @param iv 16 random octets, never the same twice */
export function seal(sessionKey: Uint8Array, iv: Uint8Array, content: Uint8Array): Buffer {
  const cipher = createCipheriv(CIPHER, sessionKey.subarray(0, CIPHER_KEY_OCTETS), iv)
  return Buffer.concat([iv, cipher.update(content), cipher.final()])
}

/** Undefined when the octets were not sealed with this key, or were changed. */
export function open(sessionKey: Uint8Array, sealed: Uint8Array): Buffer | undefined {
  if (sealed.length <= IV_OCTETS || sealed.length % IV_OCTETS !== 0) return undefined
  const cipherKey = sessionKey.subarray(0, CIPHER_KEY_OCTETS)
  const decipher = createDecipheriv(CIPHER, cipherKey, sealed.subarray(0, IV_OCTETS))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(IV_OCTETS)), decipher.final()])
  } catch {
    return undefined
  }
}
