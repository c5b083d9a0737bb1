/**
 * A body must arrive within a bound, or slow senders hold connections for ever. Node's own `requestTimeout` is one for
 * the whole server and would end long uploads, so the clock runs here, per request, and a streaming route stops it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyRequest } from 'fastify'

const deadlines = new WeakMap<IncomingMessage, NodeJS.Timeout>()

/** Calls `onLate` once if the body has not arrived in time. Requests without a body cost two look-ups. */
export function boundBody(
  exchange: { readonly request: IncomingMessage; readonly response: ServerResponse },
  timeoutMs: number,
  onLate: () => void,
): void {
  const { request } = exchange
  const { headers } = request
  if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0) return
  const timer = setTimeout(() => {
    deadlines.delete(request)
    if (!request.complete) onLate()
  }, timeoutMs)
  timer.unref()
  deadlines.set(request, timer)
  request.once('close', () => stop(request))
}

/**
 * For a route that reads a long body as a stream: no bound on the whole any more, but the connection is closed when
 * nothing moves for `idleTimeoutMs`.
 */
export function streamBody(request: FastifyRequest, idleTimeoutMs = 30_000): void {
  stop(request.raw)
  const { socket } = request.raw
  socket.setTimeout(idleTimeoutMs)
  request.raw.once('close', () => socket.setTimeout(0))
}

function stop(request: IncomingMessage): void {
  const timer = deadlines.get(request)
  if (timer === undefined) return
  clearTimeout(timer)
  deadlines.delete(request)
}
