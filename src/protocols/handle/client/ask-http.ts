/**
 * Requests through the HTTP tunnel: a message is the body of a POST, and so is its answer; an answer of several messages
 * has them one behind the other.
 *
 *   POST /88.118.8%2Fx    Content-Type and Accept: application/x-hdl-message
 */
import { isIPv6 } from 'node:net'
import { uint32At } from '../../../platform/byte-reader.js'
import { messageOf, NodeError } from '../../../platform/errors.js'
import { type HttpResponse, type HttpTrust, sendRequest } from '../../../platform/http-client.js'
import type { HandleFault } from './faults.js'
import { Frames } from './frames.js'
import { type Answers, Inbox, type Question } from './inbox.js'
import type { ClientLimits } from './limits.js'
import type { ServerAddress } from './server-address.js'

const MESSAGE_TYPE = 'application/x-hdl-message'
const REQUEST_ID_AT = 8
const OK = 200

export function askHttp(address: ServerAddress, question: Question, options: HttpOptions): Answers {
  const ended = new AbortController()
  const inbox = new Inbox({ address, question, onEnd: () => ended.abort() })
  void carry({ address, question, inbox, signal: ended.signal }, options)
  return inbox
}

export interface HttpOptions {
  readonly limits: ClientLimits
  /** With https. */
  readonly trust?: HttpTrust
}

interface Carried {
  readonly address: ServerAddress
  readonly question: Question
  readonly inbox: Inbox
  readonly signal: AbortSignal
}

async function carry({ address, question, inbox, signal }: Carried, { limits, trust }: HttpOptions): Promise<void> {
  try {
    const response = await sendRequest({
      url: urlOf(address, question.handle),
      method: 'POST',
      headers: { accept: MESSAGE_TYPE, 'content-type': MESSAGE_TYPE },
      content: question.bytes,
      // The inbox's own timer tells it better.
      timeoutMs: question.timeoutMs + 1000,
      maxBytes: question.maxAnswerOctets,
      signal,
      ...(trust === undefined ? {} : { trust }),
    })
    deliver(response, { question, inbox, maxMessageOctets: limits.maxMessageOctets })
  } catch (error) {
    inbox.fail(failureOf(error, inbox, question))
  }
}

/** Codes of attempts that ended before anything was sent. */
const NOT_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

function failureOf(error: unknown, inbox: Inbox, { maxAnswerOctets }: Question): HandleFault {
  if (error instanceof NodeError && error.code === 'too-large')
    return inbox.fault('invalid-answer', `sends more than ${maxAnswerOctets} octets`, error)
  const { code } = ((error as Error).cause ?? {}) as { readonly code?: string }
  const reason = code !== undefined && NOT_SENT.has(code) ? 'unreachable' : 'cut-off'
  return inbox.fault(reason, `gives no answer: ${messageOf(error).replace(/\.$/, '')}`, error)
}

function urlOf({ transport, host, port }: ServerAddress, handle: string): string {
  return `${transport}://${isIPv6(host) ? `[${host}]` : host}:${port}/${encodeURIComponent(handle)}`
}

interface Delivery {
  readonly question: Question
  readonly inbox: Inbox
  readonly maxMessageOctets: number
}

function deliver(response: HttpResponse, { question, inbox, maxMessageOctets }: Delivery): void {
  const frames = new Frames(maxMessageOctets)
  const wrong = wrongResponse(response)
  const messages = wrong === undefined ? frames.accept(response.body) : []
  for (const message of messages ?? []) {
    if (uint32At(message, REQUEST_ID_AT) === question.requestId) inbox.push(message)
    else inbox.note('a message that answers another request')
  }
  const tooLong = messages === undefined ? `sends a message of more than ${maxMessageOctets} octets` : undefined
  const end = frames.leftOver === 0 ? 'says no more' : `ends after ${frames.leftOver} octets of a message`
  // What was pushed is read first.
  inbox.fail(inbox.nothing('invalid-answer', wrong ?? tooLong ?? end))
}

function wrongResponse({ status, headers }: HttpResponse): string | undefined {
  const type = (headers['content-type'] ?? 'no content type').toLowerCase()
  if (status !== OK) return `answers with HTTP status ${status}`
  return type.startsWith(MESSAGE_TYPE) ? undefined : `answers with ${type.slice(0, 100)}, which is no Handle message`
}
