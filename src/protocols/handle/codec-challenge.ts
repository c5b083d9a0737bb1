/**
 * What answers a challenge, within the body of OP.answerChallenge.
 *
 *   HS_PUBKEY  algorithm signature                       ; texts with lengths; `SHA-256`, `SHA1`, `MD5`, or one octet of DIGEST
 *   HS_SECKEY  code mac                                  ; code = OCTET of SECRET_MAC; mac: all octets that follow
 *            / %x22 salt iterations bits mac             ; salt and mac with lengths, the others 4OCTET
 *
 * Both are over the octets of the nonce and, behind them, of the request's digest without its code.
 *
 * Source: RFC 3652 §3.5.2, and software in use.
 */
import type { Decoded } from '../../platform/byte-fault.js'
import { ByteReader } from '../../platform/byte-reader.js'
import { ByteWriter } from '../../platform/byte-writer.js'
import { DIGEST, isOlder, type Version } from './codec-version.js'

export const BY_PUBLIC_KEY = 'HS_PUBKEY'
export const BY_SECRET_KEY = 'HS_SECKEY'

/** How the MAC of a secret-key answer is made. */
export const SECRET_MAC = {
  /** The hash over secret, nonce, digest and secret again. */
  md5: 0x01,
  sha1: 0x02,
  sha256: 0x03,
  hmacSha1: 0x12,
  hmacSha256: 0x13,
  /** HMAC-SHA1 with a key that PBKDF2-HMAC-SHA1 makes of the secret. */
  pbkdf2HmacSha1: 0x22,
} as const

export interface PublicKeyAnswer {
  readonly algorithm: string
  readonly signature: Uint8Array
}

export interface SecretKeyAnswer {
  /** Of `SECRET_MAC`. */
  readonly code: number
  readonly mac: Uint8Array
  /** With `SECRET_MAC.pbkdf2HmacSha1` only. The numbers are the client's: bound them before they are used. */
  readonly derivation?: Derivation
}

export interface Derivation {
  readonly salt: Uint8Array
  readonly iterations: number
  readonly keyBits: number
}

const writer = new ByteWriter()

/** What an answer signs, or makes its MAC over. */
export function challengedOctets(nonce: Uint8Array, requestDigest: Uint8Array): Buffer {
  return Buffer.concat([nonce, requestDigest])
}

export function decodePublicKeyAnswer(octets: Uint8Array): Decoded<PublicKeyAnswer> {
  const reader = new ByteReader(octets)
  const answer = { algorithm: reader.text('algorithm'), signature: reader.lengthAndOctets('signature') }
  reader.mustEnd('the answer')
  return reader.decoded(answer)
}

/** @throws EncodingError */
export function encodePublicKeyAnswer({ algorithm, signature }: PublicKeyAnswer): Uint8Array {
  writer.begin()
  writer.text('algorithm', algorithm)
  writer.lengthAndOctets('signature', signature)
  return writer.finish()
}

export function decodeSecretKeyAnswer(octets: Uint8Array): Decoded<SecretKeyAnswer> {
  const reader = new ByteReader(octets)
  const code = reader.int1('code')
  if (code !== SECRET_MAC.pbkdf2HmacSha1) return reader.decoded({ code, mac: reader.octets(reader.left, 'mac') })
  const derivation = {
    salt: reader.lengthAndOctets('salt'),
    iterations: reader.int4('iterations'),
    keyBits: reader.int4('bits'),
  }
  const mac = reader.lengthAndOctets('mac')
  reader.mustEnd('the answer')
  return reader.decoded({ code, mac, derivation })
}

/** @throws EncodingError */
export function encodeSecretKeyAnswer({ code, mac, derivation }: SecretKeyAnswer): Uint8Array {
  writer.begin()
  writer.int1('code', code)
  if (derivation === undefined) {
    writer.octets(mac)
    return writer.finish()
  }
  writer.lengthAndOctets('salt', derivation.salt)
  writer.int4('iterations', derivation.iterations)
  writer.int4('bits', derivation.keyBits)
  writer.lengthAndOctets('mac', mac)
  return writer.finish()
}

const FIRST_WITH_DERIVATION: Version = { major: 2, minor: 7 }

/** How a client of this version answers with a secret key. */
export function secretMacFor(version: Version): number {
  return isOlder(version, FIRST_WITH_DERIVATION) ? SECRET_MAC.sha1 : SECRET_MAC.pbkdf2HmacSha1
}

const HASHES: Readonly<Record<string, number>> = {
  md5: DIGEST.md5,
  sha1: DIGEST.sha1,
  'sha-1': DIGEST.sha1,
  sha256: DIGEST.sha256,
  'sha-256': DIGEST.sha256,
  '\u0001': DIGEST.md5,
  '\u0002': DIGEST.sha1,
  '\u0003': DIGEST.sha256,
}

/** The hash of a signature's algorithm, of `DIGEST`; undefined for one that is not known. */
export function hashCodeOf(algorithm: string): number | undefined {
  const name = algorithm.toLowerCase()
  return Object.hasOwn(HASHES, name) ? HASHES[name] : undefined
}
