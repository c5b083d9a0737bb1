/**
 * Whether an answer to a challenge was made with the key that a value of a handle holds.
 *
 * What is too weak for anybody to rely on is refused: RSA and DSA below 1,024 bits, empty secrets, secrets that everybody may
 * read, and MD5 from a client that was given a better digest to sign.
 */

import { isUtf8 } from 'node:buffer'
import { createPublicKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto'
import { PUBLIC_READ } from '../../../record/record.js'
import { decodePublicKey } from '../../../record/value-types/hs-pubkey.js'
import {
  BY_PUBLIC_KEY,
  BY_SECRET_KEY,
  challengedOctets,
  decodePublicKeyAnswer,
  decodeSecretKeyAnswer,
  hashCodeOf,
  SECRET_MAC,
} from '../codec-challenge.js'
import type { HandleValue } from '../codec-value.js'
import { DIGEST } from '../codec-version.js'
import { hashName, secretKeyMac } from '../digests.js'
import { signatureKey } from '../keys.js'
import type { Proof } from './contract.js'

/** Undefined: it is proved. Else the reason why it is not, which tells nothing about the key. */
export type Doubt = string | undefined

/** As Ed25519 signs, which no software in use names: our own clients do. */
export const ED25519_ALGORITHM = 'Ed25519'

const LEAST_KEY_BITS = 1_024
const MD5_OCTETS = 16
export const MAX_ITERATIONS = 100_000
const PEM = '-----BEGIN '

export type Challenged = Pick<Proof, 'type' | 'nonce' | 'requestDigest' | 'answer'>

export async function doubtOf(value: HandleValue, challenged: Challenged): Promise<Doubt> {
  if (challenged.type === BY_PUBLIC_KEY) return doubtOfSignature(value, challenged)
  if (challenged.type === BY_SECRET_KEY) return doubtOfMac(value, challenged)
  return `authentication by ${challenged.type} is not known: use HS_PUBKEY or HS_SECKEY`
}

/** The key of an HS_PUBKEY, also where national software has put PEM text there; undefined for what is none, or too weak. */
export function verifyingKey({ data }: Pick<HandleValue, 'data'>): KeyObject | undefined {
  const key = readKey(data)
  const bits = key?.asymmetricKeyDetails?.modulusLength
  return bits !== undefined && bits < LEAST_KEY_BITS ? undefined : key
}

function readKey(data: Uint8Array): KeyObject | undefined {
  const decoded = decodePublicKey(data)
  if (decoded.ok) return signatureKey(decoded.value)
  const text = isUtf8(data) ? Buffer.from(data).toString() : ''
  if (!text.startsWith(PEM) || text.includes('PRIVATE KEY')) return undefined
  try {
    const key = createPublicKey(text)
    return ['rsa', 'dsa', 'ed25519'].includes(key.asymmetricKeyType ?? '') ? key : undefined
  } catch {
    return undefined
  }
}

function doubtOfSignature(value: HandleValue, { nonce, requestDigest, answer }: Challenged): Doubt {
  const decoded = decodePublicKeyAnswer(answer)
  if (!decoded.ok) return `the answer can't be read: ${decoded.message}`
  const { algorithm, signature } = decoded.value
  const key = verifyingKey(value)
  if (key === undefined) return `value ${value.index} holds no key for signatures of at least ${LEAST_KEY_BITS} bits`
  const hash = hashFor(key, algorithm, requestDigest)
  if (hash === undefined) return `signatures by ${algorithm} are not taken with this key`
  const isGood = verifies(key, { hash: hash.name, octets: challengedOctets(nonce, requestDigest), signature })
  return isGood ? undefined : 'the signature is not of this key'
}

function hashFor(
  key: KeyObject,
  algorithm: string,
  requestDigest: Uint8Array,
): { readonly name: string | null } | undefined {
  const isEdwards = key.asymmetricKeyType === 'ed25519'
  if (algorithm.toLowerCase() === ED25519_ALGORITHM.toLowerCase()) return isEdwards ? { name: null } : undefined
  const code = hashCodeOf(algorithm)
  if (isEdwards || code === undefined || isTooWeak(code, requestDigest)) return undefined
  return { name: hashName(code)! }
}

/** A client that was given MD5's digest is too old for better; all others know better. */
function isTooWeak(hashCode: number, requestDigest: Uint8Array): boolean {
  return hashCode === DIGEST.md5 && requestDigest.length !== MD5_OCTETS
}

function verifies(
  key: KeyObject,
  signed: { readonly hash: string | null; readonly octets: Uint8Array; readonly signature: Uint8Array },
): boolean {
  try {
    return verify(signed.hash, signed.octets, key, signed.signature)
  } catch {
    // Octets that are no signature at all.
    return false
  }
}

async function doubtOfMac(value: HandleValue, { nonce, requestDigest, answer }: Challenged): Promise<Doubt> {
  const decoded = decodeSecretKeyAnswer(answer)
  if (!decoded.ok) return `the answer can't be read: ${decoded.message}`
  const unfit = unfitSecret(value)
  if (unfit !== undefined) return unfit
  const { code, mac } = decoded.value
  if (code === SECRET_MAC.md5 && isTooWeak(DIGEST.md5, requestDigest)) return 'a MAC by MD5 is not taken any more'
  const right = await secretKeyMac(decoded.value, { secret: value.data, nonce, requestDigest }, MAX_ITERATIONS)
  if (right === undefined) return `the MAC's kind ${code} is not known, or asks for too much work`
  return sameOctets(right, mac) ? undefined : 'the MAC is not of this secret'
}

/** Why nobody should be believed because he knows this secret. */
export function unfitSecret({ index, data, permissions }: HandleValue): Doubt {
  if (data.length === 0) return `value ${index} holds an empty secret`
  if ((permissions & PUBLIC_READ) === 0) return undefined
  return `everybody can read the secret in value ${index}: choose another, and give it permissions 1100`
}

export function sameOctets(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}
