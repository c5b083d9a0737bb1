/** Prefixes this node is responsible for, and who holds them. */
import { parsePrefix } from '../identifier/prefix.js'
import { NodeError } from '../platform/errors.js'
import type { Database, Queryable, Transaction } from '../platform/postgres.js'
import type { Route, RouteTable } from '../resolution/authorities.js'
import { authorize } from '../security/authorize.js'
import type { Principal } from '../security/principal.js'
import { commitChange, prefixChange } from './append-change.js'
import { isStorable, requirePageStart } from './checks.js'
import type { EnterpriseState } from './enterprises.js'
import type { Registry } from './registry.js'
import { requireStanding } from './standing.js'

export type PrefixState = 'active' | 'suspended'

export interface AllottedPrefix {
  /** Canonical. */
  readonly prefix: string
  /** null: the node's own. */
  readonly enterpriseId: string | null
  readonly state: PrefixState
  /** Its enterprise's state; the prefix works only while both are active. */
  readonly holderState: EnterpriseState
  readonly version: number
  readonly createdAt: Date
}

const COLUMNS =
  'name as prefix, enterprise_id as "enterpriseId", state, holder_state as "holderState", version, created_at as "createdAt"'

/** @throws NodeError `not-permitted`, `request-malformed`, `not-found` (enterprise), `already-exists` */
export async function allotPrefix(
  registry: Registry,
  principal: Principal,
  allotment: { readonly prefix: string; readonly enterpriseId?: string },
): Promise<AllottedPrefix> {
  authorize(principal, 'administer')
  const prefix = requirePrefix(allotment.prefix)
  const enterpriseId = allotment.enterpriseId ?? null

  return commitChange(registry, async (tx) => {
    await requireStanding(tx, principal)
    const holderState = await lockHolder(tx, enterpriseId)
    const [result] = await tx.query<AllottedPrefix>(
      `insert into prefix (name, enterprise_id, holder_state) values ($1, $2, $3)
       on conflict (name) do nothing returning ${COLUMNS}`,
      [prefix, enterpriseId, holderState],
    )
    if (!result) throw new NodeError('already-exists', `${prefix} is allotted already. Change it instead.`)
    return { result, changes: [prefixChange(prefix, result.version)] }
  })
}

/** `enterpriseId: null` makes it the node's own. What is already so stays. @throws NodeError `not-permitted`, `not-found` */
export async function changePrefix(
  registry: Registry,
  principal: Principal,
  change: { readonly prefix: string; readonly state?: PrefixState; readonly enterpriseId?: string | null },
): Promise<AllottedPrefix> {
  authorize(principal, 'administer')
  const prefix = requirePrefix(change.prefix)

  return commitChange(registry, async (tx) => {
    await requireStanding(tx, principal)
    // Enterprise before prefix: the order in which a suspension locks them.
    const newHolderState = change.enterpriseId === undefined ? undefined : await lockHolder(tx, change.enterpriseId)
    const before = await lockPrefix(tx, prefix)
    const enterpriseId = change.enterpriseId === undefined ? before.enterpriseId : change.enterpriseId
    const state = change.state ?? before.state
    if (enterpriseId === before.enterpriseId && state === before.state) return { result: before, changes: [] }

    const [result] = await tx.query<AllottedPrefix>(
      `update prefix set enterprise_id = $2, state = $3, holder_state = $4, version = version + 1
       where name = $1 returning ${COLUMNS}`,
      [prefix, enterpriseId, state, newHolderState ?? before.holderState],
    )
    return { result: result!, changes: [prefixChange(prefix, result!.version)] }
  })
}

/** By canonical name. */
export async function findPrefix(db: Queryable, prefix: string): Promise<AllottedPrefix | undefined> {
  if (!isStorable(prefix)) return undefined
  const [found] = await db.query<AllottedPrefix>(`select ${COLUMNS} from prefix where name = $1`, [prefix])
  return found
}

export interface PrefixPage {
  readonly enterpriseId?: string
  readonly after?: string
  readonly limit: number
}

/** In the order of names, those after `after`; of one enterprise when it is given. */
export async function listPrefixes(db: Queryable, page: PrefixPage): Promise<readonly AllottedPrefix[]> {
  const after = requirePageStart(page.after)
  return page.enterpriseId === undefined
    ? db.query(`select ${COLUMNS} from prefix where name > $1 order by name limit $2`, [after, page.limit])
    : db.query(`select ${COLUMNS} from prefix where enterprise_id = $3 and name > $1 order by name limit $2`, [
        after,
        page.limit,
        page.enterpriseId,
      ])
}

/** The whole routing table of this node's own prefixes. */
export async function loadRoutes(db: Database): Promise<RouteTable> {
  const rows = await db.query<{ prefix: string; enterpriseId: string | null; active: boolean }>(
    `select name as prefix, enterprise_id as "enterpriseId", state = 'active' and holder_state = 'active' as active from prefix`,
  )
  return new Map(rows.map((row) => [row.prefix, routeOf(row)]))
}

function routeOf(row: { prefix: string; enterpriseId: string | null; active: boolean }): Route {
  const { prefix, enterpriseId } = row
  return { prefix, state: row.active ? 'active' : 'suspended', ...(enterpriseId === null ? {} : { enterpriseId }) }
}

function requirePrefix(text: string): string {
  const parsed = parsePrefix(text)
  if (parsed.ok) return parsed.value
  const { position, message } = parsed
  throw new NodeError('request-malformed', message, { faults: [{ field: 'prefix', position, reason: message }] })
}

async function lockPrefix(tx: Transaction, prefix: string): Promise<AllottedPrefix> {
  const [found] = await tx.query<AllottedPrefix>(`select ${COLUMNS} from prefix where name = $1 for no key update`, [
    prefix,
  ])
  if (!found) throw new NodeError('not-found', `The prefix ${prefix} is not allotted at this node.`)
  return found
}

/** The state of the enterprise that is to hold a prefix, which cannot change before the commit. */
async function lockHolder(tx: Transaction, enterpriseId: string | null): Promise<EnterpriseState> {
  if (enterpriseId === null) return 'active'
  const [found] = isStorable(enterpriseId)
    ? await tx.query<{ state: EnterpriseState }>('select state from enterprise where id = $1 for share', [enterpriseId])
    : []
  if (!found) throw new NodeError('not-found', `There is no enterprise ${enterpriseId}.`)
  return found.state
}
