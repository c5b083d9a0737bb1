/**
 * GET and HEAD /v1/identifiers/{identifier}: every look-up that is not plain (plain-lookup.ts answers those before
 * routing): with an API key, a selection, a version, a time, a write token, another media type, or explained.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { NodeError } from '../../platform/errors.js'
import type { Answer, Found } from '../../record/answer.js'
import { findVersion } from '../../registry/history.js'
import type { Query } from '../../resolution/resolve.js'
import type { Principal } from '../../security/principal.js'
import { chooseMediaType } from '../http/accept.js'
import type { Authenticate } from '../http/authenticate.js'
import { plainAddress } from '../http/client-address.js'
import { isNotModified } from '../http/conditional.js'
import { encodeRecordMessage } from '../protobuf/messages.js'
import { headersOfAnswer } from './answer-headers.js'
import { readDemands, requireMinVersion } from './demands.js'
import type { RestOptions } from './door-options.js'
import { explain } from './explain.js'
import { identifierInPath } from './identifier-path.js'
import { type LookupOptions, queryIn, readLookupOptions } from './lookup-options.js'
import { readerOf } from './readers.js'
import { recordJson } from './record-json.js'
import { refusalOf, requireFound } from './refusals.js'
import { MEDIA_TYPES, requireAttributes, shownParts, tagOf, type Viewing } from './representation.js'

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

export function lookup(door: RestOptions, authenticate: Authenticate): Handler {
  return async (request, reply) => {
    const principal = await authenticate(request)
    const url = request.raw.url!
    const identifier = identifierInPath(url, '/v1/identifiers/')
    const options = readLookupOptions(queryIn(url))
    const media = chooseMediaType(request.headers.accept, MEDIA_TYPES)
    const demands = await readDemands(door.tokens, options, request.headers)
    const query = { identifier, ...askerOf(principal), ...demands, source: plainAddress(request.ip) }
    if (options.explain) return reply.header('cache-control', 'no-store').send(await explain(door, query, principal))

    const current = await door.resolve(query)
    const answer = options.past === undefined ? current : await pastAnswer(door, query, { current, past: options.past })
    // Set before a refusal is thrown: a "not found" tells its age and source too.
    reply.headers(headersOfAnswer(answer, door.clock.nowMs()))
    if (options.past !== undefined) reply.header('cache-status', 'jiexi; fwd=bypass; detail=registry')
    requireMinVersion(current, options.minVersion)
    const found = requireFound(answer)
    return show(reply, found, { reader: await readerFor(door, principal, found), media, options })
  }
}

/** Whether other nodes are asked may depend on it. */
export function askerOf({ kind }: Principal): Pick<Query, 'asker'> {
  return kind === 'anonymous' ? {} : { asker: 'known' }
}

export async function readerFor(door: RestOptions, principal: Principal, answer: Answer) {
  return principal.kind === 'anonymous' ? 'public' : readerOf(principal, answer.prefix, await door.routes())
}

function show(reply: FastifyReply, found: Found, viewing: Viewing): FastifyReply {
  const { headers, id } = reply.request
  requireAttributes(found.record, viewing.options.selection)
  const tag = tagOf(found.version, viewing)
  reply.header('etag', tag)
  if (headers.authorization !== undefined)
    reply.headers({ 'cache-control': 'private, no-cache', vary: 'Accept, Authorization' })
  if (headers['x-request-id'] !== undefined) reply.header('x-request-id', id)
  if (isNotModified(headers['if-none-match'], tag)) return reply.code(304).send()

  const shown = shownParts(found.record, viewing)
  reply.header('content-type', viewing.media)
  // As octets: fastify would add a charset to a JSON string.
  return reply.send(
    viewing.media === 'application/json'
      ? Buffer.from(JSON.stringify(recordJson(found.record, shown)))
      : Buffer.from(encodeRecordMessage({ record: found.record, ...shown })),
  )
}

/** @throws NodeError `identifier-absent` when it was never registered, `version-absent` when that version never was */
async function pastAnswer(
  door: RestOptions,
  { identifier }: Query,
  { current, past }: { readonly current: Answer; readonly past: NonNullable<LookupOptions['past']> },
): Promise<Answer> {
  // The prefix may be suspended, and its past with it.
  if (current.kind === 'absent' || current.kind === 'referral') throw refusalOf(current)
  const answer = await findVersion(door.registry.db, identifier.key, past)
  if (answer !== undefined) return answer
  const which = 'version' in past ? `version ${past.version}` : `version at ${new Date(past.atMs).toISOString()}`
  throw new NodeError('version-absent', `${identifier.spelling} has no ${which}; its newest is ${current.version}.`)
}
