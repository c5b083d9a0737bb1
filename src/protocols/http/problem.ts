/**
 * Errors as problem documents (RFC 9457). `type` is a page of this node that explains the code: `/problems/<code>`.
 * What goes out is the code, the message written for the caller and the faults; never a cause, a stack or SQL.
 */
import { type ErrorCode, type Fault, NodeError } from '../../platform/errors.js'
import { type Location, locationsOf, type ServiceLocation } from '../../record/service.js'
import { Elsewhere } from '../../resolution/elsewhere.js'

/** Refusals that only HTTP knows. */
export const HTTP_CODES = ['method-not-allowed', 'request-timeout', 'address-too-long', 'headers-too-large'] as const
export type ProblemCode = ErrorCode | (typeof HTTP_CODES)[number]

/** `satisfies` makes a new code without a status a compile error. */
export const statusOf = {
  'identifier-malformed': 400,
  'request-malformed': 400,
  'not-authenticated': 401,
  'not-permitted': 403,
  'prefix-not-held': 403,
  'prefix-suspended': 403,
  'prefix-not-served': 404,
  // Not 404, which would say that it isn't registered; nor a redirection, which nothing that speaks HTTP could follow.
  'served-elsewhere': 421,
  'identifier-absent': 404,
  'identifier-withdrawn': 410,
  'version-absent': 404,
  'token-unknown': 412,
  'not-found': 404,
  'not-acceptable': 406,
  'media-type-unsupported': 415,
  'too-large': 413,
  'already-exists': 409,
  'version-conflict': 409,
  'precondition-failed': 412,
  'idempotency-key-reused': 422,
  'template-unknown': 422,
  'record-invalid': 422,
  'import-conflict': 409,
  'sequence-gap': 409,
  'authority-unavailable': 503,
  overloaded: 503,
  'not-yet-visible': 503,
  // The write itself is accepted.
  'not-yet-acknowledged': 202,
  'storage-full': 507,
  internal: 500,
  'method-not-allowed': 405,
  'request-timeout': 408,
  'address-too-long': 414,
  'headers-too-large': 431,
} as const satisfies Record<ProblemCode, number>

export const titleOf = {
  'identifier-malformed': 'The identifier is malformed',
  'request-malformed': 'The request is malformed',
  'not-authenticated': 'A valid API key is needed',
  'not-permitted': 'The API key does not permit this',
  'prefix-not-held': 'The prefix is not held by this enterprise',
  'prefix-suspended': 'The prefix is suspended',
  'prefix-not-served': 'The prefix is not served by this node',
  'served-elsewhere': 'Another server answers for this prefix',
  'identifier-absent': 'The identifier is not registered',
  'identifier-withdrawn': 'The identifier was withdrawn',
  'version-absent': 'There is no such version',
  'token-unknown': 'The write that the token names is not known here',
  'not-found': 'There is nothing at this address',
  'not-acceptable': 'No media type asked for can be given',
  'media-type-unsupported': 'The media type of the body is not supported',
  'too-large': 'The request is too large',
  'already-exists': 'It exists already',
  'version-conflict': 'Somebody else has changed it meanwhile',
  'precondition-failed': 'The condition of the request does not hold',
  'idempotency-key-reused': 'The idempotency key was used for another request',
  'template-unknown': 'The template is unknown',
  'record-invalid': 'The record does not fit its template',
  'import-conflict': 'The import is not in the state for this',
  'sequence-gap': 'Changes before these have not arrived here',
  'authority-unavailable': 'The authority cannot be asked at the moment',
  overloaded: 'The node is busy',
  'not-yet-visible': 'It is written, and not yet visible everywhere',
  'not-yet-acknowledged': 'Written, and not yet acknowledged by the node above',
  'storage-full': 'The storage of the node is full',
  internal: 'The node has failed',
  'method-not-allowed': 'The method is not offered at this address',
  'request-timeout': 'The request took too long to arrive',
  'address-too-long': 'The address is too long',
  'headers-too-large': 'The header fields are too large',
} as const satisfies Record<ProblemCode, string>

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly instance: string
  readonly code: ProblemCode
  readonly faults?: readonly Fault[]
  readonly referral?: ReferralJson
}

/** Where else to ask. Servers of the Handle System; a location with `http` takes its requests in HTTP. */
export interface ReferralJson {
  readonly prefix: string
  /** A handle whose record says where; there are no locations then. */
  readonly serviceHandle?: string
  readonly locations: readonly Location[]
  /** HS_SITE, in base64. */
  readonly sites: readonly string[]
}

/** A refusal of HTTP itself, for which the core has no code. */
export class HttpRefusal extends Error {
  readonly code: (typeof HTTP_CODES)[number]
  readonly headers: Readonly<Record<string, string>>

  constructor(code: (typeof HTTP_CODES)[number], message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.name = 'HttpRefusal'
    this.code = code
    this.headers = headers
  }
}

/** `instance` is the request this is about: its path and request id, never its query (which may hold secrets). */
export function problemOf(error: unknown, instance: string): Problem {
  const { code, detail, faults, referral } = spoken(error)
  return {
    type: `/problems/${code}`,
    title: titleOf[code],
    status: statusOf[code],
    detail,
    instance,
    code,
    ...(faults.length > 0 ? { faults } : {}),
    ...(referral && { referral }),
  }
}

export type ItemProblem = Pick<Problem, 'code' | 'detail' | 'faults' | 'referral'>

/** One item of a batch that failed: the same words without a document around them. */
export function problemOfItem(error: unknown): ItemProblem {
  const { code, detail, faults, referral } = spoken(error)
  return { code, detail, ...(faults.length > 0 ? { faults } : {}), ...(referral && { referral }) }
}

/** Header fields that belong to an error, `WWW-Authenticate` and `Retry-After` among them. */
export function headersOf(error: unknown): Record<string, string> {
  if (error instanceof HttpRefusal) return { ...error.headers }
  if (!(error instanceof NodeError)) return {}
  const headers: Record<string, string> = {}
  if (error.code === 'not-authenticated') headers['www-authenticate'] = 'Bearer realm="jiexi"'
  if (statusOf[error.code] === 503 || error.retryAfterSeconds !== undefined)
    headers['retry-after'] = String(Math.max(1, Math.ceil(error.retryAfterSeconds ?? 1)))
  return headers
}

/** True when the fault is this node's own and belongs into its log. */
export function isInternal(error: unknown): boolean {
  return spoken(error).code === 'internal'
}

interface Spoken {
  readonly code: ProblemCode
  readonly detail: string
  readonly faults: readonly Fault[]
  readonly referral?: ReferralJson | undefined
}

const INTERNAL: Spoken = {
  code: 'internal',
  detail: 'Something failed inside this node; nothing is wrong with the request. The log has it under this request id.',
  faults: [],
}

function spoken(error: unknown): Spoken {
  if (error instanceof HttpRefusal) return { code: error.code, detail: error.message, faults: [] }
  if (error instanceof NodeError && error.code !== 'internal')
    return { code: error.code, detail: error.message, faults: error.faults, referral: referralOf(error) }
  return INTERNAL
}

function referralOf(error: NodeError): ReferralJson | undefined {
  if (!(error instanceof Elsewhere) || error.service === undefined) return undefined
  return { prefix: error.prefix, ...serviceJson(error.service) }
}

export function serviceJson(service: ServiceLocation): Omit<ReferralJson, 'prefix'> {
  const { handle, sites } = service
  return {
    ...(handle === '' ? {} : { serviceHandle: handle }),
    locations: locationsOf(service),
    sites: sites.map((site) => Buffer.from(site).toString('base64')),
  }
}
