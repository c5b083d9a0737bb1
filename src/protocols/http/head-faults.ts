/**
 * Heads that node:http takes and others read otherwise. A proxy in front that reads a request differently than its server
 * can be made to pass one request on inside of another (RFC 9112 §11.2), so what is in doubt is refused, and ends its connection.
 */
import type { IncomingMessage } from 'node:http'
import { NodeError } from '../../platform/errors.js'
import { HttpRefusal } from './problem.js'

const MAX_FIELDS = 256
/** uri-host [ ":" port ], or nothing (RFC 9110 §7.2). */
export const HOST = /^[\w.~!$&'()*+,;=%:[\]-]*$/

/** undefined: there is nothing to be said against it. */
export function headFault(request: IncomingMessage): Error | undefined {
  const { headers, rawHeaders, httpVersionMajor, httpVersionMinor } = request
  if (httpVersionMajor !== 1) return malformed('This node speaks HTTP/1.1 and HTTP/1.0.')
  if (rawHeaders.length > 2 * MAX_FIELDS) {
    return new HttpRefusal('headers-too-large', `A request may have ${MAX_FIELDS} header fields.`)
  }
  const { host } = headers
  if (host === undefined && httpVersionMinor === 1) return malformed('An HTTP/1.1 request needs a Host header.')
  if (host !== undefined && (!HOST.test(host) || isRepeated(rawHeaders, 'host')))
    return malformed('A request has one Host header, with a name or an address, and perhaps a port.')
  const coding = headers['transfer-encoding']
  if (coding !== undefined && (coding.trim().toLowerCase() !== 'chunked' || httpVersionMinor === 0))
    return malformed('The only Transfer-Encoding that is known here is chunked, of HTTP/1.1.')
  return undefined
}

/** Of a repeated field node:http shows the first only. */
function isRepeated(rawHeaders: readonly string[], name: string): boolean {
  let count = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const written = rawHeaders[at]!
    if (written.length === name.length && written.toLowerCase() === name) count += 1
  }
  return count > 1
}

function malformed(message: string): NodeError {
  return new NodeError('request-malformed', message)
}
