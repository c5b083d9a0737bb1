/** Bodies of requests. A form is read with the parameters (parameters.ts); all else is JSON, and says so. */
import type { FastifyRequest } from 'fastify'
import { NodeError } from '../../platform/errors.js'
import { parseStrictJson } from '../http/strict-json.js'
import { malformed, mediaTypeOf } from './parameters.js'

/** A record may have 256 KiB, which base64 and JSON's own characters make longer. */
export const BODY_LIMIT = 1024 * 1024

const JSON_TYPE = 'application/json'

/** Undefined when there is none. @throws ApiRefusal `protocolError` */
export function jsonBody(request: FastifyRequest): unknown {
  const { body } = request
  if (!Buffer.isBuffer(body) || body.length === 0) return undefined
  if (mediaTypeOf(request) !== JSON_TYPE) throw malformed(`Send the body as JSON, with Content-Type: ${JSON_TYPE}.`)
  try {
    return parseStrictJson(body)
  } catch (error) {
    if (error instanceof NodeError) throw malformed(error.message)
    throw error
  }
}
