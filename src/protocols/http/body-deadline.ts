/**
 * A body must arrive within a bound that grows with what has arrived, or slow senders hold connections for ever. Node's
 * own `requestTimeout` is one for the whole server and would end long uploads, so the clock runs here, per request, and a
 * streaming route stops it.
 *
 *   deadline = grace + received / 128 KiB per second       ; received counts up to 16 MiB, so never above grace + 128 s
 *
 * At a steady pace this lets a body pass exactly when its announced length would; one that drips is cut off at the grace.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { BATCH_BODY_LIMIT } from './body-parsers.js'

export const BODY_OCTETS_PER_SECOND = 128 * 1024

export interface LateBody {
  readonly receivedOctets: number
  readonly tookMs: number
}

const deadlines = new WeakMap<IncomingMessage, NodeJS.Timeout>()

/** Calls `onLate` once if the body has not arrived in time. Requests without a body cost two look-ups. */
export function boundBody(
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
  graceMs: number,
  onLate: (late: LateBody) => void,
): void {
  const { headers, socket } = request
  if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0) return
  // Octets of the connection: listening to the body's own chunks would set it flowing before anybody reads it.
  const octetsBefore = socket.bytesRead
  const startedAtMs = performance.now()

  const check = () => {
    deadlines.delete(request)
    if (request.complete) return
    const receivedOctets = socket.bytesRead - octetsBefore
    const tookMs = performance.now() - startedAtMs
    // Once it is answered, the rest of the body interests nobody.
    const earnedMs = response.headersSent ? 0 : earnedTimeMs(receivedOctets)
    const leftMs = graceMs + earnedMs - tookMs
    if (leftMs > 0) wait(leftMs)
    else onLate({ receivedOctets, tookMs })
  }
  const wait = (ms: number) => {
    const timer = setTimeout(check, Math.ceil(ms))
    timer.unref()
    deadlines.set(request, timer)
  }
  wait(graceMs)
  request.once('close', () => stop(request))
}

function earnedTimeMs(receivedOctets: number): number {
  return (Math.min(receivedOctets, BATCH_BODY_LIMIT) / BODY_OCTETS_PER_SECOND) * 1000
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
