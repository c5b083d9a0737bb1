/** Look-ups of the native Handle protocol as ready octets, one straight after the other, so that runs of them are slices. */
import { encodeMessage } from '../../src/protocols/handle/codec-message.js'
import { FLAG, OP, UNKNOWN_SERIAL } from '../../src/protocols/handle/codes.js'
import { encodeRequest } from './requests.js'

/** As clients in use send it when they are told nothing else. */
const FLAGS = FLAG.recursive | FLAG.cacheCertify | FLAG.publicOnly
const VERSION = { major: 2, minor: 11 }
const EXPIRES_AFTER_SECONDS = 12 * 3600
const REQUEST_ID_AT = 8
const MAX_REQUEST_ID = 0x7fff_ffff

export interface RequestRun {
  readonly octets: Buffer
  /** Where each begins; one more than there are, so that each also ends. */
  readonly starts: Uint32Array
}

/** In this order, each with a request id of its own. */
export function handleRequests(handles: readonly string[]): RequestRun {
  const requests = handles.map((handle, place) => withId(handleRequest(handle), (place % MAX_REQUEST_ID) + 1))
  const starts = new Uint32Array(requests.length + 1)
  for (const [place, { length }] of requests.entries()) starts[place + 1] = starts[place]! + length
  return { octets: Buffer.concat(requests), starts }
}

const known = new Map<string, Buffer>()

/** A copy. */
export function handleRequest(handle: string): Buffer {
  const request = known.get(handle) ?? encodeRequestOf(handle)
  known.set(handle, request)
  return Buffer.from(request)
}

function encodeRequestOf(handle: string): Buffer {
  return encodeMessage({
    envelope: { version: VERSION, suggestedVersion: VERSION, sessionId: 0, requestId: 1 },
    header: {
      opCode: OP.resolve,
      responseCode: 0,
      opFlags: FLAGS,
      siteSerial: UNKNOWN_SERIAL,
      recursionCount: 0,
      expirationSeconds: Math.floor(Date.now() / 1000) + EXPIRES_AFTER_SECONDS,
    },
    body: { kind: 'query', handle, indexes: [], types: [] },
  })
}

function withId(request: Buffer, requestId: number): Buffer {
  request.writeUInt32BE(requestId, REQUEST_ID_AT)
  return request
}

/** The same look-up in the HTTP tunnel. */
export function tunnelRequest(handle: string): Buffer {
  const body = handleRequest(handle)
  const type = 'application/x-hdl-message'
  const head = encodeRequest({
    method: 'POST',
    path: `/${encodeURIComponent(handle)}`,
    headers: { 'content-type': type, accept: type, 'content-length': String(body.length) },
  })
  return Buffer.concat([head, body])
}
