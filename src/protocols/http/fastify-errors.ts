/** Fastify's own errors in our words. Its messages may name internals, so only known codes speak. */
import type { FastifyRequest } from 'fastify'
import { NodeError } from '../../platform/errors.js'
import { DEFAULT_BODY_LIMIT, mediaTypeRefused } from './body-parsers.js'
import { HttpRefusal } from './problem.js'
import { type SchemaFault, shapeRefused } from './schema-faults.js'

interface FastifyLikeError {
  readonly code?: unknown
  readonly statusCode?: unknown
  readonly validation?: readonly SchemaFault[]
  readonly validationContext?: string
}

/**
 * Our errors stay what they are; what is not known stays too, and is an internal error to the client. Of the request,
 * where there is one, it is told what its route takes.
 */
export function ourError(error: unknown, request?: FastifyRequest): unknown {
  if (error instanceof NodeError || error instanceof HttpRefusal || typeof error !== 'object' || error === null)
    return error
  const { code, statusCode, validation, validationContext } = error as FastifyLikeError
  if (validation !== undefined)
    return shapeRefused(validation, { part: validationContext ?? 'body', schema: schemaOf(request, validationContext) })
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new NodeError(
        'too-large',
        `A body may have ${limitOf(request)} at this address. Send it in smaller parts, or import it: POST /v1/imports.`,
      )
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return request === undefined
        ? new NodeError('media-type-unsupported', 'No address takes a body of that Content-Type.')
        : mediaTypeRefused(request)
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

function limitOf(request: FastifyRequest | undefined): string {
  return `${(request?.routeOptions?.bodyLimit ?? DEFAULT_BODY_LIMIT) / 2 ** 20} MiB`
}

function schemaOf(request: FastifyRequest | undefined, part: string | undefined): unknown {
  const schema = request?.routeOptions?.schema as Readonly<Record<string, unknown>> | undefined
  return schema?.[part ?? 'body']
}
