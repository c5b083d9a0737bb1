/** Writing a problem document: through fastify, on a bare response, or on a socket whose request could not be read. */
import type { ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { headersOf, PROBLEM_MEDIA_TYPE, type Problem, problemOf } from './problem.js'

export function replyWithProblem(reply: FastifyReply, error: unknown): void {
  const { request } = reply
  const problem = problemOf(error, pathOf(request.raw.url))
  // A buffer, because fastify adds a charset to JSON strings and this media type has none (RFC 9457 §6.1).
  reply
    .code(problem.status)
    .headers({ ...headersOf(error), ...constantHeaders(reply.getHeader('cache-control')), 'x-request-id': request.id })
    .send(Buffer.from(JSON.stringify(problem)))
}

export function respondWithProblem(
  response: ServerResponse,
  error: unknown,
  about: {
    readonly url: string | undefined
    readonly requestId: string
    readonly headers: Readonly<Record<string, string>>
  },
): number {
  const problem = problemOf(error, pathOf(about.url))
  // Too late to say so: whoever reads must not take half an answer for a whole one.
  if (response.headersSent) {
    response.destroy()
    return problem.status
  }
  const body = JSON.stringify(problem)
  response.writeHead(problem.status, {
    ...headersOf(error),
    ...about.headers,
    ...constantHeaders(about.headers['cache-control']),
    'x-request-id': about.requestId,
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
  return problem.status
}

/** For a request that never became one: nothing is known of it, and the connection ends. */
export function endWithProblem(socket: Duplex, error: unknown, requestId: string): void {
  if (socket.writable) socket.write(messageOf(problemOf(error, ''), requestId))
  socket.destroy()
}

/** What was set for the answer stays: a look-up's "not found" may be revalidated, other refusals are not kept. */
function constantHeaders(cacheControl: unknown): Record<string, string> {
  return {
    'content-type': PROBLEM_MEDIA_TYPE,
    'cache-control': typeof cacheControl === 'string' ? cacheControl : 'no-store',
  }
}

function messageOf(problem: Problem, requestId: string): string {
  const body = JSON.stringify(problem)
  return [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    'Cache-Control: no-store',
    'Connection: close',
    '',
    body,
  ].join('\r\n')
}

function pathOf(url: string | undefined): string {
  const path = url?.split('?', 1)[0] ?? ''
  return path.length > 1024 ? `${path.slice(0, 1024)}…` : path
}
