/** Rows of the tables identifier and identifier_version as records and answers. */
import type { ColumnReader } from '../platform/keyed-reads.js'
import type { Found, Withdrawn } from '../record/answer.js'
import { decodeValues, passValues } from '../record/codec.js'
import { EncodedRecord } from '../record/encoded-values.js'
import { OneFace } from '../record/face.js'
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

/** The same for a look-up, which knows the key and the prefix responsible: under the alias `i`, as `readAnswer` reads them. */
export const LOOKUP_COLUMNS =
  'i.version, i.state, i.spelling, i.template, i.body, i.reason, i.registered_at, i.recorded_at'

export interface LookedUp {
  readonly key: string
  readonly prefix: string
  readonly stamp: number
}

/** Leaves the values of a record undecoded: most look-ups only send them on. @throws RecordCodecError */
export function readAnswer(columns: ColumnReader, { key, prefix, stamp }: LookedUp): Found | Withdrawn {
  const version = columns.integer()
  const state = columns.integer()
  const spelling = columns.text() ?? key
  const template = columns.text() ?? ''
  const body = columns.octets()
  const reason = columns.text() ?? ''
  const registeredAtMs = columns.timeMs()
  const recordedAtMs = columns.timeMs()
  const common = { key, prefix, version, tier: 'registry', stamp } as const
  if (state !== REGISTERED) return { kind: 'withdrawn', ...common, spelling, withdrawnAtMs: recordedAtMs, reason }
  const about = { key, spelling, prefix, version, template, registeredAtMs, recordedAtMs }
  return { kind: 'found', ...common, record: recordWith(about, body), faces: new OneFace() }
}

function recordWith(about: Omit<IdentifierRecord, 'values'>, body: Buffer | undefined): IdentifierRecord {
  if (body === undefined) return { ...about, values: [] }
  const encoded = passValues(body)
  return encoded === undefined ? { ...about, values: decodeValues(body) } : new EncodedRecord(about, encoded)
}
