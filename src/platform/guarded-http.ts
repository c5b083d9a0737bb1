/**
 * HTTP requests to nodes that others run: one bound on the time of everything, one on what is received and on what is
 * decoded from it, and a few redirects at most, each looked at by the guard as the first address was.
 */
import type { AddressGuard } from './address-guard.js'
import { decodeContent } from './content-encodings.js'
import { NodeError } from './errors.js'
import { type HttpResponse, sendRequest } from './http-client.js'

export interface GuardedRequest {
  readonly url: string
  readonly guard: AddressGuard
  readonly headers?: Readonly<Record<string, string>>
  /** For everything, redirects included. */
  readonly timeoutMs: number
  /** Of the body, as it comes and decoded. */
  readonly maxBytes: number
  /** Default 2. */
  readonly maxRedirects?: number
  readonly signal?: AbortSignal
  /** Told before each sending; what it throws ends the request. */
  readonly onSend?: () => void
}

const MAX_REDIRECTS = 2
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** GET. @throws NodeError `authority-unavailable`, `too-large`, `not-permitted`, `request-malformed`, and what `onSend` throws */
export async function getGuarded(asked: GuardedRequest): Promise<HttpResponse> {
  const untilMs = performance.now() + asked.timeoutMs
  const passed = new Set<string>()
  for (let url = asked.url; ; ) {
    asked.onSend?.()
    passed.add(url)
    const response = await sendRequest({
      url,
      guard: asked.guard,
      // What is compressed all the same is decoded, within the bound.
      headers: { 'accept-encoding': 'identity', ...ownHeaders(asked, url) },
      timeoutMs: Math.max(1, untilMs - performance.now()),
      maxBytes: asked.maxBytes,
      ...(asked.signal === undefined ? {} : { signal: asked.signal }),
    })
    const { location } = response.headers
    if (!REDIRECTS.has(response.status) || location === undefined) return decoded(response, asked.maxBytes)
    url = nextUrl(url, location)
    if (passed.has(url)) throw misled(asked.url, 'redirects in a circle')
    if (passed.size > (asked.maxRedirects ?? MAX_REDIRECTS)) throw misled(asked.url, 'redirects too often')
  }
}

/** Credentials are for whom they were given. */
function ownHeaders({ headers = {}, url: first }: GuardedRequest, url: string): Readonly<Record<string, string>> {
  if (url === first || new URL(first).origin === new URL(url).origin) return headers
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'))
}

function nextUrl(from: string, location: string): string {
  const next = URL.canParse(location, from) ? new URL(location, from) : undefined
  const isHttp = next?.protocol === 'https:' || (next?.protocol === 'http:' && !from.startsWith('https:'))
  if (next === undefined || !isHttp || next.username !== '' || next.password !== '')
    throw misled(from, `redirects to ${JSON.stringify(location.slice(0, 100))}`)
  next.hash = ''
  return next.href
}

async function decoded(response: HttpResponse, maxBytes: number): Promise<HttpResponse> {
  return { ...response, body: await decodeContent(response.body, response.headers['content-encoding'], maxBytes) }
}

function misled(url: string, what: string): NodeError {
  return new NodeError('authority-unavailable', `${new URL(url).origin} ${what}.`)
}
