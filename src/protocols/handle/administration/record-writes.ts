/**
 * Writes records as the Handle protocols change them, by the registry's own commands: read, change, check, write on condition that
 * nothing has changed in between; again when something has.
 *
 * Times of values are the node's. A value that a change leaves alone stays as it is stored. A record of a template stays one: a
 * change that would break the template is refused, and only an overwrite without any of the template's attributes makes it a record
 * of free values.
 */
import type { Identifier } from '../../../identifier/identifier.js'
import type { Clock } from '../../../platform/clock.js'
import type { Fault } from '../../../platform/errors.js'
import { checkRecord } from '../../../record/draft-checked.js'
import type { IdentifierRecord, Value } from '../../../record/record.js'
import { FIRST_ATTRIBUTE_INDEX } from '../../../record/template.js'
import { type Precondition, type Receipt, type Registration, writeIdentifiers } from '../../../registry/identifiers.js'
import type { Registry } from '../../../registry/registry.js'
import type { KnownPrincipal } from '../../../registry/standing.js'
import { recordValuesOf } from '../codec-record.js'
import type { HandleValue } from '../codec-value.js'
import { RC } from '../codes.js'
import type { Outcome, Written } from './contract.js'
import { orRefusal, refusalOf, refused } from './refusals.js'

/** A record that is to be, checked; `before`: the record that it replaces, on whose version the write depends. */
export interface Intended {
  readonly handle: Identifier
  readonly before: IdentifierRecord | undefined
  readonly template: string
  readonly values: readonly Value[]
}

export function intendedNew(
  { handle, before }: Pick<Intended, 'handle' | 'before'>,
  values: readonly HandleValue[],
  clock: Clock,
): Outcome<Intended> {
  const stamped = stampedValues(values, clock)
  if (!stamped.ok) return stamped
  return checked({ handle, before, template: templateAfter(before, stamped.value), values: stamped.value })
}

/** `now`: what `handleValuesOf` made of the record's values; those of them that are among `values` are left alone. */
export function intendedChange(
  {
    handle,
    before,
    now,
  }: { readonly handle: Identifier; readonly before: IdentifierRecord; readonly now: readonly HandleValue[] },
  values: readonly HandleValue[],
  clock: Clock,
): Outcome<Intended> {
  const left = new Set(values)
  const kept = before.values.filter((_, place) => left.has(now[place]!))
  const own = new Set(now)
  const put = stampedValues(
    values.filter((value) => !own.has(value)),
    clock,
  )
  if (!put.ok) return put
  return checked({ handle, before, template: before.template, values: [...kept, ...put.value] })
}

function stampedValues(values: readonly HandleValue[], clock: Clock): Outcome<readonly Value[]> {
  const timestampSeconds = Math.floor(clock.nowMs() / 1000)
  const read = recordValuesOf(values)
  if (!read.ok) {
    const code = read.reason === 'index-taken' ? RC.valueExists : RC.invalidValue
    return refused(code, `${read.message}.`, [values[read.place]!.index])
  }
  return { ok: true, value: read.value.map((value) => ({ ...value, timestampSeconds })) }
}

function templateAfter(before: IdentifierRecord | undefined, values: readonly Value[]): string {
  if (before === undefined || before.template === '') return ''
  return values.some(({ index }) => index >= FIRST_ATTRIBUTE_INDEX) ? before.template : ''
}

const MAX_FAULTS_TOLD = 5

function checked(intended: Intended): Outcome<Intended> {
  const draft = checkRecord(intended.template, intended.values)
  if (draft.ok) return { ok: true, value: { ...intended, values: draft.value.values } }
  return refused(RC.invalidValue, told(draft.faults))
}

function told(faults: readonly Fault[]): string {
  const told = faults.slice(0, MAX_FAULTS_TOLD).map(({ field, reason }) => `${field} ${reason}`)
  const more = faults.length - told.length
  return `The record would not be valid: ${told.join('; ')}${more > 0 ? `; and ${more} faults more` : ''}.`
}

/** `undefined`: others have written meanwhile; look again. */
export async function writeIntended(
  registry: Registry,
  principal: KnownPrincipal,
  { handle, before, template, values }: Intended,
): Promise<Outcome<Written> | undefined> {
  const identifier = before === undefined ? handle : { ...handle, spelling: before.spelling }
  const item = { identifier, intent: 'register', template, values, precondition: conditionOf(before) } as const
  return write(registry, principal, item)
}

export function withdrawRecord(
  registry: Registry,
  principal: KnownPrincipal,
  {
    handle,
    before,
    reason,
  }: { readonly handle: Identifier; readonly before: IdentifierRecord; readonly reason: string },
): Promise<Outcome<Written> | undefined> {
  const item = { identifier: handle, intent: 'withdraw', template: '', values: [], reason } as const
  return write(registry, principal, { ...item, precondition: conditionOf(before) })
}

function conditionOf(before: IdentifierRecord | undefined): Precondition {
  return before === undefined ? { kind: 'absent' } : { kind: 'version', version: before.version }
}

async function write(
  registry: Registry,
  principal: KnownPrincipal,
  item: Registration,
): Promise<Outcome<Written> | undefined> {
  return orRefusal(async () => {
    const [outcome] = await writeIdentifiers(registry, principal, [item])
    if (outcome!.ok) return { ok: true as const, value: writtenOf(outcome!.receipt, item) }
    return outcome!.error.code === 'precondition-failed' ? undefined : refusalOf(outcome!.error)
  })
}

function writtenOf({ identifier, outcome, version, token }: Receipt, item: Registration): Written {
  const overwritten = outcome === 'replaced' || (outcome === 'unchanged' && item.precondition?.kind === 'version')
  return { handle: identifier, overwritten, version, token }
}

const MAX_TRIES = 8

/** Tries anew while `attempt` gives undefined. */
export async function untilWritten(
  attempt: () => Promise<Outcome<Written> | undefined>,
  spelling: string,
): Promise<Outcome<Written>> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const outcome = await attempt()
    if (outcome !== undefined) return outcome
  }
  return refused(RC.tooBusy, `${spelling} kept changing while it was being changed. Read it, and try again.`)
}
