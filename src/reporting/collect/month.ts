/** The monthly report: availability with six months' history, latencies, how soon a registration is in effect, incidents. */
import type { Queryable } from '../../platform/postgres.js'
import { EVENT_COLUMNS, type EventRow, eventData } from '../duty/events.js'
import { type Period, periodAt } from '../periods.js'
import { LOOKUPS, REGISTRATIONS } from '../traffic/traffic-store.js'
import type { Collect, Collecting } from './collect.js'
import { performanceOf } from './performance.js'

const MONTHS_BEFORE = 6
const MAX_INCIDENTS = 1_000
const HOUR_SECONDS = 3_600

export const collectMonth: Collect = async (collecting, give) => {
  const { db, operator, period, stalenessBoundMs, beganMs } = collecting
  const registration = await performanceOf(db, REGISTRATIONS, period)
  const history = []
  for (const month of monthsBefore(collecting)) history.push(await availabilityOf(db, month))
  const operatorName = operator.subject?.name
  await give({
    data: {
      ...(operatorName !== undefined && { operator: operatorName }),
      ...(await availabilityOf(db, period)),
      history,
      registration,
      resolution: await performanceOf(db, LOOKUPS, period),
      registrationEffective: {
        ...(registration.meanMs !== undefined && { meanMs: registration.meanMs }),
        ...(registration.slowest !== undefined && { slowest: registration.slowest }),
        everywhereWithinMs: stalenessBoundMs,
      },
      ...(operator.maintenance && { maintenance: operator.maintenance.filter((one) => touches(one, period)) }),
      incidents: await incidentsOf(db, period),
    },
    missing: [
      ...(operatorName === undefined
        ? [{ field: 'data.operator', reason: 'no subject.name in the operator’s file' }]
        : []),
      ...(operator.maintenance === undefined
        ? [{ field: 'data.maintenance', reason: 'not in the operator’s file (JIEXI_OPERATOR_FILE)' }]
        : []),
      ...(period.fromMs < beganMs
        ? [{ field: 'data.incidents', reason: `none were noted before ${new Date(beganMs).toISOString()}` }]
        : []),
    ],
  })
}

function monthsBefore({ period, timeZone, beganMs }: Collecting): readonly Period[] {
  const months: Period[] = []
  for (let month = period; months.length < MONTHS_BEFORE; ) {
    month = periodAt('monthly', month.fromMs - 1, timeZone)
    if (month.toMs <= beganMs) break
    months.push(month)
  }
  return months
}

/**
 * Of the seconds since the first that was ever measured. A process looks twice a second whether it answers; a second that
 * none looked in, because all were stopped or dead, counts as one without service.
 */
async function availabilityOf(db: Queryable, { key, fromMs, toMs }: Period) {
  const [row] = await db.query<{ ready: number; began: Date | null }>(
    `select coalesce(sum(ready_seconds), 0)::bigint as ready,
       (select min(minute) from service_minute) as began
     from service_minute where minute >= $1 and minute < $2`,
    [new Date(fromMs), new Date(toMs)],
  )
  const { ready, began } = row!
  const measured = began === null ? 0 : Math.max(0, toMs - Math.max(fromMs, began.getTime())) / 1000
  return {
    month: key,
    ...(measured > 0 && { percent: Math.min(100, Math.round((ready / measured) * 100_000_000) / 1_000_000) }),
    hoursInService: Math.round((ready / HOUR_SECONDS) * 1_000) / 1_000,
    hoursMeasured: Math.round((measured / HOUR_SECONDS) * 1_000) / 1_000,
  }
}

function touches({ from, to }: { readonly from: string; readonly to: string }, period: Period): boolean {
  return Date.parse(from) < period.toMs && Date.parse(to) > period.fromMs
}

async function incidentsOf(db: Queryable, { fromMs, toMs }: Period) {
  const rows = await db.query<EventRow>(
    `select ${EVENT_COLUMNS} from monitor_event where at >= $1 and at < $2 order by number limit $3`,
    [new Date(fromMs), new Date(toMs), MAX_INCIDENTS],
  )
  return rows.map(eventData)
}
