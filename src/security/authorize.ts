/**
 * Who may do what: action × kind of principal × prefix. Commands call this; no door decides by itself.
 * It judges the key as it was when it was presented. That the key is still good, and that the prefix is held, is for the
 * command's own statement to find out.
 */
import { NodeError } from '../platform/errors.js'
import type { EnterpriseUser, Principal, Scope } from './principal.js'

export type Action = 'read-own' | 'write' | 'manage-keys' | 'administer'

const SCOPE_OF = {
  'read-own': 'read',
  write: 'write',
  'manage-keys': 'keys',
} as const satisfies Record<Exclude<Action, 'administer'>, Scope>

/** @throws NodeError `not-authenticated` without a key, `not-permitted` with one that does not go that far */
export function authorize(principal: Principal, action: Action, prefix?: string): void {
  if (principal.kind === 'anonymous') {
    throw new NodeError('not-authenticated', 'This needs an API key. Send it as "Authorization: Bearer jx_…".')
  }
  if (principal.kind === 'administrator') return
  if (action === 'administer') throw new NodeError('not-permitted', "This is for the administrator's key only.")

  const scope = SCOPE_OF[action]
  if (!principal.scopes.includes(scope)) {
    throw new NodeError(
      'not-permitted',
      `API key ${principal.apiKeyId} has no scope "${scope}". Use a key of ${principal.enterpriseId} that has it.`,
    )
  }
  if (prefix !== undefined && !reachesPrefix(principal, prefix)) throw prefixOutOfReach(principal, prefix)
}

export function reachesPrefix(principal: EnterpriseUser, prefix: string): boolean {
  return principal.prefixes === undefined || principal.prefixes.includes(prefix)
}

export function prefixOutOfReach(principal: EnterpriseUser, prefix: string): NodeError {
  const reach = principal.prefixes?.join(', ') || 'none'
  return new NodeError(
    'not-permitted',
    `API key ${principal.apiKeyId} is not good for ${prefix}; its prefixes: ${reach}.`,
  )
}
