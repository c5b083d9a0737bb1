/**
 * What a request makes of a record's values, and which rights that takes. Pure.
 *
 * Changing who administers a handle takes rights of its own: those for HS_ADMIN values. A value whose permissions don't let
 * administrators write is not changed by anybody through the Handle protocols, but goes with its whole handle.
 */
import { foldAscii } from '../../../identifier/characters.js'
import type { Identifier } from '../../../identifier/identifier.js'
import { ADMIN_WRITE, PUBLIC_READ } from '../../../record/record.js'
import { ADMIN_RIGHTS, decodeAdmin } from '../../../record/value-types/hs-admin.js'
import { decodeValueList } from '../../../record/value-types/hs-vlist.js'
import { FIRST_HOLDER_INDEX } from '../../../registry/prefix-records.js'
import type { HandleValue } from '../codec-value.js'
import { RC } from '../codes.js'
import type { Outcome, Refusal } from './contract.js'
import { prefixNamed } from './handle-names.js'
import { refused } from './refusals.js'

export interface Changed {
  /** All values that the record is to have. */
  readonly values: readonly HandleValue[]
  readonly rights: number
  readonly overwritten: boolean
}

export type Change = (now: readonly HandleValue[], handle: Identifier) => Outcome<Changed>

export function adding(values: readonly HandleValue[], overwrite: boolean): Change {
  return (now) => {
    const replaced = now.filter(({ index }) => values.some((value) => value.index === index))
    if (replaced.length > 0 && !overwrite) {
      const [first] = replaced
      // The words that clients of the reference server know.
      return refused(RC.valueExists, `Index conflict for ${first!.index}`, indexesOf(replaced))
    }
    const closed = notWritable(replaced)
    if (closed !== undefined) return closed
    const rights = values.reduce((all, value) => all | rightToPut(at(now, value.index), value), 0)
    return { ok: true, value: { values: merged(now, values), rights, overwritten: replaced.length > 0 } }
  }
}

export function modifying(values: readonly HandleValue[]): Change {
  return (now) => {
    const missing = values.filter(({ index }) => at(now, index) === undefined)
    if (missing.length > 0) return noSuchValues(indexesOf(missing))
    const closed = notWritable(values.map(({ index }) => at(now, index)!))
    if (closed !== undefined) return closed
    const rights = values.reduce((all, value) => all | rightToPut(at(now, value.index), value), 0)
    return { ok: true, value: { values: merged(now, values), rights, overwritten: false } }
  }
}

export function removing(indexes: readonly number[]): Change {
  return (now, handle) => {
    const gone = now.filter(({ index }) => indexes.includes(index))
    if (gone.length === 0) return noSuchValues(indexes)
    const closed = ownOfTheNode(handle, gone) ?? notWritable(gone)
    if (closed !== undefined) return closed
    const rights = gone.reduce(
      (all, value) => all | (isAdmin(value) ? ADMIN_RIGHTS.removeAdmin : ADMIN_RIGHTS.removeValue),
      0,
    )
    const values = now.filter(({ index }) => !indexes.includes(index))
    return { ok: true, value: { values, rights, overwritten: false } }
  }
}

/** Why values can't be taken from anybody, before anything is looked up. */
export function valuesFault(values: readonly HandleValue[]): Refusal | undefined {
  const taken = new Set<number>()
  for (const { index, type, data, permissions } of values) {
    if (index === 0) return refused(RC.invalidValue, 'Index 0 is no value’s: take one from 1 on.', [0])
    if (taken.has(index)) return refused(RC.valueExists, `Index conflict for ${index}`, [index])
    taken.add(index)
    if (isBase(type, 'hs_seckey') && (permissions & PUBLIC_READ) !== 0) {
      return refused(RC.invalidValue, `Value ${index} would show its secret to everybody: give it permissions 1100.`, [
        index,
      ])
    }
    const fault = structureFault(type, data)
    if (fault !== undefined) return refused(RC.invalidValue, `Value ${index} is no ${type}: ${fault}.`, [index])
  }
  return undefined
}

/** What decides about rights must be legible; of all else the registry is the judge. */
function structureFault(type: string, data: Uint8Array): string | undefined {
  if (!isBase(type, 'hs_admin') && !isBase(type, 'hs_vlist')) return undefined
  const decoded = isBase(type, 'hs_admin') ? decodeAdmin(data) : decodeValueList(data)
  return decoded.ok ? undefined : decoded.message
}

function rightToPut(before: HandleValue | undefined, after: HandleValue): number {
  if (before === undefined) return isAdmin(after) ? ADMIN_RIGHTS.addAdmin : ADMIN_RIGHTS.addValue
  if (isAdmin(before)) {
    return isAdmin(after) ? ADMIN_RIGHTS.modifyAdmin : ADMIN_RIGHTS.removeAdmin | ADMIN_RIGHTS.addValue
  }
  return isAdmin(after) ? ADMIN_RIGHTS.removeValue | ADMIN_RIGHTS.addAdmin : ADMIN_RIGHTS.modifyValue
}

function isAdmin({ type }: HandleValue): boolean {
  return isBase(type, 'hs_admin')
}

/** `HS_ADMIN.x` is an HS_ADMIN. */
function isBase(type: string, base: string): boolean {
  const folded = foldAscii(type)
  return folded === base || folded.startsWith(`${base}.`)
}

/** Of a prefix's record it keeps its own part, whatever is written. */
function ownOfTheNode(handle: Identifier, gone: readonly HandleValue[]): Refusal | undefined {
  const own = indexesOf(gone).filter((index) => index < FIRST_HOLDER_INDEX)
  if (prefixNamed(handle) === undefined || own.length === 0) return undefined
  const why = `Value ${own.join(', ')} is the node's own, as all below ${FIRST_HOLDER_INDEX}: it says where the prefix is served.`
  return refused(RC.insufficientPermissions, `${why} The node's administrator changes that.`, own)
}

function notWritable(values: readonly HandleValue[]): Refusal | undefined {
  const closed = values.filter(({ permissions }) => (permissions & ADMIN_WRITE) === 0)
  if (closed.length === 0) return undefined
  const indexes = indexesOf(closed)
  return refused(
    RC.insufficientPermissions,
    `Permissions of value ${indexes.join(', ')} let no administrator write it.`,
    indexes,
  )
}

function noSuchValues(indexes: readonly number[]): Refusal {
  return refused(RC.valuesNotFound, `There is no value ${indexes.slice(0, 20).join(', ')}.`, indexes)
}

function merged(now: readonly HandleValue[], put: readonly HandleValue[]): readonly HandleValue[] {
  const kept = now.filter(({ index }) => at(put, index) === undefined)
  return [...kept, ...put]
}

function at(values: readonly HandleValue[], index: number): HandleValue | undefined {
  return values.find((value) => value.index === index)
}

function indexesOf(values: readonly HandleValue[]): readonly number[] {
  return values.map(({ index }) => index)
}
