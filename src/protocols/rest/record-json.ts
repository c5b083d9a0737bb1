/**
 * A record as JSON. `attributes` are the template's, by name; `values` the free ones (index < 2000), so that what GET
 * gives can be edited and PUT back. Which values a reader may see is decided before this.
 */
import type { IdentifierRecord, Reference, Value } from '../../record/record.js'
import type { RecordParts } from '../../record/select.js'

export type DataJson = string | { readonly format: 'base64'; readonly value: string }

export interface ValueJson {
  readonly index: number
  readonly type: string
  readonly data: DataJson
  readonly ttlSeconds: number
  /** Four bits: admin read, admin write, public read, public write. */
  readonly permissions: string
  readonly timestamp: string
  readonly references?: readonly Reference[]
}

export interface RecordJson {
  readonly identifier: string
  readonly key: string
  readonly prefix: string
  readonly state: 'registered'
  readonly version: number
  readonly template: string
  readonly attributes: Readonly<Record<string, DataJson>>
  readonly values: readonly ValueJson[]
  readonly registeredAt: string
  readonly recordedAt: string
}

export function recordJson(record: IdentifierRecord, shown: RecordParts): RecordJson {
  return {
    identifier: record.spelling,
    key: record.key,
    prefix: record.prefix,
    state: 'registered',
    version: record.version,
    template: record.template,
    attributes: Object.fromEntries(shown.attributes.map(({ type, data }) => [type, dataJson(data)])),
    values: shown.values.map(valueJson),
    registeredAt: new Date(record.registeredAtMs).toISOString(),
    recordedAt: new Date(record.recordedAtMs).toISOString(),
  }
}

function valueJson(value: Value): ValueJson {
  const { index, type, data, ttlSeconds, permissions, timestampSeconds, references } = value
  return {
    index,
    type,
    data: dataJson(data),
    ttlSeconds,
    permissions: permissions.toString(2).padStart(4, '0'),
    timestamp: `${new Date(timestampSeconds * 1000).toISOString().slice(0, 19)}Z`,
    ...(references !== undefined && references.length > 0 ? { references } : {}),
  }
}

function dataJson(data: string | Uint8Array): DataJson {
  return typeof data === 'string' ? data : { format: 'base64', value: Buffer.from(data).toString('base64') }
}
