/**
 * The HTTP server of the node: fastify behind a hardened node:http server. Measured with these bounds, 9,500 idle and
 * 3,000 half-sent connections vanish within 6 s. Whatever goes wrong, the answer is a problem document.
 *
 * Doors with a hot path may answer before fastify routes (`answerEarly`), for routing costs about a quarter of a request,
 * and, what they know at once, before node:http makes messages of it (`openLane`).
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { NodeError } from '../../platform/errors.js'
import { BODY_OCTETS_PER_SECOND, boundBody, type LateBody } from './body-deadline.js'
import { DEFAULT_BODY_LIMIT, readBodies } from './body-parsers.js'
import { type ClientAddress, clientAddress, joinedValues } from './client-address.js'
import { clientErrorOf } from './client-errors.js'
import { type Drain, drain } from './drain.js'
import { fastLane, type LaneDoor } from './fast-lane.js'
import { ourError } from './fastify-errors.js'
import { headFault } from './head-faults.js'
import { isForOperators } from './operations.js'
import { HttpRefusal, isInternal } from './problem.js'
import { nextRequestId, requestIdOf } from './request-id.js'
import { endWithProblem, replyWithProblem, respondWithProblem } from './send-problem.js'
import { endSlowReaders } from './slow-readers.js'

export interface Failure {
  readonly error: unknown
  readonly requestId: string
  readonly method: string
  readonly path: string
}

export interface HttpServerOptions {
  /** Default 10,000. Beyond it connections are closed at once. */
  readonly maxConnections?: number
  /** How long a body may take to arrive, before what has arrived earns it more (body-deadline.ts). Default 5,000. */
  readonly bodyTimeoutMs?: number
  /** Whose X-Forwarded-For counts: addresses or networks of the proxies in front. Default none. */
  readonly trustProxy?: boolean | string | readonly string[]
  /** For how long connections may end of themselves when the server is closed (drain.ts). Default 0: idle ones end at once. */
  readonly drainMs?: number
  /** Whether what comes now is to be refused, with 503, for what has come before. Who runs the node is answered all the same. */
  readonly isOverloaded?: () => boolean
  /** Told of every answer's status. */
  readonly observe?: (status: number) => void
  /** Told of every request when it arrives. */
  readonly onArrival?: (exchange: Exchange) => void
  /** Whether a request that could be answered at once is to be told to `onArrival` like any other. */
  readonly isDiverted?: (from: Socket) => boolean
  /** Told of every internal error: the client only sees the request id. */
  readonly onFailure?: (failure: Failure) => void
}

/** Takes a request before routing, or returns false. Whoever takes it answers it, now or later, and reports the status. */
export type EarlyAnswer = (request: IncomingMessage, response: ServerResponse, report: EarlyReport) => boolean

export interface EarlyReport {
  observe(status: number): void
  /** The address of who asks, proxies that are trusted looked through. */
  sourceOf(request: IncomingMessage): string
  /** Answers with a problem document, and reports its status and, if it is this node's own, its cause. */
  refuse(exchange: Exchange, error: unknown, headers?: Readonly<Record<string, string>>): void
}

export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

declare module 'fastify' {
  interface FastifyInstance {
    answerEarly(answer: EarlyAnswer): void
    /** The door is told how to report an answer's status. */
    openLane(open: (observe: EarlyReport['observe']) => LaneDoor): void
  }
}

/** What clients are told (`Keep-Alive: timeout=10`). */
export const KEEP_ALIVE_SECONDS = 10
/** What they send at the end of it still has to get here. Node adds as much of itself. */
const KEEP_ALIVE_GRACE_MS = 1_000
const HEADERS_TIMEOUT_MS = 3_000
const CONNECTIONS_CHECK_MS = 1_000
const MAX_HEADER_BYTES = 16_384
/** An identifier of 255 octets, each percent-encoded, and room for a refusal that explains. */
const MAX_PARAM_LENGTH = 4_096
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

export function httpServer(options: HttpServerOptions = {}): FastifyInstance {
  const observe = options.observe ?? (() => undefined)
  const addressOf = clientAddress(options.trustProxy ?? false)
  const report: EarlyReport = {
    observe,
    refuse: (exchange, error, headers) =>
      observe(refuseBare(exchange, error, { headers, onFailure: options.onFailure })),
    sourceOf: ({ socket, headers }) => addressOf(socket.remoteAddress, joinedValues(headers['x-forwarded-for'])),
  }
  const early: EarlyAnswer[] = []
  const draining = drain()
  let lane: LaneDoor | undefined

  const app = Fastify({
    logger: false,
    bodyLimit: DEFAULT_BODY_LIMIT,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    genReqId: (request) => requestIdOf(request as IncomingMessage),
    trustProxy: options.trustProxy === undefined ? false : mutable(options.trustProxy),
    // Requests that are already here are answered while the server closes: nobody need retry them.
    return503OnClosing: false,
    // Ours, below, is the only one: fastify's would write a second answer.
    clientErrorHandler: () => undefined,
    frameworkErrors: (error, _request, reply) => replyWithProblem(reply as FastifyReply, ourError(error)),
    serverFactory: (route) =>
      hardened({ ...options, draining, lane: () => lane, clientAddress: addressOf }, (request, response) => {
        for (const answer of early) if (answer(request, response, report)) return
        route(request, response)
      }),
  })

  app.decorate('answerEarly', (answer: EarlyAnswer) => {
    early.push(answer)
  })
  app.decorate('openLane', (open: (observe: EarlyReport['observe']) => LaneDoor) => {
    lane = open(observe)
  })
  app.addHook('preClose', () => draining.begin(options.drainMs ?? 0))
  app.addHook('onResponse', (_request, reply, done) => {
    observe(reply.statusCode)
    done()
  })
  readBodies(app)
  app.setErrorHandler((error, request, reply) => refuse(error, { request, reply, onFailure: options.onFailure }))
  app.setNotFoundHandler((request, reply) => replyWithProblem(reply, nothingThere(app, request)))
  return app
}

function hardened(
  options: HttpServerOptions & {
    readonly draining: Drain
    readonly lane: () => LaneDoor | undefined
    readonly clientAddress: ClientAddress
  },
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const bodyTimeoutMs = options.bodyTimeoutMs ?? 5_000
  const distrusted = new WeakSet<Duplex>()
  const accept = (request: IncomingMessage, response: ServerResponse) => {
    // Of what came together with a head in doubt nothing is carried out.
    if (distrusted.has(request.socket)) return
    options.draining.arrived(response)
    const fault = headFault(request)
    if (fault !== undefined) {
      distrusted.add(request.socket)
      response.shouldKeepAlive = false
      const status = refuseBare({ request, response }, fault)
      options.observe?.(status)
      return
    }
    options.onArrival?.({ request, response })
    boundBody({ request, response }, bodyTimeoutMs, (late) => endLate({ request, response }, bodyTimeoutMs, late))
    if (options.isOverloaded?.() === true && !isForOperators(request)) {
      options.observe?.(refuseBare({ request, response }, overload()))
      return
    }
    handler(request, response)
  }
  const server = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_SECONDS * 1000,
      headersTimeout: HEADERS_TIMEOUT_MS,
      // Zero: body-deadline.ts bounds the body, because imports may stream for minutes.
      requestTimeout: 0,
      connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      // Checked above, where the refusal can say so.
      requireHostHeader: false,
    },
    accept,
  )
  fastLane(server, {
    door: (path, from) => options.lane()?.(path, from),
    clientAddress: options.clientAddress,
    isOpen: () => options.lane() !== undefined && !options.draining.isDraining,
    isDiverted: options.isDiverted ?? (() => false),
    headTimeoutMs: HEADERS_TIMEOUT_MS,
    keepAliveMs: KEEP_ALIVE_SECONDS * 1000 + KEEP_ALIVE_GRACE_MS,
    maxHeadOctets: MAX_HEADER_BYTES,
  })
  // None is left out of what headFault looks at: their octets are bounded.
  server.maxHeadersCount = 0
  options.draining.watch(server, options.maxConnections ?? 10_000)
  endSlowReaders(server)
  // An expectation that is not known may be ignored (RFC 9110 §10.1.1); Node would answer an empty 417.
  server.on('checkExpectation', accept)
  // Node would close the connection without a word.
  server.on('connect', (_request, socket) => {
    endWithProblem(socket, new HttpRefusal('method-not-allowed', 'This node is no proxy.'), nextRequestId())
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const isRefused = distrusted.has(socket)
    distrusted.add(socket)
    if (isRefused || error.code === 'ECONNRESET' || socket.destroyed) return
    endUnreadable(socket, clientErrorOf(error))
  })
  return server
}

/** `_httpMessage` is Node's own field for the response that a connection is occupied with. */
type Occupied = Duplex & { readonly _httpMessage?: ServerResponse | null; destroySoon?(): void }

/** What cannot be read is answered after what could be, or clients would take one answer for another. */
function endUnreadable(socket: Occupied, error: Error): void {
  const response = socket._httpMessage
  const isOfEarlier = response?.req.complete === true && !response.writableFinished
  if (!isOfEarlier) {
    endWithProblem(socket, error, nextRequestId())
    return
  }
  response.shouldKeepAlive = false
  response.once('close', () => socket.destroy())
}

function endLate({ request, response }: Exchange, bodyTimeoutMs: number, { receivedOctets, tookMs }: LateBody): void {
  if (!response.headersSent) {
    response.setHeader('connection', 'close')
    refuseBare(
      { request, response },
      new HttpRefusal(
        'request-timeout',
        `The body is not complete ${seconds(tookMs)} after the request began; ${receivedOctets} octets have come. It may take ${seconds(bodyTimeoutMs)}, and one second more for each ${BODY_OCTETS_PER_SECOND / 1024} KiB that has arrived. Check that the body is as long as Content-Length says, and send again, over a slow connection in smaller parts; an import (POST /v1/imports) may take any time.`,
      ),
    )
  }
  request.socket.destroySoon()
}

/** Its body, if it has one, is read and dropped, so that the connection serves the next request. */
function overload(): NodeError {
  return new NodeError('overloaded', 'This node is behind with its work. Nothing of the request was carried out.', {
    retryAfterSeconds: 1,
  })
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`
}

function refuseBare(
  { request, response }: Exchange,
  error: unknown,
  { headers = {}, onFailure }: { headers?: Readonly<Record<string, string>> | undefined; onFailure?: OnFailure } = {},
): number {
  const requestId = requestIdOf(request)
  if (isInternal(error)) onFailure?.(failureOf(error, request, requestId))
  return respondWithProblem(response, error, { url: request.url, requestId, headers })
}

type OnFailure = HttpServerOptions['onFailure']

function failureOf(error: unknown, { method, url }: IncomingMessage, requestId: string): Failure {
  return { error, requestId, method: method ?? '', path: url?.split('?', 1)[0] ?? '' }
}

interface Refused {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly onFailure: OnFailure
}

function refuse(thrown: unknown, { request, reply, onFailure }: Refused): void {
  // A body deadline has answered already.
  if (reply.raw.headersSent) return
  const error = ourError(thrown, request)
  // Closing now would reset the connection under a client that is still sending, and it would never read why.
  reply.removeHeader('connection')
  if (isInternal(error)) onFailure?.(failureOf(error, request.raw, request.id))
  replyWithProblem(reply, error)
}

/** 405 where the address knows other methods (RFC 9110 §15.5.6), else 404. */
function nothingThere(app: FastifyInstance, request: FastifyRequest): Error {
  const url = request.raw.url ?? '/'
  const allowed = METHODS.filter((method) => app.findRoute({ method, url }) !== null)
  if (allowed.length === 0)
    return new NodeError('not-found', 'There is nothing at this address. /docs lists what there is.')
  const allow = allowed.join(', ')
  return new HttpRefusal('method-not-allowed', `This address takes ${allow}.`, { allow })
}

function mutable(trusted: boolean | string | readonly string[]): boolean | string | string[] {
  return typeof trusted === 'object' ? [...trusted] : trusted
}
