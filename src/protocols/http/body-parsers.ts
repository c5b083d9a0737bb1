/** Reading bodies: strict JSON, lines, protobuf bytes. Whatever is of no known media type is 415. */
import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { NodeError } from '../../platform/errors.js'
import { decodeUtf8, parseStrictJson } from './strict-json.js'

export const DEFAULT_BODY_LIMIT = 1024 * 1024
export const BATCH_BODY_LIMIT = 16 * 1024 * 1024

const CHARSET = /;[ \t]*charset[ \t]*=[ \t]*"?([^";\s]*)/i
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

/** What a body may be at the address of this request: what its route says it consumes, else all that can be read. */
export function mediaTypesOf(request: FastifyRequest): readonly string[] {
  const schema = request.routeOptions?.schema as { readonly consumes?: readonly string[] } | undefined
  return schema?.consumes ?? [...JSON_TYPES, ...LINE_TYPES, ...BYTE_TYPES]
}

export function mediaTypeRefused(request: FastifyRequest): NodeError {
  const takes = mediaTypesOf(request).join(', ')
  const given = request.headers['content-type']
  return new NodeError(
    'media-type-unsupported',
    given === undefined
      ? `Name the media type of the body in Content-Type; this address takes ${takes}.`
      : `This address takes ${takes}; the body came as ${JSON.stringify(given.slice(0, 100))}.`,
  )
}

/**
 * SHA-256 over the method, the address (path and query, without what does not change what is done) and the body. Only for
 * requests that name an Idempotency-Key.
 */
export function digestOf(request: FastifyRequest, address: string): Buffer {
  const { method, headers } = request.raw
  return createHash('sha256')
    .update(`${method} ${address}\n${headers['if-match'] ?? ''}\n${headers['if-none-match'] ?? ''}\n`)
    .update(digests.get(request) ?? '')
    .digest()
}

function read(request: FastifyRequest, body: Buffer, parse: (bytes: Buffer) => unknown): unknown {
  const { headers } = request
  const coding = headers['content-encoding']
  if (coding !== undefined && coding !== 'identity')
    throw new NodeError('media-type-unsupported', 'Send the body without Content-Encoding; none is supported.')
  if (headers['idempotency-key'] !== undefined) digests.set(request, createHash('sha256').update(body).digest())
  if (body.length === 0) return undefined
  requireMediaType(request)
  return parse(body)
}

/** @throws NodeError `media-type-unsupported`: can be read, but is not taken here; or text that is not UTF-8 */
function requireMediaType(request: FastifyRequest): void {
  const given = request.headers['content-type'] ?? ''
  const type = (given.split(';', 1)[0] ?? '').trim().toLowerCase()
  if (!mediaTypesOf(request).includes(type)) throw mediaTypeRefused(request)
  const charset = CHARSET.exec(given)?.[1]
  if (charset !== undefined && !/^utf-?8$/i.test(charset))
    throw new NodeError('media-type-unsupported', `Send the body as UTF-8, not as ${charset.slice(0, 40)}.`)
}
