/**
 * Whether a message is the answer to what was asked, and vouched for where that is demanded. Whatever is not so is a fault:
 * nothing that a server says against the rules goes further.
 */
import { hash, verify } from 'node:crypto'
import { hashCodeOf } from '../codec-challenge.js'
import { type Credential, MAC, SIGNED } from '../codec-credential.js'
import type { RequestDigest } from '../codec-digest.js'
import { type Message, signedPartOf } from '../codec-message.js'
import { signedOctets } from '../codec-signed.js'
import { DIGEST, isOlder, type Version } from '../codec-version.js'
import { FLAG, hasFlag, RC } from '../codes.js'
import { hashName } from '../digests.js'
import { HandleFault, type HandleFaultReason } from './faults.js'
import type { Server } from './server.js'
import { formatServerAddress } from './server-address.js'
import type { Session } from './session.js'

export interface Expected {
  readonly server: Server
  readonly opCode: number
  /** The newest version that the request allows. */
  readonly version: Version
  readonly flags: number
  /** Whole requests, not encrypted, whose digest the answer may return. */
  readonly requests: readonly Uint8Array[]
  readonly session?: Session
  readonly nowMs: number
}

/** Codes whose word counts for something: an answer with another one says only that there is none. */
const TELLING: ReadonlySet<number> = new Set([
  RC.success,
  RC.handleNotFound,
  RC.valuesNotFound,
  RC.serviceReferral,
  RC.prefixReferral,
])
const OLD_SIGNED = 'HS_DSAPUBKEY'

/** @param octets the whole message, not encrypted. @throws HandleFault */
export function verifyAnswer(message: Message, octets: Buffer, expected: Expected): void {
  const wrong =
    wrongHeader(message, expected) ??
    wrongVersion(message.envelope.version, expected.version) ??
    wrongTime(message, expected.nowMs) ??
    wrongDigest(message, expected)
  if (wrong !== undefined) throw faultOf(expected.server, 'invalid-answer', wrong)
  if (message.credential?.type === MAC) verifyMac(message, octets, expected)
  else if (hasFlag(expected.flags, FLAG.certify)) verifySignature(message, octets, expected)
}

function wrongHeader({ header }: Message, { opCode }: Expected): string | undefined {
  if (header.responseCode === RC.none) return 'sends a request where an answer is due'
  // Who could not read a request doesn't know its operation.
  const isUnread = header.opCode === 0 && !TELLING.has(header.responseCode)
  return header.opCode === opCode || isUnread
    ? undefined
    : `answers operation ${header.opCode}, where ${opCode} was asked for`
}

function wrongVersion(version: Version, asked: Version): string | undefined {
  const isKnown = version.major === 2 || version.major === 3
  return isKnown && !isOlder(asked, version)
    ? undefined
    : `answers in version ${version.major}.${version.minor}, where at most ${asked.major}.${asked.minor} was asked for`
}

function wrongTime({ header }: Message, nowMs: number): string | undefined {
  const seconds = Math.floor(nowMs / 1000) - header.expirationSeconds
  return seconds <= 0 ? undefined : `sends an answer that expired ${seconds} s ago (or the clocks differ)`
}

function wrongDigest({ header, requestDigest }: Message, { flags, requests }: Expected): string | undefined {
  if (requestDigest !== undefined)
    return requests.some((request) => isDigestOf(request, requestDigest))
      ? undefined
      : 'answers a request that was changed on the way: its digest is another'
  const isDue = hasFlag(flags, FLAG.returnDigest) && header.responseCode === RC.success && requests.length === 1
  return isDue ? 'returns no digest of the request' : undefined
}

/** Without a name the length tells which hash it is. */
const UNNAMED: Readonly<Record<number, number>> = { 16: DIGEST.md5, 20: DIGEST.sha1, 32: DIGEST.sha256 }

function isDigestOf(request: Uint8Array, { code, octets }: RequestDigest): boolean {
  const digest = digestOf(request, code === DIGEST.unnamed ? (UNNAMED[octets.length] ?? code) : code)
  return digest !== undefined && Buffer.compare(digest, octets) === 0
}

function digestOf(request: Uint8Array, code: number): Buffer | undefined {
  const name = hashName(code)
  return name === undefined ? undefined : hash(name, signedPartOf(request), 'buffer')
}

function verifyMac({ envelope, credential }: Message, octets: Buffer, { server, session }: Expected): void {
  if (session?.verifies(envelope, credential!, octets)) return
  throw faultOf(server, 'signature-invalid', 'sends an answer whose MAC is not of the session')
}

function verifySignature(message: Message, octets: Buffer, { server }: Expected): void {
  if (message.header.responseCode === RC.authenticationNeeded || !TELLING.has(message.header.responseCode)) return
  if (server.publicKey === undefined)
    throw faultOf(server, 'key-unknown', 'has no known key, so that its answer can be verified with nothing')
  const { envelope, credential } = message
  if (credential === undefined || (credential.type !== SIGNED && credential.type !== OLD_SIGNED))
    throw faultOf(server, 'signature-invalid', 'sends an answer that is not signed, as it was asked to')
  const parts = { envelope, type: SIGNED, counter: credential.index, headerAndBody: signedPartOf(octets) }
  const signed = signedOctets(parts)
  if (signed === undefined || !isSigned(signed, credential, server))
    throw faultOf(server, 'signature-invalid', 'sends an answer whose signature is not of its key')
}

function isSigned(octets: Uint8Array, { algorithm, signature }: Credential, { publicKey }: Server): boolean {
  const key = publicKey!
  try {
    if (key.asymmetricKeyType === 'ed25519') return verify(null, octets, key, signature)
    const code = hashCodeOf(algorithm)
    // Two messages with one MD5 are made in seconds.
    return code !== undefined && code !== DIGEST.md5 && verify(hashName(code)!, octets, key, signature)
  } catch {
    return false
  }
}

export function faultOf(server: Server, reason: HandleFaultReason, what: string): HandleFault {
  return new HandleFault(reason, `${formatServerAddress(server.address)} ${what}.`)
}
