/** Versions of an identifier, the newest from its own table, those before from the history. One statement, one snapshot. */
import type { Database } from '../platform/postgres.js'
import type { Answer } from '../record/answer.js'
import { isStorable } from './checks.js'
import { answerOf, msOf, VERSION_COLUMNS, type VersionRow } from './version-rows.js'
import { REGISTERED } from './write-upsert.js'

const FIND_BY_VERSION = `
  select ${VERSION_COLUMNS} from identifier i where i.key = $1 and i.version = $2
  union all
  select ${VERSION_COLUMNS} from identifier_version i where i.key = $1 and i.version = $2`

// A time is given in milliseconds, so a version counts from the start of its millisecond on.
const FIND_BY_TIME = `
  select * from (
    select ${VERSION_COLUMNS} from identifier i
    where i.key = $1 and ${msOf('i.recorded_at')} <= $2
    union all
    select * from (
      select ${VERSION_COLUMNS} from identifier_version i
      where i.key = $1 and ${msOf('i.recorded_at')} <= $2 order by i.version desc limit 1
    ) older
  ) candidate
  order by version desc limit 1`

/** undefined: there is no such version, or nothing was registered yet at that time. The answer's stamp is 0: it is not for caches. */
export async function findVersion(
  db: Database,
  key: string,
  wanted: { readonly version: number } | { readonly atMs: number },
): Promise<Answer | undefined> {
  const [statement, place] = 'version' in wanted ? [FIND_BY_VERSION, wanted.version] : [FIND_BY_TIME, wanted.atMs]
  if (!isStorable(key) || !Number.isSafeInteger(place)) return undefined
  const [row] = await db.query<VersionRow>(statement, [key, place])
  return row && answerOf(row, { stamp: 0 })
}

export interface VersionSummary {
  readonly version: number
  readonly state: 'registered' | 'withdrawn'
  readonly template: string
  /** RFC 3339, milliseconds. */
  readonly recordedAt: string
  /** Id of the API key. */
  readonly recordedBy: string
  /** Of a withdrawal, where one was given. */
  readonly reason: string | null
  /** Hexadecimal; null for a withdrawal. */
  readonly contentSha256: string | null
}

interface SummaryRow extends Omit<VersionSummary, 'state' | 'recordedAt'> {
  readonly state: number
  readonly recordedAtMs: number
}

const SUMMARY = `version, state, template, ${msOf('recorded_at')} as "recordedAtMs", recorded_by as "recordedBy", reason,
  encode(digest, 'hex') as "contentSha256"`

const LIST = `
  select ${SUMMARY} from identifier where key = $1 and version < $2
  union all
  (select ${SUMMARY} from identifier_version where key = $1 and version < $2 order by version desc limit $3)
  order by version desc limit $3`

/** Newest first, those before version `before`; empty for what was never registered. */
export async function listVersions(
  db: Database,
  key: string,
  page: { readonly before?: number; readonly limit: number },
): Promise<readonly VersionSummary[]> {
  const before = page.before ?? Number.MAX_SAFE_INTEGER
  if (!isStorable(key) || !Number.isSafeInteger(before)) return []
  const rows = await db.query<SummaryRow>(LIST, [key, before, page.limit])
  return rows.map(({ state, recordedAtMs, ...row }) => ({
    ...row,
    state: state === REGISTERED ? 'registered' : 'withdrawn',
    recordedAt: new Date(recordedAtMs).toISOString(),
  }))
}
