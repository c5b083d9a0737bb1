/** Who is asking: `Authorization: Bearer <API key>` (RFC 6750 §2.1). Without the header the caller is anonymous. */
import type { FastifyRequest } from 'fastify'
import { NodeError } from '../../platform/errors.js'
import { ANONYMOUS, type Principal } from '../../security/principal.js'

/** undefined: no such key, or revoked, or expired. */
export type PrincipalOf = (apiKey: string) => Principal | undefined | Promise<Principal | undefined>

export type Authenticate = (request: FastifyRequest) => Principal | Promise<Principal>

const BEARER = /^Bearer +([\x21-\x7e]{1,512}) *$/i

/** @throws NodeError `not-authenticated` when a key is given that is no good: it is never taken for anonymous. */
export function authenticator(principalOf: PrincipalOf): Authenticate {
  return (request) => {
    const { authorization } = request.headers
    if (authorization === undefined) return ANONYMOUS
    const apiKey = BEARER.exec(authorization)?.[1]
    if (apiKey === undefined)
      throw new NodeError(
        'not-authenticated',
        'Write the API key as "Authorization: Bearer jx_…"; no other way is known.',
      )
    const found = principalOf(apiKey)
    return found instanceof Promise ? found.then(known) : known(found)
  }
}

function known(principal: Principal | undefined): Principal {
  if (principal !== undefined) return principal
  throw new NodeError(
    'not-authenticated',
    'This API key is unknown, revoked or expired. Ask whoever issued it for a new one, or ask without a key.',
  )
}
