/**
 * What is not about one handle:
 *
 *   GET    /api/site                       the node's own HS_SITE: {"responseCode": 1, "site"}
 *   GET    /api/prefixes                   prefixes that the node is responsible for: {"responseCode": 1, "prefixes"}
 *   POST   /api/prefixes/{prefix}          homes one; also POST /api/prefixes?prefix=
 *   DELETE /api/prefixes/{prefix}          lets go of one
 *   POST   /api/verifications/{index:handle}   whether an answer to somebody else's challenge is right, for a server that
 *                                          doesn't have the key: {"responseCode": 1, "verified"}
 */
import type { FastifyRequest } from 'fastify'
import { decodeSite } from '../../record/value-types/hs-site.js'
import { RC } from '../handle/codes.js'
import { type ApiAnswer, ApiRefusal } from './api-answer.js'
import { textInPath } from './asked-handle.js'
import { callerOf, requireTls } from './authentication.js'
import { jsonBody } from './bodies.js'
import { identityOf, readEntity } from './codec-authorization.js'
import { siteJson } from './codec-site-json.js'
import type { Administering, HandleRestOptions } from './door-options.js'
import { malformed, readParameters } from './parameters.js'
import { requireOk } from './refusing.js'

export const PREFIXES = '/api/prefixes'
export const VERIFICATIONS = '/api/verifications/'
const MAX_PREFIXES = 10_000
const PAGE = 1_000

/** @throws ApiRefusal, NodeError */
export async function showSite(door: HandleRestOptions): Promise<ApiAnswer> {
  const octets = await door.site?.()
  const decoded = octets && decodeSite(octets)
  const site = decoded?.ok ? siteJson(decoded.value) : undefined
  if (site === undefined) throw new ApiRefusal(RC.notSupported, 'This server does not tell where its servers are.')
  return { status: 200, headers: { 'cache-control': 'no-cache' }, body: { responseCode: RC.success, site } }
}

/** @throws ApiRefusal, NodeError */
export async function listPrefixes(door: HandleRestOptions, request: FastifyRequest): Promise<ApiAnswer> {
  const { administering, caller } = await begin(door, request)
  const prefixes: string[] = []
  for (let after: string | undefined; prefixes.length < MAX_PREFIXES; ) {
    const page = { limit: PAGE, ...(after === undefined ? {} : { after }) }
    const outcome = await administering.administration.listHomed(caller.identity, page)
    const listed = await requireOk(outcome, { parts: administering, caller })
    prefixes.push(...listed.handles)
    if (listed.next === undefined) return { status: 200, body: { responseCode: RC.success, prefixes } }
    after = listed.next
  }
  throw malformed(`There are more than ${MAX_PREFIXES} prefixes: read them page by page, GET /v1/prefixes.`)
}

/** @throws ApiRefusal, NodeError */
export async function changePrefix(
  door: HandleRestOptions,
  request: FastifyRequest,
  change: 'home' | 'unhome',
): Promise<ApiAnswer> {
  const inPath = textInPath(request.raw.url, `${PREFIXES}/`)
  const prefix = inPath === '' ? (readParameters(request).get('prefix') ?? '') : inPath
  if (prefix === '') throw malformed(`Name the prefix: ${PREFIXES}/0.NA/88.118.8.`)
  const { administering, caller } = await begin(door, request)
  const outcome = await administering.administration[change](caller.identity, prefix)
  await requireOk(outcome, { parts: administering, caller, handle: prefix })
  return { status: 200, body: { responseCode: RC.success, handle: prefix } }
}

/** @throws ApiRefusal, NodeError */
export async function verifyAnswer(door: HandleRestOptions, request: FastifyRequest): Promise<ApiAnswer> {
  const { administering } = await begin(door, request)
  const id = identityOf(textInPath(request.raw.url, VERIFICATIONS))
  if (id === undefined) throw malformed(`Name the key: ${VERIFICATIONS}300:0.NA/88.118.8.`)
  const body = jsonBody(request)
  const { nonce, ...rest } = (typeof body === 'object' && body !== null ? body : {}) as { readonly nonce?: unknown }
  const entity = readEntity({ type: 'HS_SECKEY', ...rest, id: `${id.index}:${id.handle}` })
  const nonceOctets = typeof nonce === 'string' ? Buffer.from(nonce, 'base64') : Buffer.alloc(0)
  if (
    entity.kind !== 'handle' ||
    entity.claim === undefined ||
    entity.cnonce === undefined ||
    nonceOctets.length === 0
  ) {
    const reason = entity.kind === 'unreadable' ? entity.reason : ''
    throw malformed(`Give nonce, cnonce, alg and signature, and what alg needs besides, as JSON. ${reason}`.trim())
  }
  const { type, answer } = entity.claim
  const proof = { ...id, type, answer, nonce: nonceOctets, requestDigest: entity.cnonce, from: request.ip }
  const outcome = await administering.identities.prove(proof)
  if (!outcome.ok && outcome.responseCode === RC.tooBusy) throw new ApiRefusal(RC.tooBusy, outcome.message)
  return { status: 200, body: { responseCode: RC.success, verified: outcome.ok } }
}

async function begin(door: HandleRestOptions, request: FastifyRequest) {
  const { administering } = door
  if (administering === undefined)
    throw new ApiRefusal(RC.notSupported, 'This server is not administered through this API.')
  requireTls(request)
  return { administering: administering as Administering, caller: await callerOf(administering, request) }
}
