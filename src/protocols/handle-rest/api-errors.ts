/** Whatever goes wrong in the API, as an answer of the API. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { NodeError } from '../../platform/errors.js'
import { RC } from '../handle/codes.js'
import { isOwnFault, responseCodeOf } from '../handle/refusals.js'
import { ourError } from '../http/fastify-errors.js'
import { HttpRefusal, headersOf, statusOf } from '../http/problem.js'
import { type ApiAnswer, ApiRefusal, type Headers, sendAnswer } from './api-answer.js'
import { isSecure } from './authentication.js'
import type { HandleRestOptions } from './door-options.js'
import { httpStatusOf } from './statuses.js'

/** Where a status of HTTP says more than that of the response code. */
const OWN_STATUS: ReadonlySet<string> = new Set(['too-large', 'token-unknown'])

export function refuseApi(
  { onFailure }: Pick<HandleRestOptions, 'onFailure'>,
  thrown: unknown,
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
): void {
  // A body deadline has answered already.
  if (reply.raw.headersSent) return
  const error = thrown instanceof ApiRefusal ? thrown : ourError(thrown, request)
  // Closing now would reset the connection under a client that is still sending, and it would never read why.
  reply.removeHeader('connection')
  if (isFailure(error)) {
    const [path = ''] = (request.raw.url ?? '').split('?', 1)
    onFailure?.({ error, requestId: request.id, method: request.method, path })
  }
  sendAnswer(request, reply, answerOf(error, request))
}

function isFailure(error: unknown): boolean {
  return !(error instanceof ApiRefusal) && !(error instanceof HttpRefusal) && isOwnFault(error)
}

function answerOf(error: unknown, request: FastifyRequest): ApiAnswer {
  if (error instanceof ApiRefusal) return refusalAnswer(error, request)
  const { responseCode, message, status } = spoken(error, request)
  const headers: Headers = headersOf(error)
  const { 'www-authenticate': _bearer, ...ours } = headers
  return {
    status: status ?? httpStatusOf(responseCode, isSecure(request)),
    headers: { ...ours, 'x-request-id': request.id },
    body: { responseCode, message },
  }
}

function refusalAnswer(
  { responseCode, message, handle, status, headers }: ApiRefusal,
  request: FastifyRequest,
): ApiAnswer {
  const held = responseCode === RC.tooBusy ? { 'retry-after': '1' } : {}
  return {
    status: status ?? httpStatusOf(responseCode, isSecure(request)),
    headers: { ...held, ...headers },
    body: {
      responseCode,
      ...(message === '' ? {} : { message }),
      ...(handle === undefined ? {} : { handle }),
    },
  }
}

interface Spoken {
  readonly responseCode: number
  readonly message: string
  readonly status?: number
}

function spoken(error: unknown, { id }: FastifyRequest): Spoken {
  if (error instanceof HttpRefusal) return { responseCode: RC.protocolError, message: error.message }
  if (!(error instanceof NodeError) || isOwnFault(error))
    return { responseCode: RC.error, message: `A fault of this server. Its log tells more of request ${id}.` }
  const { code, message } = error
  const responseCode = code === 'too-large' ? RC.protocolError : responseCodeOf[code]
  return OWN_STATUS.has(code) ? { responseCode, message, status: statusOf[code] } : { responseCode, message }
}
