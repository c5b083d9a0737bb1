/**
 * Records by the Handle protocols: created, deleted, changed value by value.
 *
 * In this order: is the handle one, is it this node's, are the values such as can be kept, is it there or not: all that without
 * knowing who asks. Then who he is, and what HS_ADMIN lets him do; last the registry's own rule, in the statement that writes.
 */
import { randomUUID } from 'node:crypto'
import type { Identifier } from '../../../identifier/identifier.js'
import type { Clock } from '../../../platform/clock.js'
import type { IdentifierRecord } from '../../../record/record.js'
import { ADMIN_RIGHTS } from '../../../record/value-types/hs-admin.js'
import type { Registry } from '../../../registry/registry.js'
import type { ProvenIdentity } from '../codec-body.js'
import { handleValuesOf } from '../codec-record.js'
import type { HandleValue } from '../codec-value.js'
import { RC } from '../codes.js'
import { type Actor, type Actors, requirePrincipal } from './actors.js'
import type { Administration, Creation, Outcome, Refusal, Written } from './contract.js'
import { prefixAbove, prefixNamed, readHandle } from './handle-names.js'
import type { KnownValues } from './known-values.js'
import type { Permissions } from './permissions.js'
import { intendedChange, intendedNew, untilWritten, withdrawRecord, writeIntended } from './record-writes.js'
import { AUTHENTICATE, refused } from './refusals.js'
import { adding, type Change, modifying, removing, valuesFault } from './value-changes.js'

export interface RecordsOptions {
  readonly registry: Registry
  readonly clock: Clock
  readonly values: KnownValues
  readonly actors: Actors
  readonly permissions: Permissions
}

type Records = Pick<Administration, 'create' | 'remove' | 'addValues' | 'modifyValues' | 'removeValues'>
type By = ProvenIdentity | undefined

export function records(options: RecordsOptions): Records {
  return {
    create: (by, creation) => create(options, by, creation),
    remove: (by, handle) => remove(options, by, handle),
    addValues: (by, { handle, values, overwrite = false }) =>
      changeValues(options, by, { handle, put: values, change: adding(values, overwrite), isJudgedFirst: false }),
    modifyValues: (by, { handle, values }) =>
      changeValues(options, by, { handle, put: values, change: modifying(values), isJudgedFirst: true }),
    removeValues: (by, { handle, indexes }) =>
      changeValues(options, by, { handle, put: [], change: removing(indexes), isJudgedFirst: false }),
  }
}

async function create(options: RecordsOptions, by: By, creation: Creation): Promise<Outcome<Written>> {
  const name = mintedName(creation)
  if (!name.ok) return name
  const handle = name.value
  return untilWritten(async () => {
    const found = await options.values.ownRecord(handle)
    if (!found.ok) return found
    const before = found.value
    const fault = valuesFault(creation.values)
    if (fault !== undefined) return fault
    const intended = intendedNew({ handle, before }, creation.values, options.clock)
    if (!intended.ok) return intended
    if (before !== undefined && creation.overwrite !== true) {
      return refused(RC.handleExists, `${before.spelling} is registered already.`)
    }
    const actor = await actorFor(options, by)
    if (!actor.ok) return actor
    const refusal = await refusedToCreate(options, actor.value, { handle, before })
    if (refusal !== undefined) return refusal
    const principal = requirePrincipal(actor.value)
    return principal.ok ? writeIntended(options.registry, principal.value, intended.value) : principal
  }, handle.spelling)
}

function mintedName({ handle, mint }: Creation): Outcome<Identifier> {
  if (mint !== true) return readHandle(handle)
  if (!handle.includes('/')) {
    return refused(RC.invalidHandle, `A suffix is put behind "${handle}", so it must hold the "/" already.`)
  }
  return readHandle(handle + randomUUID())
}

/** To overwrite is to delete and create. */
async function refusedToCreate(
  { permissions }: RecordsOptions,
  actor: Actor,
  { handle, before }: { readonly handle: Identifier; readonly before: IdentifierRecord | undefined },
): Promise<Refusal | undefined> {
  const prefix = prefixAbove(handle)
  const right = prefixNamed(handle) === undefined ? ADMIN_RIGHTS.addHandle : ADMIN_RIGHTS.addDerivedPrefix
  const refusal =
    prefix === undefined ? onlyServerAdministrators(actor) : await permissions.refusedByPrefix(actor, prefix, right)
  if (refusal !== undefined || before === undefined) return refusal
  return permissions.refusedFor(actor, { handle, values: handleValuesOf(before.values) }, rightToDelete(handle))
}

function rightToDelete(handle: Identifier): number {
  return prefixNamed(handle) === undefined ? ADMIN_RIGHTS.deleteHandle : ADMIN_RIGHTS.deleteDerivedPrefix
}

export function onlyServerAdministrators({ isServerAdministrator, identity }: Actor): Refusal | undefined {
  if (isServerAdministrator) return undefined
  const { index, handle } = identity
  return refused(RC.insufficientPermissions, `${index}:${handle} is no administrator of this server.`)
}

async function remove(options: RecordsOptions, by: By, text: string): Promise<Outcome<Written>> {
  const name = readHandle(text)
  if (!name.ok) return name
  const handle = name.value
  return untilWritten(async () => {
    const found = await options.values.ownRecord(handle)
    if (!found.ok) return found
    const actor = await actorFor(options, by)
    if (!actor.ok) return actor
    const before = found.value
    if (before === undefined) return notRegistered(handle)
    const own = { handle, values: handleValuesOf(before.values) }
    const refusal = await options.permissions.refusedFor(actor.value, own, rightToDelete(handle))
    if (refusal !== undefined) return refusal
    const principal = requirePrincipal(actor.value)
    if (!principal.ok) return principal
    const { identity } = actor.value
    const reason = `Deleted by ${identity.index}:${identity.handle}.`
    return withdrawRecord(options.registry, principal.value, { handle, before, reason })
  }, handle.spelling)
}

interface ValuesRequest {
  readonly handle: string
  readonly put: readonly HandleValue[]
  readonly change: Change
  /** Whether a change that can't be is refused before anybody is asked who he is. */
  readonly isJudgedFirst: boolean
}

async function changeValues(options: RecordsOptions, by: By, request: ValuesRequest): Promise<Outcome<Written>> {
  const name = readHandle(request.handle)
  if (!name.ok) return name
  const handle = name.value
  const fault = valuesFault(request.put)
  return untilWritten(async () => {
    const found = await options.values.ownRecord(handle)
    if (!found.ok) return found
    if (fault !== undefined) return fault
    const before = found.value
    if (before === undefined) return notRegistered(handle)
    if (by === undefined && !request.isJudgedFirst) return AUTHENTICATE

    const now = handleValuesOf(before.values)
    const changed = request.change(now, handle)
    if (!changed.ok) return changed
    const actor = await actorFor(options, by)
    if (!actor.ok) return actor
    const { rights, values, overwritten } = changed.value
    const refusal = await options.permissions.refusedFor(actor.value, { handle, values: now }, rights)
    if (refusal !== undefined) return refusal
    const principal = requirePrincipal(actor.value)
    if (!principal.ok) return principal
    const intended = intendedChange({ handle, before, now }, values, options.clock)
    if (!intended.ok) return intended
    const written = await writeIntended(options.registry, principal.value, intended.value)
    return written?.ok ? { ok: true, value: { ...written.value, overwritten } } : written
  }, handle.spelling)
}

function notRegistered({ spelling }: Identifier): Refusal {
  return refused(RC.handleNotFound, `${spelling} is not registered.`)
}

async function actorFor({ actors }: RecordsOptions, by: By): Promise<Outcome<Actor>> {
  return by === undefined ? AUTHENTICATE : actors.of(by)
}
