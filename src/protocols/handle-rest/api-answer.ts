/**
 * What this door answers, and how it is sent.
 *
 *   {"responseCode": number, ["message"], ["handle"], …}
 *
 * Errors have this shape, not that of RFC 9457 as at the other doors: clients of this API take the response code out of every
 * answer, whatever its status, and know no other document. What belongs to an error of the node stays the same: a clear
 * reason, never a cause or a stack.
 *
 *   ?pretty      indented
 *   ?callback=f  a script that calls f (JSONP). Characters outside A-Z a-z 0-9 _ $ become "_", and only what anybody may
 *                read is given this way, for a script from anywhere could ask for it with the reader's own credentials.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { readForm } from './parameters.js'

export interface ApiAnswer {
  readonly status: number
  /** Absent: no body. */
  readonly body?: Readonly<Record<string, unknown>>
  readonly headers?: Headers
}

/** By lower-case name; several values are several lines. */
export type Headers = Readonly<Record<string, string | readonly string[]>>

/** An outcome that is no answer to what was asked: thrown within this door, and sent by its error handler. */
export class ApiRefusal extends Error {
  readonly responseCode: number
  readonly handle: string | undefined
  /** In place of the one that belongs to the response code. */
  readonly status: number | undefined
  readonly headers: Headers

  constructor(responseCode: number, message: string, about: RefusalDetails = {}) {
    super(message)
    this.name = 'ApiRefusal'
    this.responseCode = responseCode
    this.handle = about.handle
    this.status = about.status
    this.headers = about.headers ?? {}
  }
}

export interface RefusalDetails {
  readonly handle?: string | undefined
  readonly status?: number
  readonly headers?: Headers
}

const JSON_TYPE = 'application/json;charset=UTF-8'
const SCRIPT_TYPE = 'application/javascript;charset=UTF-8'

/** Of every answer: what scripts of other sites may read is what anybody may, for no credentials come with them. */
export const COMMON_HEADERS = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'Location, WWW-Authenticate, Retry-After, Jiexi-Version, Jiexi-Stale, Jiexi-Token',
  'x-content-type-options': 'nosniff',
} as const

export function sendAnswer(request: FastifyRequest, reply: FastifyReply, answer: ApiAnswer): FastifyReply {
  reply.code(answer.status).headers(COMMON_HEADERS)
  if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
  for (const [name, value] of Object.entries(answer.headers ?? {})) reply.header(name, value)
  if (answer.body === undefined) return reply.send()
  const { isPretty, callback } = readForm(request)
  const json = JSON.stringify(answer.body, null, isPretty ? 2 : undefined)
  reply.header('content-type', callback === undefined ? JSON_TYPE : SCRIPT_TYPE)
  // As octets: fastify would rewrite the charset of a text.
  return reply.send(Buffer.from(callback === undefined ? json : scriptOf(callback, json)))
}

/** What the two line separators are to older readers of scripts, JSON does not mind. The comment keeps it from being taken for another kind of file. */
function scriptOf(callback: string, json: string): string {
  return `/**/${callback}(${json.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')});`
}
