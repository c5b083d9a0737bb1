/** What a node holds, by its role: which prefixes may be its own, and what it holds from its first start on. */
import { NodeError } from '../platform/errors.js'
import { ROLE_FACTS } from '../platform/roles.js'
import type { Config } from '../platform/settings.js'
import { firstAdministrator } from './authenticate.js'
import { createEnterprise } from './enterprises.js'
import { allotPrefix, listPrefixes } from './prefixes.js'
import type { Registry } from './registry.js'

export type RoleSettings = Pick<Config, 'role' | 'nodePrefix' | 'enterprise'>

/** For `Registry.holds`. undefined: any prefix may be allotted here. */
export function holdsBy({ role, nodePrefix }: RoleSettings): Registry['holds'] {
  const { holds } = ROLE_FACTS[role]
  if (holds === 'any') return undefined
  if (holds === 'none')
    return () => 'This node (JIEXI_ROLE=recursive) holds no prefixes: it asks others. Use the node that is to answer.'
  return (prefix) =>
    prefix === nodePrefix || prefix.startsWith(`${nodePrefix}.`)
      ? undefined
      : `This node (JIEXI_ROLE=enterprise) holds ${nodePrefix} and what lies below it. The secondary node above it allots other prefixes.`
}

const PAGE = 1_000

/**
 * Makes the database what the role wants; safe in several processes at once, and again and again.
 * @throws NodeError `request-malformed` when it holds what a node in this role does not; `authority-unavailable`, `overloaded`
 */
export async function settleRole(registry: Registry, settings: RoleSettings): Promise<void> {
  const why = holdsBy(settings)
  if (why !== undefined) await requireNoOthers(registry, settings, why)
  const { role, nodePrefix, enterprise: id } = settings
  if (ROLE_FACTS[role].holds !== 'own' || nodePrefix === undefined) return
  const administrator = await firstAdministrator(registry.db)
  await unlessThere(createEnterprise(registry, administrator, { id, name: id }))
  await unlessThere(allotPrefix(registry, administrator, { prefix: nodePrefix, enterpriseId: id }))
}

async function requireNoOthers(
  { db }: Registry,
  { role }: RoleSettings,
  why: (prefix: string) => string | undefined,
): Promise<void> {
  let after = ''
  for (;;) {
    const page = await listPrefixes(db, { after, limit: PAGE })
    const other = page.find(({ prefix }) => why(prefix) !== undefined)?.prefix
    if (other !== undefined)
      throw new NodeError(
        'request-malformed',
        `JIEXI_ROLE=${role} cannot be used with this database, which holds the prefix ${other}. Set the role that the database was made in, or another DATABASE_URL or JIEXI_DATA.`,
      )
    if (page.length < PAGE) return
    after = page.at(-1)!.prefix
  }
}

async function unlessThere(made: Promise<unknown>): Promise<void> {
  try {
    await made
  } catch (error) {
    if (!(error instanceof NodeError && error.code === 'already-exists')) throw error
  }
}
