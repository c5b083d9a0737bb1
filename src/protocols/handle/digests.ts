/** Digests and MACs of the native protocol, by node:crypto. Slow ones run beside the event loop. */
import { createHash, createHmac, hash, pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'
import { challengedOctets, type Derivation, SECRET_MAC, type SecretKeyAnswer } from './codec-challenge.js'
import type { RequestDigest } from './codec-digest.js'
import { signedPartOf } from './codec-message.js'
import { DIGEST, digestCodeFor, isOlder, type Version } from './codec-version.js'

const HASH_BY_CODE: Readonly<Record<number, string>> = {
  [DIGEST.md5]: 'md5',
  [DIGEST.sha1]: 'sha1',
  [DIGEST.sha256]: 'sha256',
}

const deriveKey = promisify(pbkdf2)

/** The name that node:crypto has for a hash of `DIGEST`; undefined for a code of none. */
export function hashName(code: number): string | undefined {
  return HASH_BY_CODE[code]
}

/** The digest of a whole request, as its response in this version returns it. */
export function requestDigest(request: Uint8Array, version: Version): RequestDigest {
  const code = digestCodeFor(version)
  return { code, octets: hash(HASH_BY_CODE[code]!, signedPartOf(request), 'buffer') }
}

const FIRST_WITH_HMAC: Version = { major: 2, minor: 7 }

export interface SessionMac {
  readonly algorithm: string
  readonly signature: Buffer
}

/**
 * The MAC of a message in a session.
 *
 * @param signed as `signedOctets` gives it
 */
export function sessionMac(version: Version, key: Uint8Array, signed: Uint8Array): SessionMac {
  if (!isOlder(version, FIRST_WITH_HMAC)) {
    return { algorithm: 'HMAC-SHA256', signature: createHmac('sha256', key).update(signed).digest() }
  }
  const signature = createHash('sha1').update(key).update(signed).update(key).digest()
  return { algorithm: String.fromCharCode(DIGEST.sha1), signature }
}

/** What a secret-key answer is made from. */
export interface SecretChallenge {
  readonly secret: Uint8Array
  readonly nonce: Uint8Array
  /** Without its code. */
  readonly requestDigest: Uint8Array
}

/**
 * The MAC that a right answer to the challenge has, made as `answer` says; undefined when it names no known way, or asks for
 * more work than `maxIterations`.
 */
export async function secretKeyMac(
  { code, derivation }: Pick<SecretKeyAnswer, 'code' | 'derivation'>,
  { secret, nonce, requestDigest }: SecretChallenge,
  maxIterations: number,
): Promise<Buffer | undefined> {
  const octets = challengedOctets(nonce, requestDigest)
  switch (code) {
    case SECRET_MAC.md5:
    case SECRET_MAC.sha1:
    case SECRET_MAC.sha256:
      return createHash(HASH_BY_CODE[code]!).update(secret).update(octets).update(secret).digest()
    case SECRET_MAC.hmacSha1:
      return createHmac('sha1', secret).update(octets).digest()
    case SECRET_MAC.hmacSha256:
      return createHmac('sha256', secret).update(octets).digest()
    case SECRET_MAC.pbkdf2HmacSha1: {
      const key = derivation && (await derivedKey(secret, derivation, maxIterations))
      return key && createHmac('sha1', key).update(octets).digest()
    }
    default:
      return undefined
  }
}

const MAX_KEY_BITS = 512

async function derivedKey(secret: Uint8Array, { salt, iterations, keyBits }: Derivation, maxIterations: number) {
  if (iterations < 1 || iterations > maxIterations) return undefined
  if (keyBits < 8 || keyBits > MAX_KEY_BITS || keyBits % 8 !== 0) return undefined
  return deriveKey(secret, salt, iterations, keyBits / 8, 'sha1')
}
