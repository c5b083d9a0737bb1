/**
 * The hot path: GET or HEAD of a record, anonymous, as JSON, without a query. Answered before routing, from ready bytes,
 * and without an async hop when memory has the answer. Whatever is not plain is left to lookup.ts.
 */
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../platform/clock.js'
import type { Answer } from '../../record/answer.js'
import type { Resolve } from '../../resolution/resolve.js'
import { isNotModified } from '../http/conditional.js'
import { knownOf } from '../http/fast-lane.js'
import { sendReady } from '../http/ready-response.js'
import { requestIdOf } from '../http/request-id.js'
import { type EarlyAnswer, type EarlyReport, type Exchange, KEEP_ALIVE_SECONDS } from '../http/server.js'
import { headersOfAnswer } from './answer-headers.js'
import { identifierInPath } from './identifier-path.js'
import { PLAIN_JSON, plainBody, plainHead } from './plain-json.js'
import type { LookedUp } from './plain-lane.js'
import { refusalOf } from './refusals.js'

const ROUTE = '/v1/identifiers/'
const ROUTES = [ROUTE, '/v1/history/'] as const

/** What plain-lane.ts has found out already is not looked up again. */
export function plainLookup(resolve: Resolve, clock: Clock): EarlyAnswer {
  return (request, response, report) => {
    if (!isPlain(request)) return false
    const exchange = { request, response }
    const known = knownOf(request) as LookedUp | undefined
    try {
      if (known !== undefined) {
        if ('error' in known) throw known.error
        send(exchange, known.answer, { report, clock })
        return true
      }
      const answer = resolve({
        identifier: identifierInPath(request.url!, ROUTE),
        face: PLAIN_JSON,
        source: report.sourceOf(request),
      })
      if (answer instanceof Promise) {
        answer
          .then((later) => send(exchange, later, { report, clock }))
          .catch((error: unknown) => report.refuse(exchange, error))
      } else {
        send(exchange, answer, { report, clock })
      }
    } catch (error) {
      report.refuse(exchange, error)
    }
    return true
  }
}

/**
 * A path whose escapes are no UTF-8 is refused here, with its position: the router would refuse it too, but does not
 * know that it is about an identifier.
 */
export const refuseBadEscapes: EarlyAnswer = (request, response, report) => {
  const url = request.url!
  const route = ROUTES.find((start) => url.startsWith(start))
  if (route === undefined || !url.includes('%')) return false
  try {
    identifierInPath(url, route)
    return false
  } catch (error) {
    report.refuse({ request, response }, error)
    return true
  }
}

/** Who asks, what the answer must have seen, and what a look-up may cost that other nodes have passed on. */
const DEMANDING = ['authorization', 'jiexi-token', 'jiexi-via']

function isPlain({ method, url, headers }: IncomingMessage): boolean {
  if ((method !== 'GET' && method !== 'HEAD') || !url!.startsWith(ROUTE)) return false
  if (url!.includes('?') || DEMANDING.some((name) => headers[name] !== undefined)) return false
  const { accept } = headers
  return accept === undefined || accept === '*/*' || accept === 'application/json'
}

function send(
  exchange: Exchange,
  answer: Answer,
  { report, clock }: { readonly report: EarlyReport; readonly clock: Clock },
): void {
  // A request whose body came too late has its answer already.
  if (exchange.response.headersSent) return
  if (answer.kind !== 'found') {
    report.refuse(exchange, refusalOf(answer), headersOfAnswer(answer, clock.nowMs()))
    return
  }
  const { request, response } = exchange
  const body = plainBody(answer)
  const { tag, head, notModifiedHead, start } = plainHead(answer, body.length, clock.nowMs())
  if (isNotModified(request.headers['if-none-match'], tag)) {
    response.writeHead(304, withRequestId(notModifiedHead, request)).end()
    report.observe(304)
    return
  }
  const plain = request.method === 'GET' && request.headers['x-request-id'] === undefined
  if (!plain || !sendReady(response, { start, body }, KEEP_ALIVE_SECONDS)) {
    response.writeHead(200, withRequestId(head, request)).end(body, 'latin1')
  }
  report.observe(200)
}

function withRequestId(head: readonly string[], request: IncomingMessage): string[] {
  const known = head as string[]
  return request.headers['x-request-id'] === undefined ? known : [...known, 'X-Request-Id', requestIdOf(request)]
}
