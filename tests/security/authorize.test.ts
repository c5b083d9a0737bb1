import { expect, test } from 'vitest'
import { NodeError } from '../../src/platform/errors.js'
import { type Action, authorize } from '../../src/security/authorize.js'
import { ANONYMOUS, type Principal, SCOPES, type Scope } from '../../src/security/principal.js'

const ACTIONS: readonly Action[] = ['read-own', 'write', 'manage-keys', 'administer']
const SCOPE_NEEDED: Partial<Record<Action, Scope>> = { 'read-own': 'read', write: 'write', 'manage-keys': 'keys' }
const PREFIXES = [undefined, '88.118.8', '88.118.9']

/** Every set of scopes there is. */
const SCOPE_SETS = Array.from({ length: 2 ** SCOPES.length }, (_, bits) =>
  SCOPES.filter((_scope, at) => (bits >> at) % 2 === 1),
)

test('without a key nothing is allowed, and the answer says to bring one', () => {
  for (const action of ACTIONS) expect(refusal(ANONYMOUS, action)).toBe('not-authenticated')
})

test('an administrator may do everything', () => {
  for (const action of ACTIONS) {
    for (const prefix of PREFIXES) {
      expect(refusal({ kind: 'administrator', apiKeyId: 'root' }, action, prefix)).toBeUndefined()
    }
  }
})

test("an enterprise's key does what its scopes say, below its prefixes, and never administers", () => {
  for (const scopes of SCOPE_SETS) {
    for (const prefixes of [undefined, ['88.118.8'], []]) {
      for (const action of ACTIONS) {
        for (const prefix of PREFIXES) {
          const needed = SCOPE_NEEDED[action]
          const inScope = needed !== undefined && scopes.includes(needed)
          const inReach = prefix === undefined || prefixes === undefined || prefixes.includes(prefix)
          const user = { kind: 'enterprise', enterpriseId: 'acme', apiKeyId: 'k', scopes } as const
          const principal = prefixes === undefined ? user : { ...user, prefixes }
          expect(refusal(principal, action, prefix)).toBe(inScope && inReach ? undefined : 'not-permitted')
        }
      }
    }
  }
})

function refusal(principal: Principal, action: Action, prefix?: string): string | undefined {
  try {
    authorize(principal, action, prefix)
    return undefined
  } catch (error) {
    return error instanceof NodeError ? error.code : String(error)
  }
}
