/**
 * Reports that somebody asked to be collected anew. One is made each round, so that they hold up nothing that is owed; those
 * that cannot be made let the others pass, and are tried again in the next round.
 */
import type { Queryable } from '../../platform/postgres.js'
import type { Collecting } from '../collect/collect.js'
import { COLLECTORS } from '../collect/collectors.js'
import { type Period, periodNamed } from '../periods.js'
import { REPORT_TABLES, type TableName } from '../tables/tables.js'
import { isPeriodic } from './owed.js'
import { type Producing, produce } from './produce.js'

export interface Requested {
  readonly table: Exclude<TableName, 'event'>
  readonly period: string
}

/** Tried in a round. */
const AT_A_TIME = 20

export function listRequested(db: Queryable): Promise<readonly Requested[]> {
  return db.query<Requested>(
    `select table_name as "table", period from report_request order by asked_at, table_name, period limit $1`,
    [AT_A_TIME],
  )
}

/** The request goes in the transaction that completes the report. */
export async function produceRequested(
  producing: Producing,
  { requested, collecting }: { readonly requested: Requested; readonly collecting: Omit<Collecting, 'period'> },
): Promise<void> {
  const { table } = requested
  const named = [table, requested.period]
  try {
    await produce(producing, {
      table,
      period: periodOf(requested, producing.clock.nowMs(), collecting.timeZone),
      collecting,
      collect: COLLECTORS[table],
      alongside: async (tx) => {
        await tx.query('delete from report_request where table_name = $1 and period = $2', named)
      },
    })
  } catch (error) {
    // Behind the others: many that fail would leave no place for one that does not.
    await producing.db.query(
      'update report_request set asked_at = clock_timestamp() where table_name = $1 and period = $2',
      named,
    )
    throw error
  }
}

function periodOf({ table, period }: Requested, nowMs: number, timeZone: string): Period {
  const { cadence } = REPORT_TABLES[table]
  return isPeriodic(cadence) ? periodNamed(cadence, period, timeZone) : { key: period, fromMs: nowMs, toMs: nowMs }
}
