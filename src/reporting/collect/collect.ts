/** What collecting a table needs, and what it gives: parts, each small enough to be sent as one document. */
import type { Database } from '../../platform/postgres.js'
import type { Operator } from '../operator.js'
import type { Period } from '../periods.js'
import type { Missing } from '../tables/report-shape.js'

export interface Collecting {
  readonly db: Database
  /** The prefix of this node. */
  readonly node: string
  readonly operator: Operator
  readonly period: Period
  readonly timeZone: string
  /** From when on there is anything to report, in milliseconds since the epoch. */
  readonly beganMs: number
  readonly nowMs: number
  /** No answer of a cache is older. */
  readonly stalenessBoundMs: number
}

export interface Part {
  readonly data: unknown
  readonly missing?: readonly Missing[]
}

/** Gives at least one part, even if it is empty: that nothing happened is worth saying. */
export type Collect = (collecting: Collecting, give: Give) => Promise<void>
export type Give = (part: Part) => Promise<void>

/** For whole-table reads at the end of a day, which take their time. */
export const LONG_READ = { timeoutMs: 600_000 }

/** The same database, whose statements may take as long as the end of a month takes. */
export function patient(db: Database): Database {
  return {
    ...db,
    query: <Row extends object>(text: string, parameters?: readonly unknown[]) =>
      db.transaction((tx) => tx.query<Row>(text, parameters), LONG_READ),
  }
}

/** Enterprises or prefixes to a part. */
export const ROWS_PER_PART = 500

/** Names what is asked for and is not there. */
export function missingOf(
  given: Readonly<Record<string, unknown>> | undefined,
  wanted: readonly string[],
  { at, reason }: { readonly at: string; readonly reason: string },
): readonly Missing[] {
  return wanted.filter((name) => given?.[name] === undefined).map((name) => ({ field: `${at}${name}`, reason }))
}

/** A part for each page of a list. */
export async function inParts<Row>(
  page: (after: string) => Promise<readonly Row[]>,
  keyOf: (row: Row) => string,
  give: (rows: readonly Row[]) => Promise<void>,
): Promise<void> {
  let rows = await page('')
  do {
    await give(rows)
    const last = rows.at(-1)
    rows = last === undefined ? [] : await page(keyOf(last))
  } while (rows.length > 0)
}
