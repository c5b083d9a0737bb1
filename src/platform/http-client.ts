/** HTTP requests with a bound on time and size, and errors that say what to do. The only home of undici. */
import type { KeyObject } from 'node:crypto'
import { Readable } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { Agent, buildConnector, type Dispatcher, errors, request } from 'undici'
import { type AddressGuard, forbidden } from './address-guard.js'
import { messageOf, NodeError } from './errors.js'

export interface HttpRequest {
  readonly url: string
  /** Default GET. */
  readonly method?: Dispatcher.HttpMethod
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is; a stream is sent as it comes. */
  readonly content?: string | Uint8Array | AsyncIterable<Uint8Array>
  /** For the whole exchange, or, while a stream is sent, for each step of it. Default 30 s. */
  readonly timeoutMs?: number
  /** Bound on the answer's body. Default 16 MiB. */
  readonly maxBytes?: number
  readonly signal?: AbortSignal
  /** Whom to believe over TLS. Default: whom this machine trusts. */
  readonly trust?: HttpTrust
  /** Where it may go. Default: anywhere, as the address is the user's own. Not together with `trust`. */
  readonly guard?: AddressGuard
}

/** Connections are kept for each such object: make one for a server, and use it again. */
export interface HttpTrust {
  /** Certificates of authorities as PEM, in place of those that this machine trusts. */
  readonly authorities?: string
  /** The server's own key: a certificate of it is good whatever its name and issuer, and so is one that would be good without. */
  readonly publicKey?: KeyObject
}

/** Any answer is a value, whatever its status. */
export interface HttpResponse {
  readonly status: number
  /** Names in lower case; of a repeated one the values joined by commas. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

const DEFAULT_TIMEOUT_MS = 30_000
const DEFAULT_MAX_BYTES = 16 * 2 ** 20
const CONNECT_TIMEOUT_MS = 5_000

// Time is bounded by a signal of ours; undici's own timers count seconds and leave parts of an exchange out.
const agent = new Agent({ connect: { timeout: CONNECT_TIMEOUT_MS }, headersTimeout: 0, bodyTimeout: 0 })

const agents = new WeakMap<HttpTrust, Agent>()

function agentFor(trust: HttpTrust): Agent {
  const known = agents.get(trust)
  if (known !== undefined) return known
  const made = new Agent({ connect: connectorFor(trust), headersTimeout: 0, bodyTimeout: 0 })
  agents.set(trust, made)
  return made
}

function connectorFor({ authorities, publicKey }: HttpTrust): buildConnector.connector {
  const connect = buildConnector({
    timeout: CONNECT_TIMEOUT_MS,
    ...(authorities === undefined ? {} : { ca: authorities }),
    // A resumed session might show no certificate.
    ...(publicKey === undefined ? {} : { rejectUnauthorized: false, maxCachedSessions: 0 }),
  })
  if (publicKey === undefined) return connect
  return (options, connected) =>
    connect(options, (...[error, socket]) => {
      if (error !== null) return connected(error, null)
      if (!(socket instanceof TLSSocket) || socket.authorized || isOfKey(socket, publicKey))
        return connected(null, socket)
      socket.destroy()
      connected(
        new Error(
          'its certificate is neither of the key of this server nor signed by an authority that this machine trusts.',
        ),
        null,
      )
    })
}

function isOfKey(socket: TLSSocket, publicKey: KeyObject): boolean {
  return socket.getPeerX509Certificate()?.publicKey.equals(publicKey) ?? false
}

/** Guards live as long as what they are for, and so do their connections. */
const guardedAgents = new WeakMap<AddressGuard, Agent>()
/** To one origin. */
const GUARDED_CONNECTIONS = 64

function guardedAgent(guard: AddressGuard): Agent {
  const known = guardedAgents.get(guard)
  if (known !== undefined) return known
  const connect = guardedConnector(guard)
  const made = new Agent({ connect, connections: GUARDED_CONNECTIONS, headersTimeout: 0, bodyTimeout: 0 })
  guardedAgents.set(guard, made)
  return made
}

const connectAnywhere = buildConnector({ timeout: CONNECT_TIMEOUT_MS })

/** Looks at the address as written, at what its name stands for, and at whom it is connected to in the end. */
function guardedConnector(guard: AddressGuard): buildConnector.connector {
  return (options, connected) => {
    const port = Number(options.port) || (options.protocol === 'https:' ? 443 : 80)
    if (guard.isGiven(options.hostname, port)) return connectAnywhere(options, connected)
    const why = guard.refusalOf(options.hostname, port)
    if (why !== undefined) return connected(forbidden(why), null)
    const connect = buildConnector({ timeout: CONNECT_TIMEOUT_MS, lookup: guard.lookupFor(port) })
    connect(options, (...[error, socket]) => {
      if (error !== null) return connected(error, null)
      const refusal = guard.peerRefusal(socket)
      if (refusal === undefined) return connected(null, socket)
      socket.destroy()
      connected(forbidden(refusal), null)
    })
  }
}

function dispatcherFor({ guard, trust }: HttpRequest): Agent {
  if (guard !== undefined) return guardedAgent(guard)
  return trust === undefined ? agent : agentFor(trust)
}

/** @throws NodeError `authority-unavailable` (no answer), `too-large`, `request-malformed` (the address), `not-permitted` (by the guard). Follows no redirect. */
export async function sendRequest(asked: HttpRequest): Promise<HttpResponse> {
  const url = requireUrl(asked.url)
  const timer = stepTimer(asked.timeoutMs ?? DEFAULT_TIMEOUT_MS)
  const upload: Upload = { step: timer.step, failure: undefined }
  try {
    const response = await request(url, {
      dispatcher: dispatcherFor(asked),
      method: asked.method ?? 'GET',
      headers: headersOf(asked),
      body: bodyOf(asked, upload) ?? null,
      signal: asked.signal ? AbortSignal.any([timer.signal, asked.signal]) : timer.signal,
    })
    const body = await readBody(response.body, asked.maxBytes ?? DEFAULT_MAX_BYTES)
    return { status: response.statusCode, headers: joinedHeaders(response.headers), body }
  } catch (error) {
    asked.signal?.throwIfAborted()
    if (upload.failure !== undefined) throw upload.failure.error
    throw explained(error, { url, timeoutMs: asked.timeoutMs ?? DEFAULT_TIMEOUT_MS, isLate: timer.signal.aborted })
  } finally {
    timer.stop()
  }
}

/** @throws NodeError `authority-unavailable` when the body is no JSON: whoever answered is not what was asked for. */
export function readJson(response: HttpResponse): unknown {
  try {
    return JSON.parse(response.body.toString('utf8'))
  } catch (cause) {
    const type = response.headers['content-type'] ?? 'no content type'
    throw new NodeError('authority-unavailable', `The answer (status ${response.status}, ${type}) is not JSON.`, {
      cause,
    })
  }
}

/** Whether it is certain that the server has got nothing of a request that failed so. */
export function isNeverReached(error: unknown): boolean {
  const code = codeOf(Object(error).cause)
  return code !== undefined && code in REASONS && !CUTS.includes(code)
}

function requireUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw new NodeError('request-malformed', `"${text}" is not an address such as http://127.0.0.1:8080.`)
}

function headersOf({ headers, json }: HttpRequest): Record<string, string> {
  return {
    accept: 'application/json',
    ...(json === undefined ? {} : { 'content-type': 'application/json' }),
    ...headers,
  }
}

/** What became of the stream that is sent. */
interface Upload {
  step(): void
  /** Its own error, which is not the network's. */
  failure: { readonly error: unknown } | undefined
}

function bodyOf({ json, content }: HttpRequest, upload: Upload): string | Buffer | Readable | undefined {
  if (json !== undefined) return JSON.stringify(json)
  if (content === undefined || typeof content === 'string') return content
  if (content instanceof Uint8Array) return Buffer.from(content.buffer, content.byteOffset, content.byteLength)
  return Readable.from(watched(content, upload), { objectMode: false })
}

/** Each piece asked for is a sign of life: an upload may take hours, as long as it moves. */
async function* watched(content: AsyncIterable<Uint8Array>, upload: Upload): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of content) {
      upload.step()
      yield piece
    }
    upload.step()
  } catch (error) {
    upload.failure = { error }
    throw error
  }
}

function stepTimer(timeoutMs: number) {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(), timeoutMs)
  return { signal: controller.signal, step: () => void timer.refresh(), stop: () => clearTimeout(timer) }
}

async function readBody(body: Dispatcher.ResponseData['body'], maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of body as AsyncIterable<Buffer>) {
    bytes += piece.length
    // Leaving the loop destroys the stream, and with it the connection.
    if (bytes > maxBytes) throw new NodeError('too-large', `The answer is larger than ${maxBytes} bytes.`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces, bytes)
}

function joinedHeaders(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  )
}

/** It may have got everything. */
const CUTS: readonly string[] = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there. Is the node running (npm start), and is the address right?',
  ENOTFOUND: 'there is no host of that name.',
  EAI_AGAIN: 'the name of the host could not be looked up. Is the network up?',
  EHOSTUNREACH: 'the host cannot be reached.',
  ENETUNREACH: 'the network cannot be reached.',
  ECONNRESET: 'the connection was cut.',
  EPIPE: 'the connection was cut.',
  UND_ERR_SOCKET: 'the connection was cut.',
  UND_ERR_CONNECT_TIMEOUT: `no connection within ${CONNECT_TIMEOUT_MS / 1000} s.`,
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name.',
  CERT_HAS_EXPIRED: 'its certificate has expired.',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not signed by an authority that this machine trusts.',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not signed by an authority that this machine trusts.',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not signed by an authority that this machine trusts.',
}

function explained(error: unknown, at: { url: URL; timeoutMs: number; isLate: boolean }): unknown {
  if (error instanceof NodeError) return error
  const where = at.url.origin
  if (at.isLate) return unavailable(`${where}: no answer within ${at.timeoutMs / 1000} s.`, error)
  const code = codeOf(error)
  const reason = code === undefined ? undefined : REASONS[code]
  if (reason !== undefined) return unavailable(`${where}: ${reason}`, error)
  // A mistake of ours is not the network's.
  const isOurs = error instanceof TypeError || error instanceof errors.InvalidArgumentError
  return isOurs ? error : unavailable(`${where}: ${messageOf(error)}`, error)
}

/** Of several addresses tried for one name, the first one's. */
function codeOf(error: unknown): string | undefined {
  const {
    code,
    cause,
    errors: tried,
  } = Object(error) as { code?: unknown; cause?: unknown; errors?: readonly unknown[] }
  if (typeof code === 'string') return code
  if (tried?.[0] !== undefined) return codeOf(tried[0])
  return cause instanceof Error ? codeOf(cause) : undefined
}

function unavailable(message: string, cause: unknown): NodeError {
  return new NodeError('authority-unavailable', message, { cause })
}
