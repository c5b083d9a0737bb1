/** Puts the parts of administration together, once for all doors of the Handle System. */
import type { Clock } from '../../../platform/clock.js'
import { ADMIN_RIGHTS } from '../../../record/value-types/hs-admin.js'
import type { Registry } from '../../../registry/registry.js'
import type { RouteTable } from '../../../resolution/authorities.js'
import type { Resolve } from '../../../resolution/resolve.js'
import type { HandleIndex } from '../codec-body.js'
import { handleValuesOf } from '../codec-record.js'
import { actors } from './actors.js'
import type { Administration, Identities } from './contract.js'
import { readHandle } from './handle-names.js'
import { identities } from './identities.js'
import { knownValues, type ResolveForeign } from './known-values.js'
import { permissions } from './permissions.js'
import { prefixHomes } from './prefix-homes.js'
import { records } from './records.js'
import { AUTHENTICATE } from './refusals.js'

export interface AdministrationOptions {
  readonly registry: Registry
  readonly resolve: Resolve
  readonly routes: () => RouteTable | Promise<RouteTable>
  readonly clock: Clock
  /** Identities that pass every HS_ADMIN and act for the node's administrator. None is the default. */
  readonly serverAdministrators?: readonly HandleIndex[]
  /** Absent: identities and groups of other nodes are not known here. */
  readonly resolveForeign?: ResolveForeign
}

export interface HandleAdministration {
  readonly identities: Identities
  readonly administration: Administration
}

export function handleAdministration(options: AdministrationOptions): HandleAdministration {
  const { registry, routes, clock, serverAdministrators = [] } = options
  const values = knownValues(options)
  const proofs = identities({ values, clock })
  const parts = {
    registry,
    clock,
    values,
    routes,
    permissions: permissions(values),
    actors: actors({ registry, identities: proofs, routes, serverAdministrators }),
  }
  return {
    identities: proofs,
    administration: {
      ...records(parts),
      ...prefixHomes(parts),
      async refusedToRead(by, record) {
        if (by === undefined) return AUTHENTICATE
        const actor = await parts.actors.of(by)
        if (!actor.ok) return actor
        const name = readHandle(record.spelling)
        if (!name.ok) return name
        const over = { handle: name.value, values: handleValuesOf(record.values) }
        return parts.permissions.refusedFor(actor.value, over, ADMIN_RIGHTS.readValue)
      },
    },
  }
}
