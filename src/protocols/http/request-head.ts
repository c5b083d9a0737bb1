/**
 * The heads of requests, as far as the fast lane reads them itself (fast-lane.ts). Strict: whatever is the least unusual is
 * node:http's to read, and to refuse.
 *
 *   head   = method SP path SP "HTTP/1.1" CRLF 1*( field CRLF ) CRLF
 *   method = "GET" / "HEAD"
 *   path   = "/" *%x21-7E                               ; without "#"
 *   field  = token ":" [ SP ] *( %x20-7E )              ; RFC 9112 §5; Host exactly once
 *
 * Fields that frame a body or change the connection are none of ours.
 */

import { HOST } from './head-faults.js'

/** What a block of fields says; the same block comes with every request of most connections. */
export interface FieldBlock {
  /** Names and values in turn, as node:http has them. */
  readonly rawHeaders: readonly string[]
  /** Nothing in it changes the plain representation of a record. */
  readonly isPlain: boolean
  /** Values of X-Forwarded-For, joined by commas. */
  readonly forwardedFor?: string
}

const FIELD = /^([!#$%&'*+.^_`|~\w-]+):[ ]?([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?|)$/
const MAX_FIELDS = 64

/** Fields that frame, upgrade or end: node:http knows what to do. */
const FOREIGN: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Fields that say nothing about what is wanted. `accept` is looked at. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  'accept-encoding',
  'accept-language',
  'cookie',
  'dnt',
  'forwarded',
  'host',
  'origin',
  'priority',
  'referer',
  'traceparent',
  'tracestate',
  'user-agent',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
])

/** undefined: node:http is to read it. `block`: lines with CRLF between them, none at the end. */
export function readFieldBlock(block: string): FieldBlock | undefined {
  const rawHeaders: string[] = []
  let hosts = 0
  let isPlain = true
  let forwardedFor: string | undefined
  const lines = block.split('\r\n')
  if (lines.length > MAX_FIELDS) return undefined
  for (const line of lines) {
    const [, written, value] = FIELD.exec(line) ?? []
    if (written === undefined || value === undefined) return undefined
    const name = written.toLowerCase()
    if (name === 'host') {
      if (!HOST.test(value)) return undefined
      hosts += 1
    } else if (FOREIGN.has(name) && !(name === 'connection' && value.toLowerCase() === 'keep-alive')) return undefined
    else if (name === 'accept') isPlain &&= value === '*/*' || value === 'application/json'
    else if (name !== 'connection' && !WITHOUT_EFFECT.has(name) && !name.startsWith('sec-')) isPlain = false
    if (name === 'x-forwarded-for') forwardedFor = forwardedFor === undefined ? value : `${forwardedFor}, ${value}`
    rawHeaders.push(written, value)
  }
  return hosts === 1 ? { rawHeaders, isPlain, ...(forwardedFor !== undefined && { forwardedFor }) } : undefined
}

const GET = 'GET /'
const HEAD = 'HEAD /'
const VERSION = ' HTTP/1.1\r\n'

export interface RequestLine {
  readonly method: 'GET' | 'HEAD'
  /** As sent. */
  readonly path: string
  /** Where the fields begin. */
  readonly end: number
}

/** The request line that begins at `at`, all of which must be there; undefined when node:http is to read it. */
export function readRequestLine(text: string, at: number): RequestLine | undefined {
  const method = text.startsWith(GET, at) ? 'GET' : text.startsWith(HEAD, at) ? 'HEAD' : undefined
  if (method === undefined) return undefined
  const from = at + method.length + 1
  const lineEnd = text.indexOf('\r\n', from)
  const pathEnd = lineEnd + 2 - VERSION.length
  if (pathEnd <= from || !text.startsWith(VERSION, pathEnd)) return undefined
  for (let place = from; place < pathEnd; place++) {
    const unit = text.charCodeAt(place)
    if (unit <= 0x20 || unit > 0x7e || unit === 0x23) return undefined
  }
  return { method, path: text.slice(from, pathEnd), end: lineEnd + 2 }
}

/** Whether what begins at `at` may become a request line of ours when more has come. */
export function mayBegin(text: string, at: number): boolean {
  return [GET, HEAD].some((start) => start.startsWith(text.slice(at, at + start.length)))
}
