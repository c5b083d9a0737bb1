/**
 * Values of a handle as the JSON API writes and reads them.
 *
 *   {"index", "type", "data": codec-data-json.ts, ["permissions"], "ttl", ["timestamp"], ["references"]}
 *
 *   permissions  four digits: admin read, admin write, public read, public write; left out when 1110
 *   ttl          seconds; a text with a time where the value ends at that time
 *   timestamp    left out when 0
 *   references   [{"handle", "index"}], left out when there are none
 *
 * Times are RFC 3339 in seconds, `2023-11-14T22:13:20Z`. The order of the members is that of the reference server.
 *
 * What is not known in a value is passed over, for what a GET of any server gave may come back in a PUT; its timestamp
 * is, too, because the node sets it. Permissions are taken as they are written: the reference server reads a text of four
 * digits in such a way that none of them can take the first right away, which nobody can want.
 */
import type { FaultList } from '../../record/faults.js'
import { isJsonObject, type JsonObject, kindOf, ownMember } from '../../record/json-object.js'
import { DEFAULT_PERMISSIONS, DEFAULT_TTL_SECONDS, type Reference, type Value } from '../../record/record.js'
import { ABSOLUTE_TTL, type HandleValue, RELATIVE_TTL } from '../handle/codec-value.js'
import { type DataJson, dataJson, octetsOfData, referencesOf } from './codec-data-json.js'

export interface ValueJson {
  readonly index: number
  readonly type: string
  readonly data: DataJson
  readonly permissions?: string
  readonly ttl: number | string
  readonly timestamp?: string
  readonly references?: readonly Reference[]
}

/** How a value ends, where it is not after seconds. */
interface Ending {
  /** Seconds since the epoch. */
  readonly endsAtSeconds?: number
}

/** Values of a request; a bound on what is looked at, before the registry applies its own. */
const MAX_VALUES = 1000
const MAX_INDEX = 0xffff_ffff
const MAX_TTL_SECONDS = 0x7fff_ffff
/** The last second of the year 9999: later ones have no such text. */
const LAST_SECOND = 253_402_300_799

export function valueJson(value: Value & Ending): ValueJson {
  const { index, type, permissions, ttlSeconds, timestampSeconds, references, endsAtSeconds } = value
  const isDated = timestampSeconds > 0 && timestampSeconds <= LAST_SECOND
  return {
    index,
    type,
    data: dataJson(value),
    ...(permissions === DEFAULT_PERMISSIONS ? {} : { permissions: permissions.toString(2).padStart(4, '0') }),
    ttl: endsAtSeconds === undefined ? ttlSeconds : timeText(endsAtSeconds),
    ...(isDated ? { timestamp: timeText(timestampSeconds) } : {}),
    ...(references === undefined || references.length === 0
      ? {}
      : { references: references.map(({ handle, index }) => ({ handle, index })) }),
  }
}

/** RFC 3339, in seconds. */
export function timeText(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`
}

/** The values of a body: an array, an object that has it as `values`, or one value alone. */
export function valuesOfBody(body: unknown, faults: FaultList): readonly HandleValue[] {
  const list = isJsonObject(body) ? (ownMember(body, 'values') ?? [body]) : body
  if (!Array.isArray(list)) {
    faults.add('values', `must be an array of values, not ${kindOf(list)}`)
    return []
  }
  if (list.length > MAX_VALUES) {
    faults.add('values', `are ${list.length}: at most ${MAX_VALUES} are taken`)
    return []
  }
  return list.flatMap((value: unknown, place) => handleValueOf(value, `values[${place}]`, faults) ?? [])
}

function handleValueOf(input: unknown, path: string, faults: FaultList): HandleValue | undefined {
  if (!isJsonObject(input)) {
    faults.add(path, `must be an object such as {"index": 1, "type": "URL", "data": "…"}, not ${kindOf(input)}`)
    return undefined
  }
  const index = indexOf(input, path, faults)
  const type = ownMember(input, 'type')
  if (typeof type !== 'string' || type === '') faults.add(`${path}.type`, 'must be a text such as "URL"')
  const data = octetsOfData(ownMember(input, 'data'), `${path}.data`, faults)
  const permissions = permissionsOf(input, path, faults)
  const ending = endingOf(input, path, faults)
  const given = ownMember(input, 'references')
  const references = given === undefined ? [] : referencesOf(given, `${path}.references`, faults)
  if (index === undefined || typeof type !== 'string' || data === undefined || references === undefined)
    return undefined
  return { index, timestampSeconds: 0, ...ending, permissions, type, data, references }
}

function indexOf(input: JsonObject, path: string, faults: FaultList): number | undefined {
  const index = ownMember(input, 'index')
  if (typeof index === 'number' && Number.isInteger(index) && index >= 1 && index <= MAX_INDEX) return index
  faults.add(`${path}.index`, index === undefined ? 'is missing' : `must be a whole number from 1 to ${MAX_INDEX}`)
  return undefined
}

function permissionsOf(input: JsonObject, path: string, faults: FaultList): number {
  const text = ownMember(input, 'permissions')
  if (text === undefined) return DEFAULT_PERMISSIONS
  if (typeof text === 'string' && /^[01]{4}$/.test(text)) return Number.parseInt(text, 2)
  faults.add(
    `${path}.permissions`,
    'must be a text of four digits 0 or 1: admin read, admin write, public read, public write; "1110" is usual',
  )
  return DEFAULT_PERMISSIONS
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/

function endingOf(input: JsonObject, path: string, faults: FaultList): Pick<HandleValue, 'ttlType' | 'ttl'> {
  const ttl = ownMember(input, 'ttl')
  if (ttl === undefined) return { ttlType: RELATIVE_TTL, ttl: DEFAULT_TTL_SECONDS }
  if (typeof ttl === 'number' && Number.isInteger(ttl) && ttl >= 0 && ttl <= MAX_TTL_SECONDS) {
    return { ttlType: RELATIVE_TTL, ttl }
  }
  const seconds = typeof ttl === 'string' && TIME.test(ttl) ? Math.floor(Date.parse(ttl) / 1000) : Number.NaN
  if (seconds >= 0 && seconds <= 0xffff_ffff) return { ttlType: ABSOLUTE_TTL, ttl: seconds }
  faults.add(`${path}.ttl`, `must be seconds from 0 to ${MAX_TTL_SECONDS}, or a time such as "2030-01-01T00:00:00Z"`)
  return { ttlType: RELATIVE_TTL, ttl: DEFAULT_TTL_SECONDS }
}
