/**
 * The redirecting proxy: GET /{handle} sends a browser to where the handle leads.
 *
 *   HS_ALIAS      301 to the handle that it stands for, at the end of a bounded chain of such
 *   10320/loc     302 to the location chosen (choose-location.ts)
 *   URL           302 to the first that a reader may be sent to (links.ts)
 *   none of these a page with the values that anybody may read
 *
 *   ?noredirect      the page, whatever there is
 *   ?ignore_aliases  as if there were no HS_ALIAS
 *   ?type, ?index    only values of that type, or with that index
 *   ?urlappend       put behind the address; refused where that would lead to another server
 *   ?locatt          key:value, a choice among the locations of 10320/loc
 *   ?auth            from the database, past every cache
 *
 * Before the handle `hdl:` may stand, and its slashes may be %2F. A redirect may be kept for as long as the value lives, and at
 * most for T, the bound of the freshness contract: so whoever keeps to that is never further behind than twice T.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { decodePathIdentifier } from '../../identifier/decode.js'
import type { Found } from '../../record/answer.js'
import type { Value } from '../../record/record.js'
import { selectValues, visibleValues } from '../../record/select.js'
import { plainAddress } from '../http/client-address.js'
import type { EarlyAnswer } from '../http/server.js'
import { headersOfAnswer } from '../rest/answer-headers.js'
import { requireFound } from '../rest/refusals.js'
import { findAliasTarget } from './aliases.js'
import { COMMON_HEADERS } from './api-answer.js'
import { isApiPath } from './api-routes.js'
import { proxiedHandle } from './asked-handle.js'
import { chooseLocation, type Reader } from './choose-location.js'
import { readLocations } from './codec-locations.js'
import type { HandleRestOptions } from './door-options.js'
import { appendedLink, linkOf } from './links.js'
import { explainingPage, PAGE_HEADERS, pathOf, valuesPage } from './pages.js'
import { malformed, type Parameters, queryOf, truthOf } from './parameters.js'
import { refuseWithPage } from './proxy-errors.js'
import { demandsOf, selectionOf } from './resolution.js'

export function proxyRoutes(app: FastifyInstance, door: HandleRestOptions): void {
  app.setErrorHandler((error, request, reply) => refuseWithPage(door, error, { request, reply }))
  app.get('/', (_request, reply) => sendPage(reply, ENTRANCE))
  app.get('/*', (request, reply) => redirect(door, request, reply))
}

const ENTRANCE = explainingPage(
  'Handles 标识',
  'Put a handle behind this address, such as /88.118.8/x, and you are sent to where it leads; with ?noredirect you see its values. Programs read /api/handles/88.118.8/x.',
)

async function redirect(door: HandleRestOptions, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const asked = proxiedHandle(request.raw.url)
  const parameters = queryOf(request)
  const demands = await demandsOf(door, request, parameters)
  const answer = await door.resolve({ identifier: asked.identifier, ...demands, source: plainAddress(request.ip) })
  reply.headers({ ...COMMON_HEADERS, ...headersOfAnswer(answer, door.clock.nowMs()) })
  const found = requireFound(answer)
  const visible = visibleValues(found.record.values, 'public')
  const values = selectValues(visible, selectionOf(parameters))
  if (truthOf(parameters, 'noredirect') === true) return sendPage(reply, valuesPage(asked.text, values))

  const alias = truthOf(parameters, 'ignore_aliases') === true ? undefined : await findAliasTarget(door, visible)
  const redirecting = { door, reply, found }
  if (alias !== undefined) {
    const query = parameters.size === 0 ? '' : `?${parameters}`
    return sendTo({ ...redirecting, value: alias.value }, 301, `/${pathOf(alias.target)}${query}`)
  }
  const place = placeOf(values, readerOf(door, request, parameters))
  if (place === undefined) return sendPage(reply, valuesPage(asked.text, values))
  return sendTo({ ...redirecting, value: place.value }, 302, withAppended(place.link, parameters))
}

interface Place {
  readonly link: string
  readonly value: Value
}

const LOCATIONS = ['10320/loc']
/** With its subtypes. */
const URLS = ['URL.']

function placeOf(values: readonly Value[], reader: Reader): Place | undefined {
  for (const value of ofTypes(values, LOCATIONS)) {
    const locations = typeof value.data === 'string' ? readLocations(value.data) : undefined
    // Only those that a reader may be sent to are chosen among.
    const open = locations?.locations.filter(({ href }) => linkOf(href) !== undefined) ?? []
    const chosen = locations && chooseLocation({ ...locations, locations: open }, reader)
    const link = chosen && linkOf(chosen.href)
    if (link !== undefined) return { link, value }
  }
  for (const value of ofTypes(values, URLS)) {
    const link = typeof value.data === 'string' ? linkOf(value.data.trim()) : undefined
    if (link !== undefined) return { link, value }
  }
  return undefined
}

function ofTypes(values: readonly Value[], types: readonly string[]): readonly Value[] {
  return selectValues(values, { indexes: [], types, attributes: [] })
}

function readerOf({ countryHeader }: HandleRestOptions, request: FastifyRequest, parameters: Parameters): Reader {
  return {
    locatt: parameters.getAll('locatt'),
    country: countryHeader === undefined ? undefined : toldCountry(request, countryHeader),
    random: Math.random,
  }
}

/** This node knows no map of addresses; a proxy in front may. One that isn't trusted has no say, nor has the reader himself. */
function toldCountry({ headers, ips }: FastifyRequest, countryHeader: string): string | undefined {
  const isFromTrusted = ips !== undefined && ips.length > 1
  const told = headers[countryHeader.toLowerCase()]
  return isFromTrusted && typeof told === 'string' && /^[a-z]{2}$/i.test(told) ? told.toLowerCase() : undefined
}

/** @throws ApiRefusal `protocolError` */
function withAppended(link: string, parameters: Parameters): string {
  const more = parameters.get('urlappend')
  if (more === null || more === '') return link
  const longer = appendedLink(link, more)
  if (longer === undefined) throw malformed('urlappend would lead to another server than the one of the record.')
  return longer
}

interface Redirecting {
  readonly door: HandleRestOptions
  readonly reply: FastifyReply
  readonly found: Found
  /** That says where to. */
  readonly value: Value
}

function sendTo({ door, reply, found, value }: Redirecting, status: 301 | 302, location: string): FastifyReply {
  const keptMs = found.stale === undefined ? Math.min(value.ttlSeconds * 1000, door.stalenessBoundMs) : 0
  const page = explainingPage('Redirect 跳转', location)
  return reply
    .code(status)
    .headers({
      ...PAGE_HEADERS,
      location,
      expires: new Date(door.clock.nowMs() + keptMs).toUTCString(),
      'cache-control': keptMs >= 1000 ? `max-age=${Math.floor(keptMs / 1000)}` : 'no-cache',
    })
    .send(Buffer.from(page))
}

function sendPage(reply: FastifyReply, page: string): FastifyReply {
  return reply.headers(PAGE_HEADERS).send(Buffer.from(page))
}

/** A path whose escapes are broken: the router would refuse it in its own words. */
export const refuseBadPath: EarlyAnswer = (request, response, report) => {
  const url = request.url ?? ''
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  if (!isRead || !url.includes('%') || isApiPath(url)) return false
  const decoded = decodePathIdentifier(url.split('?', 1)[0]!)
  if (decoded.ok) return false
  const page = explainingPage('This is no handle', decoded.message)
  response.writeHead(400, { ...PAGE_HEADERS, ...COMMON_HEADERS, 'cache-control': 'no-store' })
  response.end(request.method === 'HEAD' ? undefined : page)
  report.observe(400)
  return true
}
