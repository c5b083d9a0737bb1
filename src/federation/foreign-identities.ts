/**
 * What handles of other nodes say where rights are decided by it: administrators and their keys. Only what is signed counts, by keys of
 * which each vouches for the next, the first being the parent's; it is asked for each time, and no way that is only remembered will do.
 */
import type { Clock } from '../platform/clock.js'
import { NodeError } from '../platform/errors.js'
import type { ResolveForeign } from '../protocols/handle/administration/known-values.js'
import { handleValuesOf } from '../protocols/handle/codec-record.js'
import { handleIdentifier } from '../protocols/handle/handle-text.js'
import { authorityOf, type RoutingOptions } from '../resolution/authorities.js'
import { Budget } from './budget.js'
import type { ForeignNode } from './foreign-answer.js'

export interface ForeignIdentitiesOptions {
  /** Takes nothing that is not signed. */
  readonly parent: ForeignNode
  readonly routes: RoutingOptions['routes']
  readonly clock: Clock
  readonly self: string
}

/** Anybody may claim to be anybody, and each claim asks other nodes. */
const MAX_UNDER_WAY = 32

export function foreignIdentities({ parent, routes, clock, self }: ForeignIdentitiesOptions): ResolveForeign {
  let underWay = 0
  return async (handle) => {
    const identifier = handleIdentifier(handle)
    if (!identifier.ok) throw new NodeError('identifier-malformed', `${handle}: ${identifier.message}`)
    if (authorityOf(await routes(), identifier.value).kind !== 'foreign')
      throw new NodeError('not-permitted', `${handle} is kept by a holder's own server, which nobody vouches for here`)
    if (underWay >= MAX_UNDER_WAY)
      throw new NodeError('overloaded', `${underWay} identities of other nodes are being looked up already`)
    underWay += 1
    try {
      const budget = new Budget({ clock, self })
      const how = { isAuthoritative: true, takesRemembered: false }
      const { answer } = await parent.ask({ identifier: identifier.value, budget, ...how })
      return answer.kind === 'found' ? handleValuesOf(answer.record.values) : undefined
    } finally {
      underWay -= 1
    }
  }
}
