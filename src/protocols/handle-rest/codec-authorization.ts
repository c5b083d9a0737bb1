/**
 * What `Authorization` says, and the same members as JSON.
 *
 *   Basic base64( user ":" password )             user and password percent-encoded: 301%3A0.NA/88.100.1
 *   Handle name="value", …                        quoted or not; a backslash takes the next character as it is
 *
 *   version     0, and looked at by nobody
 *   sessionId   of the challenge or session
 *   id          301:0.NA/88.100.1                 index and handle of the key's value; without an index, any key of the handle
 *   type        HS_PUBKEY or HS_SECKEY
 *   cnonce      base64: what the client adds to the server's nonce
 *   alg         SHA1, SHA256, HMAC-SHA1, HMAC-SHA256, PBKDF2WithHmacSHA1
 *   signature   base64: over nonce and cnonce
 *   salt, iterations, length      of PBKDF2WithHmacSHA1; length in bits
 *   clientCert  true: the certificate of the TLS connection says who it is
 */
import { isJsonObject, ownMember } from '../../record/json-object.js'
import type { HandleIndex } from '../handle/codec-body.js'
import {
  BY_PUBLIC_KEY,
  BY_SECRET_KEY,
  encodePublicKeyAnswer,
  encodeSecretKeyAnswer,
  hashCodeOf,
  SECRET_MAC,
} from '../handle/codec-challenge.js'

export interface Password {
  readonly kind: 'password'
  readonly id: HandleIndex
  /** The likeliest first: whether the client percent-encoded it can't be told where it looks so. */
  readonly passwords: readonly Uint8Array[]
}

export interface HandleCredentials {
  readonly kind: 'handle'
  readonly sessionId: string | undefined
  readonly usesCertificate: boolean
  readonly cnonce: Uint8Array | undefined
  /** Who it is, and the octets that prove it, as codec-challenge.ts has them. */
  readonly claim: Claim | undefined
}

export interface Claim {
  readonly id: HandleIndex
  readonly type: string
  readonly answer: Uint8Array
}

export interface Unreadable {
  readonly kind: 'unreadable'
  readonly reason: string
}

export type Credentials = Password | HandleCredentials | Unreadable

const SCHEME = /^(\w+)(?: +(.*))?$/s
const MAX_CHARACTERS = 8192

export function readAuthorization(header: string): Credentials {
  const [, scheme = '', rest = ''] = header.length > MAX_CHARACTERS ? [] : (SCHEME.exec(header.trim()) ?? [])
  if (scheme.toLowerCase() === 'basic') return readBasic(rest)
  if (scheme.toLowerCase() !== 'handle') return unreadable('Known are the schemes Basic and Handle.')
  const members = readMembers(rest)
  if (members === undefined) return unreadable('Write the parameters of Handle as name="value", with commas between.')
  return readMember((name) => members.get(name.toLowerCase()))
}

/** The members of a JSON body, of which only texts, numbers and truths count. */
export function readEntity(body: unknown): Credentials {
  if (!isJsonObject(body)) return unreadable('Give the parameters as members of a JSON object.')
  return readMember((name) => {
    const member = ownMember(body, name)
    return typeof member === 'string' || typeof member === 'number' || typeof member === 'boolean'
      ? String(member)
      : undefined
  })
}

function readMember(member: (name: string) => string | undefined): HandleCredentials | Unreadable {
  const cnonceText = member('cnonce')
  const cnonce = cnonceText === undefined ? undefined : octetsOf(cnonceText)
  if (cnonceText !== undefined && cnonce === undefined) return unreadable('cnonce is octets in base64.')
  const claim = member('signature') === undefined ? undefined : claimOf(member)
  if (typeof claim === 'string') return unreadable(claim)
  const sessionId = member('sessionId')
  const usesCertificate = member('clientCert')?.toLowerCase() === 'true'
  return { kind: 'handle', sessionId, usesCertificate, cnonce, claim }
}

/** A text is what is wrong with it. */
function claimOf(member: (name: string) => string | undefined): Claim | string {
  const id = identityOf(member('id') ?? '')
  if (id === undefined) return 'id is an index, a colon and a handle: 300:0.NA/88.118.8.'
  const signature = octetsOf(member('signature') ?? '')
  if (signature === undefined) return 'signature is octets in base64.'
  const type = member('type') ?? ''
  const alg = member('alg') ?? ''
  if (type.toUpperCase() === BY_PUBLIC_KEY) {
    if (hashCodeOf(alg) === undefined) return 'alg of a public key is SHA256 or SHA1.'
    return { id, type: BY_PUBLIC_KEY, answer: encodePublicKeyAnswer({ algorithm: alg, signature }) }
  }
  if (type.toUpperCase() !== BY_SECRET_KEY) return `type is ${BY_PUBLIC_KEY} or ${BY_SECRET_KEY}.`
  const answer = secretAnswer(member, { alg, mac: signature })
  return typeof answer === 'string' ? answer : { id, type: BY_SECRET_KEY, answer }
}

const SECRET_CODES: Readonly<Record<string, number>> = {
  sha1: SECRET_MAC.sha1,
  'sha-1': SECRET_MAC.sha1,
  sha256: SECRET_MAC.sha256,
  'sha-256': SECRET_MAC.sha256,
  'hmac-sha1': SECRET_MAC.hmacSha1,
  'hmac-sha256': SECRET_MAC.hmacSha256,
}

function secretAnswer(
  member: (name: string) => string | undefined,
  { alg, mac }: { readonly alg: string; readonly mac: Uint8Array },
): Uint8Array | string {
  const name = alg.toLowerCase()
  if (name === 'pbkdf2withhmacsha1') {
    const salt = octetsOf(member('salt') ?? '')
    const [iterations, keyBits] = [numberOf(member('iterations')), numberOf(member('length'))]
    if (salt === undefined || iterations === undefined || keyBits === undefined)
      return 'PBKDF2WithHmacSHA1 needs salt (base64), iterations and length (bits).'
    return encodeSecretKeyAnswer({
      code: SECRET_MAC.pbkdf2HmacSha1,
      mac,
      derivation: { salt, iterations, keyBits },
    })
  }
  const code = Object.hasOwn(SECRET_CODES, name) ? SECRET_CODES[name] : undefined
  if (code === undefined) return 'alg of a secret key is PBKDF2WithHmacSHA1, HMAC-SHA256, HMAC-SHA1, SHA256 or SHA1.'
  return encodeSecretKeyAnswer({ code, mac })
}

const MAX_INDEX = 0xffff_ffff

/** `300:0.NA/88.118.8`; without an index any key of the handle is meant, index 0. Undefined when it is none of these. */
export function identityOf(text: string): HandleIndex | undefined {
  const [, index = '0', handle = ''] = /^(?:(\d{1,10}):)?(.+)$/s.exec(text) ?? []
  return handle !== '' && Number(index) <= MAX_INDEX ? { index: Number(index), handle } : undefined
}

export function identityText({ index, handle }: HandleIndex): string {
  return `${index}:${handle}`
}

function readBasic(rest: string): Password | Unreadable {
  const octets = octetsOf(rest.trim())
  const colon = octets?.indexOf(0x3a) ?? -1
  if (octets === undefined || colon < 0) return unreadable('Basic has user, ":" and password in base64.')
  const user = percentDecoded(octets.subarray(0, colon)).toString('utf8')
  const id = identityOf(user)
  if (id === undefined) return unreadable('The user is an index, %3A and a handle: 300%3A0.NA/88.118.8.')
  const given = octets.subarray(colon + 1)
  const decoded = percentDecoded(given)
  return { kind: 'password', id, passwords: decoded.equals(given) ? [given] : [decoded, given] }
}

const PERCENT = 0x25

/** What is no escape stays as it is. */
function percentDecoded(octets: Buffer): Buffer {
  if (!octets.includes(PERCENT)) return octets
  const decoded = octets
    .toString('latin1')
    .replace(/%([\da-fA-F]{2})/g, (_escape, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
  return Buffer.from(decoded, 'latin1')
}

const PARAMETER =
  /[ \t,]*([A-Za-z]\w{0,63})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.){0,8192})"|([^\s",]{0,8192}))[ \t]*(?:,|$)/sy

/** Names in lower case; of one that is repeated the first counts. Undefined when something else stands there. */
function readMembers(text: string): ReadonlyMap<string, string> | undefined {
  const members = new Map<string, string>()
  PARAMETER.lastIndex = 0
  for (let at = 0; text.slice(at).trim() !== ''; at = PARAMETER.lastIndex) {
    const found = PARAMETER.exec(text)
    if (found === null) return undefined
    const [, name, quoted, plain] = found
    const value = quoted === undefined ? (plain ?? '') : quoted.replace(/\\(.)/gs, '$1')
    if (!members.has(name!.toLowerCase())) members.set(name!.toLowerCase(), value)
  }
  return members
}

const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/

function octetsOf(text: string): Buffer | undefined {
  return text.length <= MAX_CHARACTERS && BASE64.test(text) ? Buffer.from(text, 'base64') : undefined
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

function unreadable(reason: string): Unreadable {
  return { kind: 'unreadable', reason }
}
