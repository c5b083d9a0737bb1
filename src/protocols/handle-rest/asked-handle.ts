/** The handle in a path: everything behind the route, slashes as they are or as %2F, percent-decoded once. */
import { decodePathIdentifier } from '../../identifier/decode.js'
import type { Identifier } from '../../identifier/identifier.js'
import { handleUriLength } from '../../identifier/schemes/openings.js'
import { RC } from '../handle/codes.js'
import { handleIdentifier } from '../handle/handle-text.js'
import { ApiRefusal } from './api-answer.js'

export interface AskedHandle {
  /** As asked: answers give it back so. */
  readonly text: string
  readonly identifier: Identifier
}

/** @throws ApiRefusal `invalidHandle` with reason and position */
export function handleInPath(url: string | undefined, route: string): AskedHandle {
  const text = textInPath(url, route)
  return { text, identifier: identifierOf(text) }
}

/** In a path of the proxy, where `hdl:` may stand before it. @throws ApiRefusal `invalidHandle` */
export function proxiedHandle(url: string | undefined): AskedHandle {
  const written = textInPath(url, '/')
  const text = written.slice(handleUriLength(written))
  return { text, identifier: identifierOf(text) }
}

/** What stands in the path, handle or not. @throws ApiRefusal `invalidHandle` */
export function textInPath(url: string | undefined, route: string): string {
  const decoded = decodePathIdentifier(rawAfter(url ?? '', route))
  if (decoded.ok) return decoded.value
  throw new ApiRefusal(RC.invalidHandle, decoded.message)
}

/** @throws ApiRefusal `invalidHandle` */
export function identifierOf(text: string): Identifier {
  const parsed = handleIdentifier(text)
  if (parsed.ok) return parsed.value
  throw new ApiRefusal(RC.invalidHandle, parsed.message, { handle: text })
}

function rawAfter(url: string, route: string): string {
  // Not always at 0: a request through a proxy may name the whole address (RFC 9112 §3.2.2).
  const [path = ''] = url.split('?', 1)
  const start = path.startsWith('/') ? 0 : path.indexOf('/', path.indexOf('//') + 2)
  const behind = path.slice(start)
  return behind.startsWith(route) ? behind.slice(route.length) : ''
}
