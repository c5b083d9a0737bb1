/**
 * Prefixes this node is responsible for, who holds them, and who answers for what lies below. Their records (prefix-records.ts)
 * change with them, in the same transaction.
 */
import { parsePrefix } from '../identifier/prefix.js'
import { isHandlePrefix, isReservedPrefix } from '../identifier/prefix-record.js'
import { NodeError } from '../platform/errors.js'
import type { Database, Queryable, Transaction } from '../platform/postgres.js'
import { byteaArray } from '../platform/sql-arrays.js'
import type { ServiceLocation } from '../record/service.js'
import type { Route, RouteTable } from '../resolution/authorities.js'
import { authorize } from '../security/authorize.js'
import type { Principal } from '../security/principal.js'
import { type ChangedKey, commitChange, prefixChange } from './append-change.js'
import { isStorable, requirePageStart } from './checks.js'
import type { EnterpriseState } from './enterprises.js'
import { lockNodeSite } from './node-site.js'
import { type PrefixService, writeManagedParts } from './prefix-records.js'
import { requireService } from './prefix-service.js'
import type { Registry } from './registry.js'
import { requireKnown, requireStanding } from './standing.js'

export type PrefixState = 'active' | 'suspended'

/** `hosted`: this node answers for what lies below; a location: the holder's own server does. */
export type WantedService = 'hosted' | ServiceLocation

export interface AllottedPrefix {
  /** Canonical. */
  readonly prefix: string
  /** null: the node's own. */
  readonly enterpriseId: string | null
  readonly state: PrefixState
  /** Its enterprise's state; the prefix works only while both are active. */
  readonly holderState: EnterpriseState
  readonly service: 'hosted' | 'self-built'
  /** Of the self-built: octets of HS_SITE, or '' and a handle. */
  readonly sites: readonly Uint8Array[]
  readonly serviceHandle: string
  readonly version: number
  readonly createdAt: Date
}

export const PREFIX_COLUMNS = `name as prefix, enterprise_id as "enterpriseId", state, holder_state as "holderState",
  service, sites, service_handle as "serviceHandle", version, created_at as "createdAt"`

export interface Allotment {
  readonly prefix: string
  readonly enterpriseId?: string
  readonly service?: WantedService
}

/** @throws NodeError `not-permitted`, `request-malformed`, `not-found` (enterprise), `already-exists` */
export async function allotPrefix(
  registry: Registry,
  principal: Principal,
  allotment: Allotment,
): Promise<AllottedPrefix> {
  authorize(principal, 'administer')
  const prefix = requireAllottable(allotment.prefix)
  const why = registry.holds?.(prefix)
  if (why !== undefined) throw new NodeError('not-permitted', `${prefix} cannot be allotted here. ${why}`)
  const enterpriseId = allotment.enterpriseId ?? null
  const service = columnsOf(requireService(prefix, allotment.service ?? 'hosted'))

  return commitChange(registry, async (tx) => {
    await requireStanding(tx, principal)
    const holderState = await lockHolder(tx, enterpriseId)
    const [result] = await tx.query<AllottedPrefix>(
      `insert into prefix (name, enterprise_id, holder_state, service, sites, service_handle) values ($1, $2, $3, $4, $5, $6)
       on conflict (name) do nothing returning ${PREFIX_COLUMNS}`,
      [prefix, enterpriseId, holderState, ...service],
    )
    if (!result) throw new NodeError('already-exists', `${prefix} is allotted already. Change it instead.`)
    const records = await writeRecord(tx, { registry, principal, allotted: result, isHandedOver: true })
    return { result, changes: [prefixChange(prefix, result.version), ...records] }
  })
}

export interface PrefixAmendment {
  readonly prefix: string
  readonly state?: PrefixState
  /** null makes it the node's own. */
  readonly enterpriseId?: string | null
  /** Without, a prefix that gets another holder becomes hosted: its servers were those of the one before. */
  readonly service?: WantedService
}

/** What is already so stays. @throws NodeError `not-permitted`, `not-found`, `request-malformed` */
export async function changePrefix(
  registry: Registry,
  principal: Principal,
  change: PrefixAmendment,
): Promise<AllottedPrefix> {
  authorize(principal, 'administer')
  const prefix = requirePrefix(change.prefix)
  const wanted = change.service === undefined ? undefined : requireService(prefix, change.service)

  return commitChange(registry, async (tx) => {
    await requireStanding(tx, principal)
    // Enterprise before prefix: the order in which a suspension locks them.
    const newHolderState = change.enterpriseId === undefined ? undefined : await lockHolder(tx, change.enterpriseId)
    const before = await lockPrefix(tx, prefix)
    const enterpriseId = change.enterpriseId === undefined ? before.enterpriseId : change.enterpriseId
    const state = change.state ?? before.state
    const isHandedOver = enterpriseId !== before.enterpriseId
    const service = wanted ?? (isHandedOver ? 'hosted' : serviceOf(before))
    const isSame = !isHandedOver && state === before.state && isSameService(service, serviceOf(before))
    if (isSame) return { result: before, changes: [] }

    const [result] = await tx.query<AllottedPrefix>(
      `update prefix set enterprise_id = $2, state = $3, holder_state = $4, service = $5, sites = $6, service_handle = $7,
         version = version + 1
       where name = $1 returning ${PREFIX_COLUMNS}`,
      [prefix, enterpriseId, state, newHolderState ?? before.holderState, ...columnsOf(service)],
    )
    const records = await writeRecord(tx, { registry, principal, allotted: result!, isHandedOver })
    return { result: result!, changes: [prefixChange(prefix, result!.version), ...records] }
  })
}

interface RecordWrite {
  readonly registry: Registry
  readonly principal: Principal
  readonly allotted: AllottedPrefix
  readonly isHandedOver: boolean
}

async function writeRecord(tx: Transaction, write: RecordWrite): Promise<ChangedKey[]> {
  const { registry, principal, allotted, isHandedOver } = write
  if (!isHandlePrefix(allotted.prefix)) return []
  // After the prefix's row: a start that has changed the site meanwhile sees that this record is to be written anew.
  const site = await lockNodeSite(tx)
  const by = { author: requireKnown(principal).apiKeyId, nowMs: registry.clock.nowMs() }
  const changes = await writeManagedParts(tx, [{ service: prefixServiceOf(allotted), site, isHandedOver }], by)
  await tx.query('update prefix set recorded_site = $2 where name = $1', [allotted.prefix, site.change])
  return changes
}

export function prefixServiceOf(
  allotted: Pick<AllottedPrefix, 'prefix' | 'service' | 'sites' | 'serviceHandle'>,
): PrefixService {
  const service = serviceOf(allotted)
  return { prefix: allotted.prefix, selfBuilt: service === 'hosted' ? undefined : service }
}

function serviceOf({
  service,
  sites,
  serviceHandle,
}: Pick<AllottedPrefix, 'service' | 'sites' | 'serviceHandle'>): WantedService {
  return service === 'hosted' ? service : { handle: serviceHandle, sites }
}

/** In the order of `service`, `sites`, `service_handle`. */
export function columnsOf(service: WantedService): readonly [string, Buffer, string] {
  return service === 'hosted'
    ? [service, byteaArray([]), '']
    : ['self-built', byteaArray(service.sites), service.handle]
}

function isSameService(one: WantedService, other: WantedService): boolean {
  if (one === 'hosted' || other === 'hosted') return one === other
  const isSameSite = (site: Uint8Array, place: number) => Buffer.compare(site, other.sites[place]!) === 0
  return one.handle === other.handle && one.sites.length === other.sites.length && one.sites.every(isSameSite)
}

/** By canonical name. */
export async function findPrefix(db: Queryable, prefix: string): Promise<AllottedPrefix | undefined> {
  if (!isStorable(prefix)) return undefined
  const [found] = await db.query<AllottedPrefix>(`select ${PREFIX_COLUMNS} from prefix where name = $1`, [prefix])
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
    ? db.query(`select ${PREFIX_COLUMNS} from prefix where name > $1 order by name limit $2`, [after, page.limit])
    : db.query(`select ${PREFIX_COLUMNS} from prefix where enterprise_id = $3 and name > $1 order by name limit $2`, [
        after,
        page.limit,
        page.enterpriseId,
      ])
}

/** The whole routing table of this node's own prefixes. */
export async function loadRoutes(db: Database): Promise<RouteTable> {
  const rows = await db.query<RouteRow>(
    `select name as prefix, enterprise_id as "enterpriseId", state = 'active' and holder_state = 'active' as active,
       service, sites, service_handle as "serviceHandle", version
     from prefix`,
  )
  return new Map(rows.map((row) => [row.prefix, routeOf(row)]))
}

type RouteRow = Pick<AllottedPrefix, 'prefix' | 'enterpriseId' | 'service' | 'sites' | 'serviceHandle' | 'version'> & {
  readonly active: boolean
}

function routeOf(row: RouteRow): Route {
  const { prefix, enterpriseId, active, version } = row
  const service = serviceOf(row)
  return {
    prefix,
    state: active ? 'active' : 'suspended',
    ...(enterpriseId === null ? {} : { enterpriseId }),
    ...(service === 'hosted' ? {} : { selfBuilt: { service, version } }),
  }
}

/** @throws NodeError `request-malformed` also for what is nobody's to be given */
function requireAllottable(text: string): string {
  const prefix = requirePrefix(text)
  if (!isReservedPrefix(prefix)) return prefix
  throw malformedPrefix(
    `${prefix} belongs to the administration of the Handle System: 0 and 0.… are allotted to nobody.`,
    0,
  )
}

function requirePrefix(text: string): string {
  const parsed = parsePrefix(text)
  if (parsed.ok) return parsed.value
  throw malformedPrefix(parsed.message, parsed.position)
}

function malformedPrefix(message: string, position: number): NodeError {
  return new NodeError('request-malformed', message, { faults: [{ field: 'prefix', position, reason: message }] })
}

async function lockPrefix(tx: Transaction, prefix: string): Promise<AllottedPrefix> {
  const [found] = await tx.query<AllottedPrefix>(
    `select ${PREFIX_COLUMNS} from prefix where name = $1 for no key update`,
    [prefix],
  )
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
