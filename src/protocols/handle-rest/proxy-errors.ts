/** Whatever goes wrong in the proxy, as a page. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { NodeError } from '../../platform/errors.js'
import { RC } from '../handle/codes.js'
import { isOwnFault } from '../handle/refusals.js'
import { ourError } from '../http/fastify-errors.js'
import { HttpRefusal, headersOf, statusOf, titleOf } from '../http/problem.js'
import { ApiRefusal, COMMON_HEADERS } from './api-answer.js'
import { proxiedHandle } from './asked-handle.js'
import type { HandleRestOptions } from './door-options.js'
import { explainingPage, notFoundPage, PAGE_HEADERS } from './pages.js'

interface Refused {
  readonly status: number
  readonly page: string
}

/** Of a proxy people know 404 alone, whether a handle is gone, never was, or is another server's; the page says which. */
const NOT_HERE: ReadonlySet<string> = new Set(['identifier-withdrawn', 'served-elsewhere'])

export function refuseWithPage(
  { onFailure }: Pick<HandleRestOptions, 'onFailure'>,
  thrown: unknown,
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
): void {
  if (reply.raw.headersSent) return
  const error = thrown instanceof ApiRefusal ? thrown : ourError(thrown, request)
  const isFailure = !(error instanceof ApiRefusal) && !(error instanceof HttpRefusal) && isOwnFault(error)
  if (isFailure) {
    const [path = ''] = (request.raw.url ?? '').split('?', 1)
    onFailure?.({ error, requestId: request.id, method: request.method, path })
  }
  const { status, page } = refusedOf(error, request)
  const { 'retry-after': retryAfter } = headersOf(error)
  reply
    .code(status)
    .headers({
      ...PAGE_HEADERS,
      ...COMMON_HEADERS,
      'cache-control': reply.getHeader('cache-control') ?? 'no-store',
      ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }),
    })
    .send(Buffer.from(page))
}

function refusedOf(error: unknown, { id, raw }: FastifyRequest): Refused {
  if (error instanceof ApiRefusal) {
    if (error.responseCode === RC.recursionTooHigh)
      return { status: 404, page: explainingPage('Handle not found', error.message) }
    const title = error.responseCode === RC.invalidHandle ? 'This is no handle' : 'This cannot be asked'
    return { status: 400, page: explainingPage(title, error.message) }
  }
  if (error instanceof HttpRefusal)
    return { status: statusOf[error.code], page: explainingPage(titleOf[error.code], error.message) }
  if (!(error instanceof NodeError) || isOwnFault(error)) {
    const text = `A fault of this server. Its log tells more of request ${id}.`
    return { status: 500, page: explainingPage('The node has failed', text) }
  }
  if (error.code === 'identifier-absent') return { status: 404, page: notFoundPage(proxiedHandle(raw.url).text) }
  const status = NOT_HERE.has(error.code) ? 404 : statusOf[error.code]
  return { status, page: explainingPage(titleOf[error.code], error.message) }
}
