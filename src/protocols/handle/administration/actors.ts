/** Whom a proved identity acts for here: its enterprise, the administrator, or nobody (another node's identity). */

import { NodeError } from '../../../platform/errors.js'
import { type ActingIdentity, actingPrincipal } from '../../../registry/handle-identities.js'
import type { Registry } from '../../../registry/registry.js'
import type { KnownPrincipal } from '../../../registry/standing.js'
import type { RouteTable } from '../../../resolution/authorities.js'
import type { HandleIndex, ProvenIdentity } from '../codec-body.js'
import { RC } from '../codes.js'
import type { Identities, Outcome } from './contract.js'
import { readHandle, responsibleRoute } from './handle-names.js'
import { refusalOf, refused } from './refusals.js'

export interface Actor {
  readonly identity: ProvenIdentity
  /** Canonical key of the identity's handle. */
  readonly key: string
  /** Passes every HS_ADMIN. */
  readonly isServerAdministrator: boolean
  /** Absent: an identity of another node, which may be let read, and writes nothing. */
  readonly principal?: KnownPrincipal
}

export interface ActorsOptions {
  readonly registry: Registry
  readonly identities: Identities
  readonly routes: () => RouteTable | Promise<RouteTable>
  /** As configured; they act for the node's administrator. Index 0: by any key of the handle. */
  readonly serverAdministrators: readonly HandleIndex[]
}

export interface Actors {
  /** Looks again whether the key is still there, and its API key good. */
  of(identity: ProvenIdentity): Promise<Outcome<Actor>>
}

export function actors({ registry, identities, routes, serverAdministrators }: ActorsOptions): Actors {
  const administrators = new Set(serverAdministrators.map(({ handle, index }) => `${index}:${keyOf(handle)}`))

  return {
    async of(identity) {
      const still = await identities.recheck(identity)
      if (!still.ok) return still
      const name = readHandle(identity.handle)
      if (!name.ok) return name
      const { key } = name.value
      const isServerAdministrator = administrators.has(`${identity.index}:${key}`) || administrators.has(`0:${key}`)
      const known = { identity, key, isServerAdministrator }
      const route = responsibleRoute(await routes(), name.value)
      if (route === undefined && !isServerAdministrator) return { ok: true, value: known }

      const enterpriseId = isServerAdministrator ? null : (route?.enterpriseId ?? null)
      const acting: ActingIdentity = { handle: key, index: identity.index, keySha256: identity.keySha256, enterpriseId }
      try {
        return { ok: true, value: { ...known, principal: await actingPrincipal(registry, acting) } }
      } catch (error) {
        return refusalOf(error)
      }
    },
  }
}

/** @throws NodeError `request-malformed` */
function keyOf(handle: string): string {
  const name = readHandle(handle)
  if (name.ok) return name.value.key
  throw new NodeError('request-malformed', `An administrator of the server is no handle: ${name.message}`)
}

/** Who may write here. */
export function requirePrincipal({ identity, principal }: Actor): Outcome<KnownPrincipal> {
  if (principal !== undefined) return { ok: true, value: principal }
  const { handle } = identity
  return refused(
    RC.insufficientPermissions,
    `${handle} is of another node, and no enterprise of this one stands behind it: use an identity of this node.`,
  )
}
