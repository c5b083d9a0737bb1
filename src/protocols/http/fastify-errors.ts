/** Fastify's own errors in our words. Its messages may name internals, so only known codes speak. */
import type { FastifySchemaValidationError } from 'fastify'
import { type Fault, NodeError } from '../../platform/errors.js'
import { HttpRefusal } from './problem.js'

interface FastifyLikeError {
  readonly code?: unknown
  readonly statusCode?: unknown
  readonly validation?: readonly FastifySchemaValidationError[]
  readonly validationContext?: string
}

const MAX_FAULTS = 20

/** Our errors stay what they are; what is not known stays too, and is an internal error to the client. */
export function ourError(error: unknown): unknown {
  if (error instanceof NodeError || error instanceof HttpRefusal || typeof error !== 'object' || error === null)
    return error
  const { code, statusCode, validation, validationContext } = error as FastifyLikeError
  if (validation !== undefined) return malformed(validation, validationContext ?? 'body')
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new NodeError('too-large', 'The body is larger than this address takes. Send it in smaller parts.')
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new NodeError(
        'media-type-unsupported',
        'This address does not take a body of that Content-Type. /docs lists what it takes.',
      )
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new NodeError('request-malformed', 'The body is not as long as Content-Length says.')
    case 'FST_ERR_BAD_URL':
      return new NodeError(
        'request-malformed',
        'The path has a broken percent-encoding: write each octet of UTF-8 as % and two hexadecimal digits.',
      )
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new HttpRefusal('address-too-long', 'A part of the path is longer than any identifier can be.')
    default:
  }
  // A connection that breaks while its body is read arrives here with status 400.
  if (statusCode === 400 || code === 'ECONNRESET') {
    return new NodeError('request-malformed', 'The request could not be read to its end.')
  }
  return error
}

function malformed(found: readonly FastifySchemaValidationError[], part: string): NodeError {
  // An unknown member is told twice: once as itself, whose schema is then `false`.
  const told = found.filter(({ keyword }) => keyword !== 'boolean')
  const faults = told.slice(0, MAX_FAULTS).map((one) => faultOf(one, part))
  const fields = [...new Set(faults.map((fault) => fault.field))].join(', ')
  return new NodeError('request-malformed', `The request does not have the shape asked for: see ${fields}.`, { faults })
}

function faultOf(found: FastifySchemaValidationError, part: string): Fault {
  const path = found.instancePath.slice(1).replaceAll('/', '.')
  return { field: path === '' ? part : path, reason: reasonOf(found) }
}

function reasonOf(found: FastifySchemaValidationError): string {
  const params = found.params as Readonly<Record<string, unknown>>
  if (found.keyword === 'additionalProperties')
    return `unknown: ${[params['additionalProperties']].flat().join(', ')}; see /docs for what is known`
  if (found.keyword === 'required') return `missing: ${[params['requiredProperties']].flat().join(', ')}`
  return found.message ?? 'not as described at /docs'
}
