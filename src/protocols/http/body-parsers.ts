/** Reading bodies: strict JSON, lines, protobuf bytes. Whatever is of no known media type is 415. */
import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { NodeError } from '../../platform/errors.js'
import { decodeUtf8, parseStrictJson } from './strict-json.js'

export const DEFAULT_BODY_LIMIT = 1024 * 1024
export const BATCH_BODY_LIMIT = 16 * 1024 * 1024

const JSON_TYPES = ['application/json', 'application/merge-patch+json']
const LINE_TYPES = ['application/x-ndjson', 'text/plain']
const BYTE_TYPES = ['application/x-protobuf']

/** Digests of bodies whose request names an Idempotency-Key: a retry must be the same request. */
const digests = new WeakMap<FastifyRequest, Buffer>()

/** JSON arrives parsed, lines as one string, protobuf as a Buffer, an empty body as undefined. */
export function readBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  const parsers: readonly [readonly string[], (bytes: Buffer) => unknown][] = [
    [JSON_TYPES, parseStrictJson],
    [LINE_TYPES, decodeUtf8],
    [BYTE_TYPES, (bytes) => bytes],
  ]
  for (const [types, parse] of parsers) {
    app.addContentTypeParser([...types], { parseAs: 'buffer' }, (request, body: Buffer, done) => {
      try {
        done(null, read(request, body, parse))
      } catch (error) {
        done(error as Error)
      }
    })
  }
}

/** SHA-256 over the method, the path with its query and the body. Only for requests that name an Idempotency-Key. */
export function digestOf(request: FastifyRequest): Buffer {
  const { method, url, headers } = request.raw
  return createHash('sha256')
    .update(`${method} ${url}\n${headers['if-match'] ?? ''}\n${headers['if-none-match'] ?? ''}\n`)
    .update(digests.get(request) ?? '')
    .digest()
}

function read(request: FastifyRequest, body: Buffer, parse: (bytes: Buffer) => unknown): unknown {
  const { headers } = request
  const coding = headers['content-encoding']
  if (coding !== undefined && coding !== 'identity')
    throw new NodeError('media-type-unsupported', 'Send the body without Content-Encoding; none is supported.')
  if (headers['idempotency-key'] !== undefined) digests.set(request, createHash('sha256').update(body).digest())
  return body.length === 0 ? undefined : parse(body)
}
