/** Whose values somebody may see: the public ones, or also those kept for the holder of the prefix. */
import { NodeError } from '../../platform/errors.js'
import type { Reader } from '../../record/select.js'
import type { RouteTable } from '../../resolution/authorities.js'
import { authorize, reachesPrefix } from '../../security/authorize.js'
import type { Principal } from '../../security/principal.js'

export type Routes = () => RouteTable | Promise<RouteTable>

/**
 * `owner`: a key with scope `read` of the enterprise that holds the prefix; `keeper`: the administrator, or such a key with
 * scope `write` as well.
 */
export function readerOf(principal: Principal, prefix: string, routes: RouteTable): Reader {
  if (principal.kind === 'administrator') return 'keeper'
  if (principal.kind === 'anonymous') return 'public'
  const holds = routes.get(prefix)?.enterpriseId === principal.enterpriseId
  if (!holds || !principal.scopes.includes('read') || !reachesPrefix(principal, prefix)) return 'public'
  return principal.scopes.includes('write') ? 'keeper' : 'owner'
}

/** @throws NodeError `not-authenticated`, `not-permitted` */
export function requireOwner(principal: Principal, prefix: string, routes: RouteTable): void {
  authorize(principal, 'read-own', prefix)
  if (readerOf(principal, prefix, routes) === 'public')
    throw new NodeError('not-permitted', `${prefix} is not held by the enterprise of this API key.`)
}

/** Prefixes whose holder the caller is; undefined means every prefix. @throws NodeError `not-authenticated`, `not-permitted` */
export function prefixesOf(principal: Principal, routes: RouteTable): readonly string[] | undefined {
  authorize(principal, 'read-own')
  if (principal.kind !== 'enterprise') return undefined
  return [...routes.keys()].filter((prefix) => readerOf(principal, prefix, routes) !== 'public')
}
