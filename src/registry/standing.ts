/** Whether an API key is still good at the moment of a command, whatever was known when it was presented. */
import { NodeError } from '../platform/errors.js'
import type { Transaction } from '../platform/postgres.js'
import { authorize } from '../security/authorize.js'
import type { Administrator, EnterpriseUser, Principal } from '../security/principal.js'

export type KnownPrincipal = Administrator | EnterpriseUser
export type Standing = 'good' | 'revoked' | 'expired' | 'suspended'

/** SQL over `api_key k left join enterprise e`. */
export const STANDING = `case
    when k.revoked_at is not null then 'revoked'
    when k.expires_at <= clock_timestamp() then 'expired'
    when e.state = 'suspended' then 'suspended'
    else 'good'
  end`

const FIND_STANDING = `
  select ${STANDING} as standing, k.expires_at as "expiresAt"
  from api_key k left join enterprise e on e.id = k.enterprise_id
  where k.id = $1`
const LOCK_STANDING = `${FIND_STANDING} for share of k`

export interface GoodStanding {
  readonly expiresAt: Date | undefined
}

/** @throws NodeError `not-authenticated`, `not-permitted` */
export function requireKnown(principal: Principal): KnownPrincipal {
  if (principal.kind === 'anonymous') authorize(principal, 'administer')
  return principal as KnownPrincipal
}

/** @throws NodeError `not-authenticated` (revoked, expired, unknown), `not-permitted` (enterprise suspended) */
export function requireStanding(tx: Transaction, principal: Principal): Promise<GoodStanding> {
  return standingBy(tx, principal, FIND_STANDING)
}

/** Like `requireStanding`, and the key cannot be revoked before the command commits. */
export function lockStanding(tx: Transaction, principal: Principal): Promise<GoodStanding> {
  return standingBy(tx, principal, LOCK_STANDING)
}

async function standingBy(tx: Transaction, principal: Principal, statement: string): Promise<GoodStanding> {
  const known = requireKnown(principal)
  const [row] = await tx.query<{ standing: Standing; expiresAt: Date | null }>(statement, [known.apiKeyId])
  if (row?.standing !== 'good') throw standingError(known, row?.standing)
  return { expiresAt: row.expiresAt ?? undefined }
}

export function standingError(principal: KnownPrincipal, standing: Standing | undefined): NodeError {
  if (standing === 'suspended' && principal.kind === 'enterprise') {
    return new NodeError(
      'not-permitted',
      `The enterprise ${principal.enterpriseId} is suspended; nothing can be changed for it until it is active again.`,
    )
  }
  const why = standing === undefined ? 'is not known' : `is ${standing}`
  return new NodeError('not-authenticated', `API key ${principal.apiKeyId} ${why}. Use another key.`)
}
