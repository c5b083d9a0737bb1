/** Rows of the tables identifier and identifier_version as records and answers. */
import type { Found, Withdrawn } from '../record/answer.js'
import { decodeValues } from '../record/codec.js'
import type { IdentifierRecord } from '../record/record.js'
import { msOf, REGISTERED } from './write-upsert.js'

export { msOf } from './write-upsert.js'

export interface VersionRow {
  readonly key: string
  readonly version: number
  readonly state: number
  readonly prefix: string
  readonly spelling: string
  readonly template: string
  readonly body: Buffer | null
  readonly reason: string | null
  readonly registeredAtMs: number
  readonly recordedAtMs: number
}

/** Columns of either table, under the alias `i`. */
export const VERSION_COLUMNS = `i.key, i.version, i.state, i.prefix, coalesce(i.spelling, i.key) as spelling, i.template, i.body,
  i.reason, ${msOf('i.registered_at')} as "registeredAtMs", ${msOf('i.recorded_at')} as "recordedAtMs"`

/** `prefix`: the one that is responsible now; without it, the one that was when the version was written. */
export function answerOf(
  row: VersionRow,
  routed: { readonly prefix?: string; readonly stamp: number },
): Found | Withdrawn {
  const prefix = routed.prefix ?? row.prefix
  const common = { key: row.key, prefix, version: row.version, tier: 'registry', stamp: routed.stamp } as const
  if (row.state === REGISTERED) return { kind: 'found', ...common, record: recordOf(row, prefix) }
  return {
    kind: 'withdrawn',
    ...common,
    spelling: row.spelling,
    withdrawnAtMs: row.recordedAtMs,
    reason: row.reason ?? '',
  }
}

export function recordOf(row: VersionRow, prefix = row.prefix): IdentifierRecord {
  const { key, spelling, version, template, registeredAtMs, recordedAtMs } = row
  const values = row.body === null ? [] : decodeValues(row.body)
  return { key, spelling, prefix, version, template, values, registeredAtMs, recordedAtMs }
}
