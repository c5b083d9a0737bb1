/**
 * Who the client acts for, and how it proves that: by an answer to the server's challenge, which is the nonce and the
 * digest of the very request that was challenged.
 */
import { type KeyObject, sign } from 'node:crypto'
import type { HandleIndex } from '../codec-body.js'
import {
  BY_PUBLIC_KEY,
  BY_SECRET_KEY,
  challengedOctets,
  encodePublicKeyAnswer,
  encodeSecretKeyAnswer,
  type PublicKeyAnswer,
  SECRET_MAC,
  secretMacFor,
} from '../codec-challenge.js'
import { isOlder, type Version } from '../codec-version.js'
import { secretKeyMac } from '../digests.js'
import { HandleFault } from './faults.js'
import type { Random } from './request.js'

/** An identity is the value at `index` of `handle`: HS_SECKEY with the secret, HS_PUBKEY with the public half of the key. */
export type Identity = HandleIndex &
  (
    | { readonly kind: 'secret'; readonly secret: Uint8Array }
    /** RSA or DSA; Ed25519 is understood by nodes of this kind only. */
    | { readonly kind: 'key'; readonly privateKey: KeyObject }
  )

export interface Challenge {
  readonly nonce: Uint8Array
  /** Of our own request; what a server says of it is compared before. */
  readonly requestDigest: Uint8Array
  /** The server's, as its challenge has it. */
  readonly version: Version
}

const SALT_OCTETS = 16
const ITERATIONS = 10_000
const KEY_BITS = 160
const FIRST_WITH_SHA256: Version = { major: 2, minor: 7 }
const FIRST_DSA_WITH_SHA256: Version = { major: 2, minor: 11 }

export async function challengeAnswer(identity: Identity, challenge: Challenge, random: Random) {
  const { handle, index } = identity
  const answer =
    identity.kind === 'secret'
      ? await bySecret(identity.secret, challenge, random)
      : encodePublicKeyAnswer(bySignature(identity.privateKey, challenge))
  const type = identity.kind === 'secret' ? BY_SECRET_KEY : BY_PUBLIC_KEY
  return { kind: 'challenge-answer' as const, type, handle, index, answer }
}

async function bySecret(secret: Uint8Array, { nonce, requestDigest, version }: Challenge, random: Random) {
  const code = secretMacFor(version)
  const isDerived = code === SECRET_MAC.pbkdf2HmacSha1
  const way = isDerived
    ? { code, derivation: { salt: random(SALT_OCTETS), iterations: ITERATIONS, keyBits: KEY_BITS } }
    : { code }
  const mac = await secretKeyMac(way, { secret, nonce, requestDigest }, ITERATIONS)
  return encodeSecretKeyAnswer({ ...way, mac: mac! })
}

function bySignature(key: KeyObject, { nonce, requestDigest, version }: Challenge): PublicKeyAnswer {
  const octets = challengedOctets(nonce, requestDigest)
  const kind = key.asymmetricKeyType
  if (kind === 'ed25519') return { algorithm: 'Ed25519', signature: sign(null, octets, key) }
  if (kind !== 'rsa' && kind !== 'dsa')
    throw new HandleFault(
      'key-malformed',
      `A private key of kind ${kind} proves nothing here: use RSA, DSA or Ed25519.`,
    )
  const isOld = isOlder(version, kind === 'rsa' ? FIRST_WITH_SHA256 : FIRST_DSA_WITH_SHA256)
  return { algorithm: isOld ? 'SHA1' : 'SHA-256', signature: sign(isOld ? 'sha1' : 'sha256', octets, key) }
}
