/**
 * A response whose head was written beforehand, sent as one string in one write. Node would put the same head together
 * again for every request, and write twice; that is a third of what a memory hit costs. Node's account of the exchange
 * (keep-alive, time-outs, pipelined requests) is kept by telling it that the response is finished, as it would be.
 */
import type { ServerResponse } from 'node:http'

/** Node's own fields for the head it has made and sent; the same since version 0.10. */
interface WithHead {
  _header: string | null
  _headerSent: boolean
}

export interface ReadyResponse {
  /** Status line and fields without `Date`, `Connection` and `Keep-Alive`; each line with its end. */
  readonly start: string
  /** Octets as latin1 characters. */
  readonly body: string
}

/** Names and values in turn, as `writeHead` takes them, as the start of a response of status 200. */
export function readyStart(head: readonly string[]): string {
  let start = 'HTTP/1.1 200 OK\r\n'
  for (let at = 0; at < head.length; at += 2) start += `${head[at]}: ${head[at + 1]}\r\n`
  // One flat string: of a rope, every response would copy each strand anew.
  return Buffer.from(start, 'latin1').toString('latin1')
}

/** False when this connection needs another head (it is to be closed, or speaks HTTP/1.0) or is not ours yet: nothing was sent then. */
export function sendReady(response: ServerResponse, ready: ReadyResponse, keepAliveSeconds: number): boolean {
  const raw = response as ServerResponse & WithHead
  const { socket } = response
  if (!response.shouldKeepAlive || response.req.httpVersionMinor !== 1 || raw._header !== null) return false
  // A pipelined request has no socket until those before it are answered.
  if (socket === null || !socket.writable) return false
  // Fields that somebody has set already are not in the head made beforehand.
  if (response.getHeaderNames().length > 0) return false
  const head = headOf(ready, keepAliveSeconds)
  response.statusCode = 200
  raw._header = head
  raw._headerSent = true
  socket.write(head + ready.body, 'latin1')
  response.finished = true
  response.emit('finish')
  return true
}

/** The whole response, for who writes to a connection of its own. */
export function readyOctets(ready: ReadyResponse, keepAliveSeconds: number): string {
  return headOf(ready, keepAliveSeconds) + ready.body
}

function headOf({ start }: ReadyResponse, keepAliveSeconds: number): string {
  return `${start}Date: ${dateNow()}\r\nConnection: keep-alive\r\nKeep-Alive: timeout=${keepAliveSeconds}\r\n\r\n`
}

let date = ''
let dateSecond = 0

/** RFC 9110 §6.6.1; made once a second. */
function dateNow(): string {
  const now = Date.now()
  const second = Math.floor(now / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    date = new Date(now).toUTCString()
  }
  return date
}
