/** The requests of the bench as ready octets, so that the generator only writes them. */
import { type DatasetRecord, identifierAt } from './dataset.js'

export interface RequestParts {
  readonly method?: string
  /** Path and query, already percent-encoded. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

const JSON_BODY = { 'content-type': 'application/json' }

/** The octets of an HTTP/1.1 request on a kept-alive connection. */
export function encodeRequest({ method = 'GET', path, headers = {}, body }: RequestParts): Buffer {
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  if (body !== undefined) fields.push(`content-length: ${Buffer.byteLength(body)}\r\n`)
  return Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${fields.join('')}\r\n${body ?? ''}`)
}

export const LOOKUP_PATH = '/v1/identifiers/'

/** Identifiers of the data set need no percent-encoding. */
export function lookupPath(identifier: string): string {
  return LOOKUP_PATH + identifier
}

/** The path of an encoded request. */
export function pathOf(request: Buffer): string {
  const start = request.indexOf(' ') + 1
  return request.toString('latin1', start, request.indexOf(' ', start))
}

export function lookup(identifier: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  return encodeRequest({ path: lookupPath(identifier), headers })
}

export const RESOLVE_PATH = '/v1/resolve'

export function resolveMany(indexes: Iterable<number>): Buffer {
  const identifiers = Array.from(indexes, identifierAt)
  return encodeRequest({
    method: 'POST',
    path: RESOLVE_PATH,
    headers: JSON_BODY,
    body: JSON.stringify({ identifiers }),
  })
}

/** @param query with its question mark, or nothing */
export function register(record: DatasetRecord, apiKey: string, query = ''): Buffer {
  const { identifier, ...body } = record
  return encodeRequest({
    method: 'PUT',
    path: lookupPath(identifier) + query,
    headers: { ...JSON_BODY, authorization: `Bearer ${apiKey}` },
    body: JSON.stringify(body),
  })
}

export function registerMany(items: readonly DatasetRecord[], apiKey: string): Buffer {
  return encodeRequest({
    method: 'POST',
    path: '/v1/identifiers:batch',
    headers: { ...JSON_BODY, authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({ items }),
  })
}
