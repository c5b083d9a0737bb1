/** Whole prefixes by the Handle protocols: what is below them, and which are this node's. */

import { ADMIN_RIGHTS } from '../../../record/value-types/hs-admin.js'
import { listIdentifiers } from '../../../registry/identifiers.js'
import { allotPrefix, changePrefix, findPrefix, listPrefixes } from '../../../registry/prefixes.js'
import type { RouteTable } from '../../../resolution/authorities.js'
import type { ProvenIdentity } from '../codec-body.js'
import { RC } from '../codes.js'
import { type Actor, requirePrincipal } from './actors.js'
import type { Administration, HandlePage, ListedHandles, Outcome } from './contract.js'
import { PREFIX_RECORDS, prefixRecord, readPrefixHandle } from './handle-names.js'
import { onlyServerAdministrators, type RecordsOptions } from './records.js'
import { AUTHENTICATE, orRefusal, refused } from './refusals.js'

export interface PrefixHomesOptions extends RecordsOptions {
  readonly routes: () => RouteTable | Promise<RouteTable>
}

type PrefixHomes = Pick<Administration, 'listHandles' | 'listDerivedPrefixes' | 'home' | 'unhome' | 'listHomed'>
type By = ProvenIdentity | undefined

/** Names of object identifiers, which are no handles. */
const NO_HANDLE = 'urn:oid:'

export function prefixHomes(options: PrefixHomesOptions): PrefixHomes {
  return {
    listHandles: (by, page) => list(options, by, { page, read: pageOfHandles }),
    listDerivedPrefixes: (by, page) => list(options, by, { page, read: pageOfDerived }),
    home: (by, prefix) => asServerAdministrator(options, by, (actor) => home(options, actor, prefix)),
    unhome: (by, prefix) => asServerAdministrator(options, by, (actor) => unhome(options, actor, prefix)),
    listHomed: (by, page) =>
      asServerAdministrator(options, by, async () => ({ ok: true, value: await pageOfHomed(options, page) })),
  }
}

type ReadPage = (options: PrefixHomesOptions, page: HandlePage) => Promise<ListedHandles>

async function list(
  options: PrefixHomesOptions,
  by: By,
  { page, read }: { readonly page: HandlePage; readonly read: ReadPage },
): Promise<Outcome<ListedHandles>> {
  const name = readPrefixHandle(page.prefix)
  if (!name.ok) return name
  const prefix = name.value
  return orRefusal(async () => {
    const table = await options.routes()
    if (table.get(prefix)?.state !== 'active') {
      return refused(RC.notResponsible, `${prefix} is not a prefix of this node, or is suspended.`)
    }
    if (by === undefined) return AUTHENTICATE
    const actor = await options.actors.of(by)
    if (!actor.ok) return actor
    const refusal = await options.permissions.refusedByPrefix(actor.value, prefix, ADMIN_RIGHTS.listHandles)
    return refusal ?? { ok: true as const, value: await read(options, { ...page, prefix }) }
  })
}

async function pageOfHandles({ registry }: PrefixHomesOptions, page: HandlePage): Promise<ListedHandles> {
  const { prefix, after, limit } = page
  const rows = await listIdentifiers(registry.db, { prefix, limit, ...(after === undefined ? {} : { after }) })
  const handles = rows.filter(({ state }) => state === 'registered').map(({ identifier }) => identifier)
  return rows.length < limit ? { handles } : { handles, next: rows.at(-1)!.key }
}

async function pageOfDerived({ registry }: PrefixHomesOptions, page: HandlePage): Promise<ListedHandles> {
  const below = `${page.prefix}.`
  const rows = await listPrefixes(registry.db, { after: page.after ?? below, limit: page.limit })
  const own = rows.filter(({ prefix }) => prefix.startsWith(below))
  const handles = own.filter(isActive).map(({ prefix }) => prefixRecord(prefix))
  return own.length < page.limit ? { handles } : { handles, next: own.at(-1)!.prefix }
}

async function pageOfHomed({ registry }: PrefixHomesOptions, page: Omit<HandlePage, 'prefix'>): Promise<ListedHandles> {
  const { after, limit } = page
  const rows = await listPrefixes(registry.db, { limit, ...(after === undefined ? {} : { after }) })
  const isHomed = (prefix: string) => prefix !== PREFIX_RECORDS && !prefix.startsWith(NO_HANDLE)
  const handles = rows.filter((row) => isActive(row) && isHomed(row.prefix)).map(({ prefix }) => prefixRecord(prefix))
  return rows.length < limit ? { handles } : { handles, next: rows.at(-1)!.prefix }
}

/** The records of all prefixes are the node's own affair. */
function readHomed(text: string): Outcome<string> {
  const name = readPrefixHandle(text)
  if (!name.ok || name.value !== PREFIX_RECORDS) return name
  return refused(RC.invalidHandle, `${text} holds the records of prefixes and always stays.`)
}

function isActive({ state, holderState }: { readonly state: string; readonly holderState: string }): boolean {
  return state === 'active' && holderState === 'active'
}

async function asServerAdministrator<Value>(
  { actors }: PrefixHomesOptions,
  by: By,
  work: (actor: Actor) => Promise<Outcome<Value>>,
): Promise<Outcome<Value>> {
  if (by === undefined) return AUTHENTICATE
  return orRefusal(async () => {
    const actor = await actors.of(by)
    if (!actor.ok) return actor
    return onlyServerAdministrators(actor.value) ?? work(actor.value)
  })
}

/** A prefix nobody had becomes the node's own; one that was let go of works again, for whom it was allotted to. */
async function home({ registry }: PrefixHomesOptions, actor: Actor, text: string): Promise<Outcome<undefined>> {
  const name = readHomed(text)
  if (!name.ok) return name
  const principal = requirePrincipal(actor)
  if (!principal.ok) return principal
  const prefix = name.value
  if ((await findPrefix(registry.db, prefix)) === undefined) await allotPrefix(registry, principal.value, { prefix })
  else await changePrefix(registry, principal.value, { prefix, state: 'active' })
  return { ok: true, value: undefined }
}

async function unhome({ registry }: PrefixHomesOptions, actor: Actor, text: string): Promise<Outcome<undefined>> {
  const name = readHomed(text)
  if (!name.ok) return name
  const principal = requirePrincipal(actor)
  if (!principal.ok) return principal
  await changePrefix(registry, principal.value, { prefix: name.value, state: 'suspended' })
  return { ok: true, value: undefined }
}
