/** Enterprises: who holds prefixes and API keys. Suspending one stops its prefixes and keys at once, everywhere. */
import { NodeError } from '../platform/errors.js'
import type { Transaction } from '../platform/postgres.js'
import { authorize } from '../security/authorize.js'
import type { Principal } from '../security/principal.js'
import { randomName } from '../security/tokens.js'
import { apiKeyChange, type ChangedKey, commitChange, prefixChange } from './append-change.js'
import { isStorable, malformedField, requirePageStart, requireText } from './checks.js'
import type { Registry } from './registry.js'
import { requireStanding } from './standing.js'

export type EnterpriseState = 'active' | 'suspended'

export interface Enterprise {
  readonly id: string
  readonly name: string
  readonly state: EnterpriseState
  readonly version: number
  readonly createdAt: Date
}

const COLUMNS = 'id, name, state, version, created_at as "createdAt"'
const ID = /^[a-z0-9][a-z0-9-]{0,63}$/
const MAX_NAME_LENGTH = 200

/** Without an id one is made up. @throws NodeError `not-permitted`, `request-malformed`, `already-exists` */
export async function createEnterprise(
  registry: Registry,
  principal: Principal,
  enterprise: { readonly id?: string; readonly name: string },
): Promise<Enterprise> {
  authorize(principal, 'administer')
  const id = enterprise.id ?? `e-${randomName(10)}`
  if (!ID.test(id)) throw malformedField('id', 'Write 1 to 64 of a-z, 0-9 and "-", not starting with "-".')
  const name = requireText('name', enterprise.name, MAX_NAME_LENGTH)

  return registry.db.transaction(async (tx) => {
    await requireStanding(tx, principal)
    const [created] = await tx.query<Enterprise>(
      `insert into enterprise (id, name) values ($1, $2) on conflict (id) do nothing returning ${COLUMNS}`,
      [id, name],
    )
    if (!created) throw new NodeError('already-exists', `There is an enterprise with the id ${id} already.`)
    return created
  })
}

/** The administrator sees every enterprise, an enterprise itself. @throws NodeError `not-permitted` */
export async function findEnterprise(
  registry: Registry,
  principal: Principal,
  id: string,
): Promise<Enterprise | undefined> {
  authorize(principal, 'read-own')
  if (principal.kind === 'enterprise' && principal.enterpriseId !== id) authorize(principal, 'administer')
  if (!isStorable(id)) return undefined
  const [found] = await registry.db.query<Enterprise>(`select ${COLUMNS} from enterprise where id = $1`, [id])
  return found
}

/** In the order of ids, those after `after`. @throws NodeError `not-permitted` */
export async function listEnterprises(
  registry: Registry,
  principal: Principal,
  page: { readonly after?: string; readonly limit: number },
): Promise<readonly Enterprise[]> {
  authorize(principal, 'administer')
  return registry.db.query<Enterprise>(`select ${COLUMNS} from enterprise where id > $1 order by id limit $2`, [
    requirePageStart(page.after),
    page.limit,
  ])
}

/** Asking for what is already so changes nothing. @throws NodeError `not-permitted`, `not-found`, `request-malformed` */
export async function changeEnterprise(
  registry: Registry,
  principal: Principal,
  change: { readonly id: string; readonly name?: string; readonly state?: EnterpriseState },
): Promise<Enterprise> {
  authorize(principal, 'administer')
  const name = change.name === undefined ? undefined : requireText('name', change.name, MAX_NAME_LENGTH)

  return commitChange(registry, async (tx) => {
    await requireStanding(tx, principal)
    const before = await lockEnterprise(tx, change.id)
    const after = { name: name ?? before.name, state: change.state ?? before.state }
    if (after.name === before.name && after.state === before.state) return { result: before, changes: [] }

    const [result] = await tx.query<Enterprise>(
      `update enterprise set name = $2, state = $3, version = version + 1 where id = $1 returning ${COLUMNS}`,
      [change.id, after.name, after.state],
    )
    const changes = after.state === before.state ? [] : await touchHoldings(tx, change.id, after.state)
    return { result: result!, changes }
  })
}

async function lockEnterprise(tx: Transaction, id: string): Promise<Enterprise> {
  const [found] = isStorable(id)
    ? await tx.query<Enterprise>(`select ${COLUMNS} from enterprise where id = $1 for no key update`, [id])
    : []
  if (!found) throw new NodeError('not-found', `There is no enterprise ${id}.`)
  return found
}

// Rows are locked in the order of their names, as every writer does.
const TOUCH_PREFIXES = `
  with held as (select name from prefix where enterprise_id = $1 order by name for no key update)
  update prefix set holder_state = $2, version = version + 1 from held where prefix.name = held.name
  returning prefix.name, prefix.version`

const TOUCH_API_KEYS = `
  with held as (select id from api_key where enterprise_id = $1 order by id for no key update)
  update api_key set version = version + 1 from held where api_key.id = held.id
  returning api_key.id, api_key.version`

/** Everything that rests on the enterprise's state becomes a new version, told in one row of the feed. */
async function touchHoldings(tx: Transaction, enterpriseId: string, state: EnterpriseState): Promise<ChangedKey[]> {
  const prefixes = await tx.query<{ name: string; version: number }>(TOUCH_PREFIXES, [enterpriseId, state])
  const apiKeys = await tx.query<{ id: string; version: number }>(TOUCH_API_KEYS, [enterpriseId])
  return [
    ...prefixes.map(({ name, version }) => prefixChange(name, version)),
    ...apiKeys.map(({ id, version }) => apiKeyChange(id, version)),
  ]
}
