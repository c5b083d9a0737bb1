/** Free values, as JSON gives them: `{index, type, data, ttlSeconds?, permissions?, references?}`. */
import { MAX_VALUES } from './draft-result.js'
import { type FaultList, shown } from './faults.js'
import { checkMembers, isJsonObject, type JsonObject, kindOf, ownMember } from './json-object.js'
import { DEFAULT_PERMISSIONS, type Reference, SECRET_PERMISSIONS, type Value } from './record.js'
import { isExposed, isSecretType } from './secret.js'
import { FIRST_ATTRIBUTE_INDEX, RESERVED_INDEXES, type Template } from './template.js'
import { controlCharacter, misleading, type TextFault, tooLong, unstorable } from './text-check.js'
import { readData } from './value-data.js'

export const MAX_TTL_SECONDS = 0x7fff_ffff
export const MAX_INDEX = 0xffff_ffff
const MAX_TYPE_OCTETS = 128
export const MAX_REFERENCES = 100
export const MAX_REFERENCE_OCTETS = 255

const VALUE_MEMBERS = ['index', 'type', 'data', 'ttlSeconds', 'permissions', 'references']
const REFERENCE_MEMBERS = ['handle', 'index']
/** The node sets it, so that nobody can antedate a value. */
const IGNORED_MEMBERS = ['timestamp']

export interface ValueSetting {
  /** Undefined: the record has none, and any index but the reserved ones is free. */
  readonly template: Template | undefined
  readonly ttlSeconds: number
  readonly nowSeconds: number
  readonly faults: FaultList
}

/** Reads the member `values`; a value with a fault is left out. */
export function readFreeValues(input: unknown, setting: ValueSetting): readonly Value[] {
  if (input === undefined) return []
  if (!Array.isArray(input)) {
    setting.faults.add('values', `must be an array of values, not ${kindOf(input)}`)
    return []
  }
  if (input.length > MAX_VALUES) {
    setting.faults.add('values', `are ${input.length}: at most ${MAX_VALUES} are allowed`)
    return []
  }
  const takenBy = new Map<number, string>()
  return input.flatMap((value: unknown, place) => {
    const read = readValue(value, `values[${place}]`, setting)
    return read !== undefined && claim(takenBy, read.index, `values[${place}]`, setting.faults) ? [read] : []
  })
}

function claim(takenBy: Map<number, string>, index: number, path: string, faults: FaultList): boolean {
  const holder = takenBy.get(index)
  if (holder === undefined) takenBy.set(index, path)
  else faults.add(`${path}.index`, `is ${index}, which ${holder} has already: indexes are unique within a record`)
  return holder === undefined
}

function readValue(input: unknown, path: string, setting: ValueSetting): Value | undefined {
  const { faults, nowSeconds } = setting
  if (!isJsonObject(input)) {
    faults.add(path, `must be an object such as {"index": 1, "type": "URL", "data": "…"}, not ${kindOf(input)}`)
    return undefined
  }
  checkMembers(input, { path, known: VALUE_MEMBERS, ignored: IGNORED_MEMBERS }, faults)
  const index = readIndex(ownMember(input, 'index'), `${path}.index`, setting)
  const type = readType(ownMember(input, 'type'), `${path}.type`, faults)
  const data = readData(ownMember(input, 'data'), `${path}.data`, faults)
  const ttlSeconds = readTtlSeconds(input, `${path}.ttlSeconds`, faults) ?? setting.ttlSeconds
  const permissions = readPermissions(ownMember(input, 'permissions'), `${path}.permissions`, { type, faults })
  const references = readReferences(ownMember(input, 'references'), `${path}.references`, faults)
  if (index === undefined || type === undefined || data === undefined) return undefined
  const value = { index, type, data, ttlSeconds, permissions, timestampSeconds: nowSeconds }
  return references.length === 0 ? value : { ...value, references }
}

export function readIndex(input: unknown, path: string, { template, faults }: ValueSetting): number | undefined {
  if (typeof input !== 'number' || !Number.isInteger(input) || input < 1 || input > MAX_INDEX) {
    faults.add(path, input === undefined ? 'is missing' : `must be a whole number from 1 to ${MAX_INDEX}`)
    return undefined
  }
  if (RESERVED_INDEXES.includes(input)) {
    faults.add(path, `is ${input}, which is reserved: take another below ${FIRST_ATTRIBUTE_INDEX}`)
    return undefined
  }
  if (template !== undefined && input >= FIRST_ATTRIBUTE_INDEX) {
    const attribute = template.attributes.find(({ index }) => index === input)
    const advice = attribute === undefined ? `take one below it` : `set attributes.${attribute.name} instead`
    faults.add(
      path,
      `is ${input}: from ${FIRST_ATTRIBUTE_INDEX} on indexes belong to template ${template.name}; ${advice}`,
    )
    return undefined
  }
  return input
}

export function readType(input: unknown, path: string, faults: FaultList): string | undefined {
  if (typeof input !== 'string') {
    faults.add(path, input === undefined ? 'is missing' : `must be a text such as "URL", not ${kindOf(input)}`)
    return undefined
  }
  const fault: TextFault | undefined =
    input === ''
      ? { reason: 'is empty' }
      : (unstorable(input) ?? controlCharacter(input) ?? misleading(input) ?? tooLong(input, MAX_TYPE_OCTETS))
  if (fault !== undefined) faults.add(path, fault.reason, fault.position)
  return fault === undefined ? input : undefined
}

/** @returns undefined when the member is not there, and after a fault */
export function readTtlSeconds(object: JsonObject, path: string, faults: FaultList): number | undefined {
  const input = ownMember(object, 'ttlSeconds')
  if (input === undefined) return undefined
  if (typeof input === 'number' && Number.isInteger(input) && input >= 0 && input <= MAX_TTL_SECONDS) return input
  faults.add(path, `must be a whole number of seconds from 0 to ${MAX_TTL_SECONDS}`)
  return undefined
}

function defaultPermissions(type: string): number {
  return isSecretType(type) ? SECRET_PERMISSIONS : DEFAULT_PERMISSIONS
}

function readPermissions(
  input: unknown,
  path: string,
  { type = '', faults }: { readonly type: string | undefined; readonly faults: FaultList },
): number {
  if (input === undefined) return defaultPermissions(type)
  if (typeof input === 'string' && /^[01]{4}$/.test(input)) {
    const permissions = Number.parseInt(input, 2)
    if (isExposed({ type, permissions })) faults.add(path, `would give the secret of ${type} away: write "1100"`)
    return permissions
  }
  faults.add(
    path,
    'must be a text of four digits 0 or 1: admin read, admin write, public read, public write; "1110" is usual',
  )
  return DEFAULT_PERMISSIONS
}

function readReferences(input: unknown, path: string, faults: FaultList): readonly Reference[] {
  if (input === undefined) return []
  if (!Array.isArray(input)) faults.add(path, `must be an array, not ${kindOf(input)}`)
  else if (input.length > MAX_REFERENCES) {
    faults.add(path, `are ${input.length}: at most ${MAX_REFERENCES} are allowed`)
  } else return input.flatMap((reference, place) => readReference(reference, `${path}[${place}]`, faults) ?? [])
  return []
}

function readReference(input: unknown, path: string, faults: FaultList): Reference | undefined {
  if (!isJsonObject(input)) {
    faults.add(path, `must be an object such as {"handle": "88.100/a", "index": 1}, not ${kindOf(input)}`)
    return undefined
  }
  checkMembers(input, { path, known: REFERENCE_MEMBERS, ignored: [] }, faults)
  const handle = ownMember(input, 'handle')
  const index = ownMember(input, 'index')
  // Index 0 stands for every value of the handle (RFC 3651 §3.1 leaves it to the reader).
  const isIndex = typeof index === 'number' && Number.isInteger(index) && index >= 0 && index <= MAX_INDEX
  if (!isIndex) faults.add(`${path}.index`, `must be a whole number from 0 to ${MAX_INDEX}`)
  if (typeof handle !== 'string' || handle === '') {
    faults.add(`${path}.handle`, 'must be a text that names a record')
    return undefined
  }
  const fault = unstorable(handle) ?? misleading(handle) ?? tooLong(handle, MAX_REFERENCE_OCTETS)
  if (fault !== undefined) faults.add(`${path}.handle`, fault.reason, fault.position)
  return isIndex && fault === undefined ? { handle, index } : undefined
}

const COLUMN = /^value:([0-9]{1,10}):(.+)$/s

/** A table's column `value:<index>:<TYPE>` with a cell that is not empty; undefined when the column is none of these. */
export function readValueColumn(column: string, cell: string, setting: ValueSetting): Value | 'refused' | undefined {
  const parts = COLUMN.exec(column)
  if (parts === null) return undefined
  const path = shown(column)
  const index = readIndex(Number(parts[1]), path, setting)
  const type = readType(parts[2], path, setting.faults)
  const data = readData(cell, path, setting.faults)
  if (index === undefined || type === undefined || data === undefined) return 'refused'
  const { ttlSeconds, nowSeconds } = setting
  return { index, type, data, ttlSeconds, permissions: defaultPermissions(type), timestampSeconds: nowSeconds }
}
