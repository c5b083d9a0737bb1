/**
 * The identifier in a path: everything after the route, slashes as they are or as %2F, percent-decoded once. It is
 * taken from the octets of the request, because the router would decode them by other rules.
 */
import { decodePathIdentifier } from '../../identifier/decode.js'
import type { Identifier, IdentifierFault } from '../../identifier/identifier.js'
import { parseIdentifier } from '../../identifier/parse.js'
import { NodeError } from '../../platform/errors.js'

/** @throws NodeError `identifier-malformed` with reason and position */
export function identifierInPath(url: string, route: '/v1/identifiers/' | '/v1/history/'): Identifier {
  const raw = rawAfter(url, route)
  // A fragment never reaches a server (RFC 9110 §7.1): one that does was an identifier's own "#".
  const hash = raw.indexOf('#')
  if (hash >= 0)
    throw identifierError({ reason: 'not-escaped', position: hash, message: 'Write "#" as %23 in a path.' })
  const decoded = decodePathIdentifier(raw)
  if (!decoded.ok) throw identifierError(decoded)
  return requireIdentifier(decoded.value)
}

/** @throws NodeError `identifier-malformed` */
export function requireIdentifier(text: string, field = 'identifier'): Identifier {
  const parsed = parseIdentifier(text)
  if (!parsed.ok) throw identifierError(parsed, field)
  return parsed.value
}

export function identifierError(fault: IdentifierFault, field = 'identifier'): NodeError {
  return new NodeError('identifier-malformed', fault.message, {
    faults: [{ field, position: fault.position, reason: fault.reason }],
  })
}

/** The path of the identifier's own page on this node; it keeps the spelling. */
export function pathOfIdentifier(spelling: string): string {
  return `/v1/identifiers/${encodeURIComponent(spelling).replaceAll('%2F', '/').replaceAll('%3A', ':')}`
}

function rawAfter(url: string, route: string): string {
  // Not always at 0: a request through a proxy may name the whole address (RFC 9112 §3.2.2).
  const start = url.indexOf(route)
  const query = url.indexOf('?')
  if (start < 0 || (query >= 0 && query < start)) {
    throw new NodeError(
      'request-malformed',
      `Write the path as ${route} and the identifier; encode only the identifier.`,
    )
  }
  return url.slice(start + route.length, query < 0 ? undefined : query)
}
