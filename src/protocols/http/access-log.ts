/**
 * One structured line per request: every write, and a share of the look-ups, for logging each costs a quarter of a
 * request. Who wrote is told by the id of the API key; neither secrets nor query strings are logged.
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from '../../platform/logger.js'
import { parseApiKey } from '../../security/tokens.js'
import { requestIdOf } from './request-id.js'
import type { Exchange } from './server.js'

export interface AccessLogOptions {
  readonly log: Pick<Logger, 'info'>
  /** Share of look-ups that are logged, 0 to 1. */
  readonly sample: number
}

export interface AccessLog {
  /** To be called once for each request when it arrives; the line is written when its answer has gone, or its client. */
  arrived(exchange: Exchange): void
  /** Whether the look-up that has just come is one to log: it must arrive like any other then. */
  wants(from: Socket): boolean
}

export function accessLog({ log, sample }: AccessLogOptions): AccessLog {
  /** Of connections whose newest look-up has been decided about before it arrives. */
  const decided = new WeakMap<Socket, boolean>()
  const isDrawn = () => Math.random() < sample

  function wants(from: Socket): boolean {
    const isWanted = isDrawn()
    decided.set(from, isWanted)
    return isWanted
  }

  function arrived({ request, response }: Exchange): void {
    const decision = decided.get(request.socket)
    if (decision !== undefined) decided.delete(request.socket)
    if (isLookup(request) && !(decision ?? isDrawn())) return
    const startedAtMs = performance.now()
    response.once('close', () => {
      log.info('request', {
        method: request.method,
        path: request.url?.split('?', 1)[0],
        status: response.statusCode,
        complete: response.writableFinished,
        tookMs: Math.round((performance.now() - startedAtMs) * 100) / 100,
        requestId: requestIdOf(request),
        from: request.socket.remoteAddress,
        by: apiKeyIdOf(request),
      })
    })
  }

  return { arrived, wants }
}

function isLookup({ method, url }: IncomingMessage): boolean {
  return method === 'GET' || method === 'HEAD' || url === '/v1/resolve'
}

function apiKeyIdOf({ headers }: IncomingMessage): string | undefined {
  const text = headers.authorization?.split(' ').at(-1)
  return text === undefined ? undefined : parseApiKey(text)?.id
}
