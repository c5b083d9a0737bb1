/**
 * Who sends a request: by password (Basic), by a session that was authenticated before, by an answer to a challenge, or by the
 * key of the certificate that the TLS connection was made with.
 *
 * Only over TLS, or behind a trusted proxy that says it ended TLS: without, a request with credentials is refused, for its
 * sender should know that others have read them.
 */
import { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { FastifyRequest } from 'fastify'
import type { Identities } from '../handle/administration/contract.js'
import type { HandleIndex, ProvenIdentity } from '../handle/codec-body.js'
import { RC } from '../handle/codes.js'
import type { Signer } from '../handle/protection.js'
import { ApiRefusal } from './api-answer.js'
import {
  type Claim,
  type Credentials,
  type HandleCredentials,
  identityOf,
  type Password,
  readAuthorization,
} from './codec-authorization.js'
import { readForm } from './parameters.js'
import { CHALLENGE_SECONDS, type Challenge, type SessionIds } from './session-ids.js'

/** What is kept of sessions in which somebody has authenticated. */
export interface ApiSessions {
  /** False: this session was ended, or is somebody else's. */
  begin(sessionId: string, identity: ProvenIdentity): Promise<boolean>
  find(sessionId: string): Promise<ProvenIdentity | undefined>
  end(sessionId: string): Promise<void>
}

export const SESSION_SECONDS = 3_600

export interface Authenticating {
  readonly identities: Identities
  readonly sessions: ApiSessions
  readonly ids: SessionIds
  readonly signer?: Signer
}

/** What is known of a request's sender. */
export interface Caller {
  readonly identity?: ProvenIdentity
  /** The session that the request is of. */
  readonly session?: Challenge
  /** Given without saying who it is: the client wants to know whether this is the server it means. */
  readonly cnonce?: Uint8Array
}

const NOBODY: Caller = {}

/** @throws ApiRefusal `authenticationNeeded` when what is given proves nothing: it is never taken for nobody */
export async function callerOf(parts: Authenticating | undefined, request: FastifyRequest): Promise<Caller> {
  const { authorization } = request.headers
  // What a page asks for as a script is sent with whatever the browser remembers; so it gets what anybody gets.
  if (authorization === undefined || readForm(request).callback !== undefined) return NOBODY
  requireTls(request)
  if (parts === undefined) throw new ApiRefusal(RC.notSupported, 'Nobody can authenticate at this server.')
  return prove(parts, request, readAuthorization(authorization))
}

/** @throws ApiRefusal `authenticationNeeded`, 403 */
export function requireTls(request: FastifyRequest): void {
  if (isSecure(request)) return
  throw new ApiRefusal(
    RC.authenticationNeeded,
    'Authentication needs HTTPS. What was sent could be read on its way: change that secret.',
  )
}

export function isSecure(request: FastifyRequest): boolean {
  return request.protocol === 'https'
}

/** @throws ApiRefusal `authenticationNeeded` */
export async function prove(parts: Authenticating, request: FastifyRequest, credentials: Credentials): Promise<Caller> {
  if (credentials.kind === 'unreadable') throw await challengeOf(parts, { error: credentials.reason })
  if (credentials.kind === 'password') return { identity: await byPassword(parts, request, credentials) }
  const { sessionId, cnonce, claim, usesCertificate } = credentials
  const session = sessionId === undefined ? undefined : parts.ids.read(sessionId, SESSION_SECONDS)
  if (sessionId !== undefined && session === undefined)
    throw await challengeOf(parts, { error: 'The session is not known here, or over. Begin another.' })
  const identity = claim
    ? await byClaim(parts, request, { ...credentials, claim })
    : usesCertificate
      ? await byCertificate(parts, request)
      : session && (await bySession(parts, session))
  if (identity !== undefined && session !== undefined && (claim || usesCertificate))
    await beginSession(parts, session, identity)
  return {
    ...(identity && { identity }),
    ...(session && { session }),
    ...(claim === undefined && cnonce !== undefined ? { cnonce } : {}),
  }
}

async function byPassword(
  parts: Authenticating,
  request: FastifyRequest,
  { id, passwords }: Password,
): Promise<ProvenIdentity> {
  let why = ''
  for (const password of passwords) {
    const outcome = await parts.identities.proveByPassword({ ...id, password, from: request.ip })
    if (outcome.ok) return outcome.value
    if (outcome.responseCode === RC.tooBusy) throw new ApiRefusal(RC.tooBusy, outcome.message)
    why = outcome.message
  }
  throw await challengeOf(parts, { error: why })
}

async function byClaim(
  parts: Authenticating,
  request: FastifyRequest,
  { sessionId, cnonce, claim }: HandleCredentials & { readonly claim: Claim },
): Promise<ProvenIdentity> {
  const challenge = parts.ids.read(sessionId ?? '', CHALLENGE_SECONDS)
  if (challenge === undefined || cnonce === undefined) {
    const error =
      cnonce === undefined
        ? 'A signature needs the cnonce that it is over.'
        : `A signature answers a challenge that is at most ${CHALLENGE_SECONDS} s old.`
    throw await challengeOf(parts, { error })
  }
  const { id, type, answer } = claim
  const outcome = await parts.identities.prove({
    ...id,
    type,
    answer,
    nonce: challenge.nonce,
    requestDigest: cnonce,
    from: request.ip,
  })
  if (outcome.ok) return outcome.value
  if (outcome.responseCode === RC.tooBusy) throw new ApiRefusal(RC.tooBusy, outcome.message)
  throw await challengeOf(parts, { session: challenge, error: outcome.message })
}

/** The subject's UID, or else its CN, says whose key it is. Its dates say nothing: the key is good while it stands in the record. */
async function byCertificate(parts: Authenticating, request: FastifyRequest): Promise<ProvenIdentity> {
  const socket = request.raw.socket as Partial<TLSSocket>
  const peer = socket.getPeerCertificate?.()
  const raw = peer?.raw
  const id = peer && raw && subjectIdentity(peer.subject as unknown as Readonly<Record<string, unknown>>)
  if (id === undefined || raw === undefined) {
    const error = 'The connection has no client certificate whose UID or CN is an index, a colon and a handle.'
    throw await challengeOf(parts, { error })
  }
  const outcome = await parts.identities.proveByKey(id, new X509Certificate(raw).publicKey)
  if (outcome.ok) return outcome.value
  throw await challengeOf(parts, { error: outcome.message })
}

function subjectIdentity({ UID, CN }: Readonly<Record<string, unknown>>): HandleIndex | undefined {
  const text = [UID, CN].flat().find((name) => typeof name === 'string')
  return typeof text === 'string' ? identityOf(text) : undefined
}

async function bySession(parts: Authenticating, session: Challenge): Promise<ProvenIdentity | undefined> {
  const stored = await parts.sessions.find(session.sessionId)
  if (stored === undefined) return undefined
  const checked = await parts.identities.recheck(stored)
  if (checked.ok) return checked.value
  await parts.sessions.end(session.sessionId)
  throw await challengeOf(parts, { error: checked.message })
}

/** @throws ApiRefusal `authenticationNeeded` when the session was ended, or is somebody else's */
export async function beginSession(parts: Authenticating, session: Challenge, identity: ProvenIdentity): Promise<void> {
  if (await parts.sessions.begin(session.sessionId, identity)) return
  throw await challengeOf(parts, { error: 'The session was ended, or is that of another identity. Begin another.' })
}

/** What a challenge says besides its own. */
interface ChallengeDetails {
  readonly error?: string
  /** Repeated, where the client has one that is still good for an answer. */
  readonly session?: Challenge | undefined
  readonly cnonce?: Uint8Array | undefined
  readonly handle?: string
}

/** The refusal that asks who it is: 401 with both ways to say so. */
export async function challengeOf(parts: Authenticating, details: ChallengeDetails): Promise<ApiRefusal> {
  const { error, cnonce, handle } = details
  const repeated = details.session && parts.ids.read(details.session.sessionId, CHALLENGE_SECONDS)
  const challenge = repeated ?? parts.ids.make()
  const members: [string, string][] = [
    ['sessionId', challenge.sessionId],
    ['nonce', Buffer.from(challenge.nonce).toString('base64')],
    ...Object.entries(await serverProof(parts, challenge, cnonce)),
    ...(error === undefined ? [] : [['error', headerText(error)] as [string, string]]),
  ]
  return new ApiRefusal(RC.authenticationNeeded, error ?? 'This needs authentication.', {
    handle,
    headers: {
      'www-authenticate': [
        'Basic realm="handle"',
        `Handle ${members.map(([name, value]) => `${name}="${value}"`).join(', ')}`,
      ],
    },
  })
}

/** The node's own signature over both nonces, for a client that wants to know whether this is the server it means. */
export async function serverProof(
  { signer }: Pick<Authenticating, 'signer'>,
  { nonce }: Challenge,
  cnonce: Uint8Array | undefined,
): Promise<{ readonly serverAlg?: string; readonly serverSignature?: string }> {
  if (cnonce === undefined || signer === undefined) return {}
  const signature = await signer.sign('sha256', Buffer.concat([nonce, cnonce]))
  return { serverAlg: 'SHA256', serverSignature: Buffer.from(signature).toString('base64') }
}

/** A quoted text of a header holds printable ASCII; messages quote what came from outside. */
function headerText(text: string): string {
  return text
    .replace(/[^\x20-\x7e]/g, '?')
    .replace(/["\\]/g, "'")
    .slice(0, 500)
}
