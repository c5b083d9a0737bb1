/**
 * What HS_ADMIN lets somebody do.
 *
 * A record's own HS_ADMIN values decide; where it has none, those of its prefix's record, or of the prefix above for the record of
 * a prefix. A value names an identity, or a list (HS_VLIST) of identities and further lists, which are followed: each once, in
 * bounded depth and number, whoever keeps them.
 */
import { foldAscii } from '../../../identifier/characters.js'
import type { Identifier } from '../../../identifier/identifier.js'
import type { Reference } from '../../../record/record.js'
import { type Admin, decodeAdmin } from '../../../record/value-types/hs-admin.js'
import { decodeValueList } from '../../../record/value-types/hs-vlist.js'
import type { HandleValue } from '../codec-value.js'
import { RC } from '../codes.js'
import type { Actor } from './actors.js'
import type { Refusal } from './contract.js'
import { prefixAbove, prefixRecord, readHandle } from './handle-names.js'
import type { KnownValues } from './known-values.js'
import { refused } from './refusals.js'

export interface Permissions {
  /** What stands against it that the actor has all of `rights` over this handle, by its values as they are. */
  refusedFor(actor: Actor, over: Governed, rights: number): Promise<Refusal | undefined>
  /** The same by the record of a prefix. */
  refusedByPrefix(actor: Actor, prefix: string, rights: number): Promise<Refusal | undefined>
}

export interface Governed {
  readonly handle: Identifier
  readonly values: readonly HandleValue[]
}

const MAX_DEPTH = 10
const MAX_LISTS = 50
const MAX_MEMBERS = 2_000

export function permissions(values: KnownValues): Permissions {
  async function byPrefix(actor: Actor, prefix: string, rights: number): Promise<Refusal | undefined> {
    if (actor.isServerAdministrator) return undefined
    const record = readHandle(prefixRecord(prefix))
    if (!record.ok) return record
    const found = await values.valuesOf(record.value, true)
    if (!found.ok) return found
    const admins = adminsOf(found.value)
    if (admins.length === 0) return nobody(record.value)
    return granted(actor, { admins, handle: record.value }, rights)
  }

  async function granted(
    actor: Actor,
    { admins, handle }: { readonly admins: readonly Admin[]; readonly handle: Identifier },
    rights: number,
  ): Promise<Refusal | undefined> {
    // Rights of several values add up: each is what somebody was given.
    let missing = rights
    let unseen: Refusal | undefined
    for (const { permissions: given, ...who } of admins) {
      if ((given & missing) === 0) continue
      const isIncluded = await includes(values, who, actor)
      if (isIncluded === true) missing &= ~given
      else if (isIncluded !== false) unseen = isIncluded
      if (missing === 0) return undefined
    }
    if (unseen !== undefined) return unseen
    const { index, handle: own } = actor.identity
    return refused(
      RC.insufficientPermissions,
      `${index}:${own} lacks rights that HS_ADMIN of ${handle.spelling} gives: ${namesOf(missing)}.`,
    )
  }

  return {
    async refusedFor(actor, { handle, values: own }, rights) {
      if (actor.isServerAdministrator) return undefined
      const admins = adminsOf(own)
      if (admins.length > 0) return granted(actor, { admins, handle }, rights)
      const prefix = prefixAbove(handle)
      return prefix === undefined ? nobody(handle) : byPrefix(actor, prefix, rights)
    },
    refusedByPrefix: byPrefix,
  }
}

const RIGHT_NAMES = [
  'add handle',
  'delete handle',
  'add derived prefix',
  'delete derived prefix',
  'modify value',
  'remove value',
  'add value',
  'modify administrator',
  'remove administrator',
  'add administrator',
  'read value',
  'list handles',
]

function namesOf(rights: number): string {
  return RIGHT_NAMES.filter((_, bit) => (rights & (1 << bit)) !== 0).join(', ')
}

function nobody({ spelling }: Identifier): Refusal {
  return refused(RC.insufficientPermissions, `${spelling} has no HS_ADMIN that would let anybody do this: give it one.`)
}

/** One that can't be read gives no rights. */
function adminsOf(values: readonly HandleValue[]): readonly Admin[] {
  return values.flatMap((value) => {
    if (!isOfType(value, 'hs_admin')) return []
    const decoded = decodeAdmin(value.data)
    return decoded.ok ? [decoded.value] : []
  })
}

function isOfType({ type }: HandleValue, wanted: string): boolean {
  const folded = foldAscii(type)
  return folded === wanted || folded.startsWith(`${wanted}.`)
}

/** Breadth first: whoever is named directly is found before any list is asked for. A refusal: he may be in one not seen now. */
async function includes(values: KnownValues, who: Reference, actor: Actor): Promise<boolean | Refusal> {
  const lists = new Set<string>()
  let unseen: Refusal | undefined
  let level: readonly Reference[] = [who]
  for (let depth = 0; depth <= MAX_DEPTH && level.length > 0; depth += 1) {
    if (level.some((reference) => isActor(reference, actor))) return true
    const next: Reference[] = []
    for (const { handle, index } of level) {
      const name = readHandle(handle)
      const place = name.ok ? `${index}:${name.value.key}` : ''
      if (!name.ok || lists.has(place)) continue
      lists.add(place)
      const members = lists.size > MAX_LISTS ? [] : await membersAt(values, name.value, index)
      if ('responseCode' in members) unseen = members
      else if (next.length + members.length <= MAX_MEMBERS) next.push(...members)
    }
    level = next
  }
  return unseen ?? false
}

/** Index 0 stands for every key of the handle. */
function isActor({ handle, index }: Reference, { key, identity }: Actor): boolean {
  if (index !== 0 && index !== identity.index) return false
  const name = readHandle(handle)
  return name.ok && name.value.key === key
}

/** None where the value is a key, is not there, or is of a node that can't be asked. */
async function membersAt(
  values: KnownValues,
  handle: Identifier,
  index: number,
): Promise<readonly Reference[] | Refusal> {
  const found = await values.valuesOf(handle)
  if (!found.ok) return found.responseCode === RC.tooBusy ? found : []
  return found.value.flatMap((value) => {
    if (value.index !== index || !isOfType(value, 'hs_vlist')) return []
    const decoded = decodeValueList(value.data)
    return decoded.ok ? decoded.value : []
  })
}
