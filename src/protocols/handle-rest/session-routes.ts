/**
 * /api/sessions: authenticate once, then name the session (`Authorization: Handle sessionId="…"`).
 *
 *   POST   /api/sessions        begins one; with credentials it is authenticated at once.   201, Location: /api/sessions/this
 *   GET    /api/sessions/this   what it is
 *   PUT    /api/sessions/this   authenticates in it
 *   DELETE /api/sessions/this   ends it.                                                    204
 *
 *   {"sessionId", "nonce", ["serverAlg", "serverSignature" for a cnonce], ["authenticated": true, "id": "300:…"]}
 *
 * What says who it is stands in `Authorization` or, with the same names, in the JSON body.
 */
import type { FastifyRequest } from 'fastify'
import { RC } from '../handle/codes.js'
import { type ApiAnswer, ApiRefusal } from './api-answer.js'
import {
  type Authenticating,
  beginSession,
  type Caller,
  callerOf,
  challengeOf,
  prove,
  requireTls,
  serverProof,
} from './authentication.js'
import { jsonBody } from './bodies.js'
import { identityText, readEntity } from './codec-authorization.js'
import type { HandleRestOptions } from './door-options.js'
import type { Challenge } from './session-ids.js'

export const THIS_SESSION = '/api/sessions/this'

type Session = Caller & { readonly session: Challenge }

/** @throws ApiRefusal, NodeError */
export async function beginApiSession(door: HandleRestOptions, request: FastifyRequest): Promise<ApiAnswer> {
  const parts = requireParts(door, request)
  const caller = await callerInBoth(parts, request)
  const session = caller.session ?? parts.ids.make()
  if (caller.identity !== undefined) await beginSession(parts, session, caller.identity)
  return {
    status: 201,
    headers: { location: THIS_SESSION },
    body: await sessionBody(parts, { ...caller, session }),
  }
}

/** @throws ApiRefusal, NodeError */
export async function showApiSession(door: HandleRestOptions, request: FastifyRequest): Promise<ApiAnswer> {
  const parts = requireParts(door, request)
  const caller = await requireSession(parts, await callerOf(parts, request))
  return { status: 200, body: await sessionBody(parts, caller) }
}

/** @throws ApiRefusal, NodeError */
export async function authenticateApiSession(door: HandleRestOptions, request: FastifyRequest): Promise<ApiAnswer> {
  const parts = requireParts(door, request)
  const caller = await requireSession(parts, await callerInBoth(parts, request))
  if (caller.identity !== undefined) await beginSession(parts, caller.session, caller.identity)
  return { status: 200, body: await sessionBody(parts, caller) }
}

/** @throws ApiRefusal, NodeError */
export async function endApiSession(door: HandleRestOptions, request: FastifyRequest): Promise<ApiAnswer> {
  const parts = requireParts(door, request)
  const { session } = await requireSession(parts, await callerOf(parts, request))
  await parts.sessions.end(session.sessionId)
  return { status: 204 }
}

function requireParts({ administering }: HandleRestOptions, request: FastifyRequest): Authenticating {
  if (administering === undefined) throw new ApiRefusal(RC.notSupported, 'Nobody can authenticate at this server.')
  requireTls(request)
  return administering
}

/** The header may name the session, and the body prove who it is. */
async function callerInBoth(parts: Authenticating, request: FastifyRequest): Promise<Caller> {
  const ofHeader = await callerOf(parts, request)
  const body = jsonBody(request)
  if (body === undefined) return ofHeader
  const entity = readEntity(body)
  const named =
    entity.kind === 'handle' && entity.sessionId === undefined && ofHeader.session !== undefined
      ? { ...entity, sessionId: ofHeader.session.sessionId }
      : entity
  return { ...ofHeader, ...(await prove(parts, request, named)) }
}

async function requireSession(parts: Authenticating, caller: Caller): Promise<Session> {
  const { session } = caller
  if (session !== undefined) return { ...caller, session }
  throw await challengeOf(parts, { error: 'Name the session: Authorization: Handle sessionId="…".' })
}

async function sessionBody(parts: Authenticating, { session, identity, cnonce }: Session) {
  return {
    sessionId: session.sessionId,
    nonce: Buffer.from(session.nonce).toString('base64'),
    ...(await serverProof(parts, session, cnonce)),
    ...(identity === undefined ? {} : { authenticated: true, id: identityText(identity) }),
  }
}
