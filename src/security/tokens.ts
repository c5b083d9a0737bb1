/**
 * API keys as text: `jx_<id>_<secret>`.
 *
 *   id      12 characters of base32 (a-z, 2-7); public: names the key in lists, logs and the change feed
 *   secret  32 random bytes in base64url, 43 characters; only its SHA-256 is ever stored
 *
 * A secret of 256 random bits needs neither salt nor a slow hash.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

export interface ApiKeyText {
  readonly id: string
  readonly secret: string
}

export interface GeneratedApiKey extends ApiKeyText {
  /** What its holder sends; shown once. */
  readonly text: string
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
const ID_LENGTH = 12
const SECRET_BYTES = 32
const API_KEY = /^jx_([a-z2-7]{12})_([\w-]{43})$/

export function generateApiKey(): GeneratedApiKey {
  const id = randomName(ID_LENGTH)
  const secret = randomBytes(SECRET_BYTES).toString('base64url')
  return { id, secret, text: `jx_${id}_${secret}` }
}

/** undefined: not written like an API key of this node. */
export function parseApiKey(text: string): ApiKeyText | undefined {
  const [, id, secret] = API_KEY.exec(text) ?? []
  return id === undefined || secret === undefined ? undefined : { id, secret }
}

/** SHA-256. */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** Takes the same time whatever the secret is. */
export function secretMatches(secret: string, sha256: Buffer): boolean {
  return sha256.length === SECRET_BYTES && timingSafeEqual(hashSecret(secret), sha256)
}

/** Random base32; five bits a character. */
export function randomName(length: number): string {
  return Array.from(randomBytes(length), (byte) => ALPHABET[byte & 31]).join('')
}
