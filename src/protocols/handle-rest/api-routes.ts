/** The routes of /api. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { decodePathIdentifier } from '../../identifier/decode.js'
import { RC } from '../handle/codes.js'
import type { EarlyAnswer } from '../http/server.js'
import { type ApiAnswer, ApiRefusal, COMMON_HEADERS, sendAnswer } from './api-answer.js'
import { refuseApi } from './api-errors.js'
import { BODY_LIMIT } from './bodies.js'
import type { HandleRestOptions } from './door-options.js'
import { listHandles } from './handle-lists.js'
import { deleteHandle, putHandle } from './record-writes.js'
import { HANDLES, resolveHandle } from './resolution.js'
import { changePrefix, listPrefixes, PREFIXES, showSite, VERIFICATIONS, verifyAnswer } from './services.js'
import {
  authenticateApiSession,
  beginApiSession,
  endApiSession,
  showApiSession,
  THIS_SESSION,
} from './session-routes.js'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'] as const

type Handler = (door: HandleRestOptions, request: FastifyRequest) => ApiAnswer | Promise<ApiAnswer>
type Routes = Readonly<Record<string, Readonly<Partial<Record<'GET' | 'POST' | 'PUT' | 'DELETE', Handler>>>>>

const ROUTES: Routes = {
  '/api/handles': { GET: listHandles, POST: listHandles },
  [`${HANDLES}*`]: { GET: resolveHandle, POST: resolveHandle, PUT: putHandle, DELETE: deleteHandle },
  '/api/site': { GET: showSite },
  [PREFIXES]: {
    GET: listPrefixes,
    POST: (door, request) => changePrefix(door, request, 'home'),
    DELETE: (door, request) => changePrefix(door, request, 'unhome'),
  },
  [`${PREFIXES}/*`]: {
    POST: (door, request) => changePrefix(door, request, 'home'),
    PUT: (door, request) => changePrefix(door, request, 'home'),
    DELETE: (door, request) => changePrefix(door, request, 'unhome'),
  },
  [`${VERIFICATIONS}*`]: { POST: verifyAnswer, PUT: verifyAnswer },
  '/api/sessions': { POST: beginApiSession },
  [THIS_SESSION]: { GET: showApiSession, PUT: authenticateApiSession, DELETE: endApiSession },
}

export function apiRoutes(app: FastifyInstance, door: HandleRestOptions): void {
  // Whatever its type: what is no JSON is refused where JSON is wanted, in this API's words.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_LIMIT }, (_request, body, done) =>
    done(null, body),
  )
  app.setErrorHandler((error, request, reply) => refuseApi(door, error, { request, reply }))
  for (const [url, handlers] of Object.entries(ROUTES)) {
    for (const [method, handler] of Object.entries(handlers)) {
      app.route({
        method,
        url,
        handler: async (request, reply) => sendAnswer(request, reply, await handler(door, request)),
      })
    }
    const others = METHODS.filter((method) => method !== 'HEAD' && method !== 'OPTIONS' && !(method in handlers))
    if (others.length > 0) app.route({ method: others, url, handler: () => refuseMethod(Object.keys(handlers)) })
  }
  app.route({ method: ['GET', 'POST', 'PUT', 'DELETE'], url: '/api', handler: refusePath })
  app.route({ method: ['GET', 'POST', 'PUT', 'DELETE'], url: '/api/*', handler: refusePath })
  app.options('/api', allowOrigins)
  app.options('/api/*', allowOrigins)
}

function refuseMethod(methods: readonly string[]): never {
  const allow = [...(methods.includes('GET') ? ['HEAD'] : []), ...methods].join(', ')
  throw new ApiRefusal(RC.protocolError, `This address takes ${allow}.`, { status: 405, headers: { allow } })
}

function refusePath(): never {
  throw new ApiRefusal(
    RC.protocolError,
    'There is nothing at this address. There are /api/handles, /api/site, /api/prefixes, /api/verifications and /api/sessions.',
    { status: 404 },
  )
}

/** Before a request that is not plain a browser asks whether it may send it (the CORS protocol of the Fetch standard). */
function allowOrigins(_request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return reply
    .code(204)
    .headers({
      ...COMMON_HEADERS,
      'access-control-allow-methods': METHODS.join(', '),
      'access-control-allow-headers': 'Authorization, Content-Type, Jiexi-Token',
      'access-control-max-age': '86400',
      'cache-control': 'no-store',
    })
    .send()
}

export function isApiPath(url: string): boolean {
  return url === '/api' || url.startsWith('/api/') || url.startsWith('/api?')
}

/**
 * What the router would refuse in words of its own: methods that it doesn't know, and paths whose escapes are broken, of which
 * it doesn't know that they hold a handle.
 */
export const refuseUnroutable: EarlyAnswer = (request, response, report) => {
  const url = request.url ?? ''
  if (!isApiPath(url)) return false
  const refusal = unroutable(request.method ?? '', url)
  if (refusal === undefined) return false
  response.writeHead(refusal.status ?? 400, {
    ...COMMON_HEADERS,
    'content-type': 'application/json;charset=UTF-8',
    'cache-control': 'no-store',
  })
  response.end(JSON.stringify({ responseCode: refusal.responseCode, message: refusal.message }))
  report.observe(refusal.status ?? 400)
  return true
}

function unroutable(method: string, url: string): ApiRefusal | undefined {
  if (!(METHODS as readonly string[]).includes(method))
    return new ApiRefusal(RC.notSupported, `This API knows ${METHODS.join(', ')}.`, { status: 501 })
  if (!url.includes('%')) return undefined
  const [path = ''] = url.split('?', 1)
  const decoded = decodePathIdentifier(path)
  return decoded.ok ? undefined : new ApiRefusal(RC.invalidHandle, decoded.message, { status: 400 })
}
