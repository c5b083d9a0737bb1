/** Lists about identifiers: those below a prefix, and the versions of one. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { parsePrefix } from '../../identifier/prefix.js'
import { NodeError } from '../../platform/errors.js'
import { listVersions } from '../../registry/history.js'
import { type ListedIdentifier, listIdentifiers } from '../../registry/list-identifiers.js'
import { findRoute, type RouteTable } from '../../resolution/authorities.js'
import type { Authenticate } from '../http/authenticate.js'
import { plainAddress } from '../http/client-address.js'
import { readDemands } from './demands.js'
import type { RestOptions } from './door-options.js'
import { identifierInPath } from './identifier-path.js'
import { type Paged, pageOf } from './pages.js'
import { readerOf, requireOwner } from './readers.js'
import { refusalOf } from './refusals.js'
import { DEFAULT_PAGE } from './schemas.js'

export interface IdentifierListQuery {
  readonly prefix: string
  readonly after?: string
  readonly limit?: number
}

/** Only for the holder of the prefix: a list would give strangers what they are to ask for one by one. */
export function identifierList(door: RestOptions, authenticate: Authenticate) {
  return async (request: FastifyRequest, page: IdentifierListQuery): Promise<Paged<ListedIdentifier>> => {
    const principal = await authenticate(request)
    const prefix = requirePrefix(page.prefix)
    const routes = await door.routes()
    requireOwner(principal, responsiblePrefix(routes, prefix), routes)
    const { limit = DEFAULT_PAGE } = page
    const found = await listIdentifiers(door.registry.db, { ...page, prefix, limit: limit + 1 })
    return pageOf(found, limit, ({ key }) => key)
  }
}

export interface HistoryQuery {
  readonly before?: number
  readonly limit?: number
}

/** Newest first. Who wrote a version is for the holder of the prefix. */
export function history(door: RestOptions, authenticate: Authenticate) {
  return async (request: FastifyRequest, reply: FastifyReply, page: HistoryQuery) => {
    const principal = await authenticate(request)
    const identifier = identifierInPath(request.raw.url!, '/v1/history/')
    const demands = await readDemands(door.tokens, { authoritative: true, minVersion: undefined }, request.headers)
    // Of the same moment as the list, which comes from the database.
    const answer = await door.resolve({ identifier, ...demands, source: plainAddress(request.ip) })
    if (answer.kind === 'absent' || answer.kind === 'referral') throw refusalOf(answer)
    const { limit = DEFAULT_PAGE } = page
    const found = await listVersions(door.registry.db, identifier.key, { ...page, limit: limit + 1 })
    const isOwner = readerOf(principal, answer.prefix, await door.routes()) !== 'public'
    const { items, next } = pageOf(found, limit, ({ version }) => String(version))
    reply.headers({ 'cache-control': 'no-cache', vary: 'Authorization' })
    return { items: isOwner ? items : items.map(({ recordedBy, ...version }) => version), next }
  }
}

/** The allotted prefix that a prefix lies below, or is. */
function responsiblePrefix(routes: RouteTable, prefix: string): string {
  const scheme = prefix.startsWith('urn:oid:') ? 'oid' : 'handle'
  return findRoute(routes, { scheme, key: prefix, prefix, spelling: prefix })?.prefix ?? prefix
}

function requirePrefix(text: string): string {
  const parsed = parsePrefix(text)
  if (parsed.ok) return parsed.value
  const { position, message } = parsed
  throw new NodeError('request-malformed', `prefix: ${message}`, {
    faults: [{ field: 'prefix', position, reason: message }],
  })
}
