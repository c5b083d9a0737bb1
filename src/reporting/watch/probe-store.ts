/**
 * Stores what probes found. Every process probes, so that each knows whom it may ask; the probes of one of them are counted
 * and make events: of whoever holds the watch, a lease that is taken and renewed with what is stored. When that process is
 * gone another takes over, and what it found before that moment counts no more: the one before may have counted that time.
 */
import type { Transaction } from '../../platform/postgres.js'
import { noteNodeEvents } from './node-events.js'
import type { NodeHour, Probes } from './probe-meter.js'

/** Several times as long as two batches are apart. */
const WATCH_SECONDS = 60

/** @param writer the process */
export async function storeProbes(tx: Transaction, writer: string, probes: Probes): Promise<void> {
  if (!probes.isWatching) return
  const watch = await takeWatch(tx, writer, probes.sinceMs)
  if (watch === 'of another') return
  if (watch === 'held') await addHours(tx, probes.hours)
  await noteNodeEvents(tx, probes.nodes)
}

/** `taken over`: somebody else may have counted some of the time since `sinceMs`. */
async function takeWatch(
  tx: Transaction,
  writer: string,
  sinceMs: number | undefined,
): Promise<'of another' | 'taken over' | 'held'> {
  const [watch] = await tx.query<{ isMine: boolean; isFree: boolean; untilAt: Date | null }>(
    `select holder is not distinct from $1::uuid as "isMine", lease_until as "untilAt",
       holder is null or lease_until < clock_timestamp() as "isFree"
     from probe_watch for update`,
    [writer],
  )
  const { isMine, isFree, untilAt } = watch!
  if (!isMine && !isFree) return 'of another'
  await tx.query(
    `update probe_watch set holder = $1, lease_until = clock_timestamp() + make_interval(secs => ${WATCH_SECONDS})`,
    [writer],
  )
  const isOverlapping = !isMine && untilAt !== null && sinceMs !== undefined && sinceMs < untilAt.getTime()
  return isOverlapping ? 'taken over' : 'held'
}

/** After the last batch: the next may watch at once. */
export async function releaseWatch(tx: Pick<Transaction, 'query'>, writer: string): Promise<void> {
  await tx.query('update probe_watch set holder = null, lease_until = clock_timestamp() where holder = $1', [writer])
}

// Of equal extremes the earlier stays.
const ADD_HOURS = `
  insert into node_probe_hour as held
  select hour, prefix, probes, answered, sum_ms, min_ms, min_at, max_ms, max_at
  from jsonb_to_recordset($1::jsonb) as added (hour timestamptz, prefix text, probes bigint, answered bigint,
    sum_ms double precision, min_ms double precision, min_at timestamptz, max_ms double precision, max_at timestamptz)
  on conflict (hour, prefix) do update set
    probes = held.probes + excluded.probes,
    answered = held.answered + excluded.answered,
    sum_ms = held.sum_ms + excluded.sum_ms,
    min_ms = least(held.min_ms, excluded.min_ms),
    min_at = case when held.min_ms <= excluded.min_ms or excluded.min_ms is null then held.min_at else excluded.min_at end,
    max_ms = greatest(held.max_ms, excluded.max_ms),
    max_at = case when held.max_ms >= excluded.max_ms or excluded.max_ms is null then held.max_at else excluded.max_at end`

async function addHours(tx: Transaction, hours: readonly NodeHour[]): Promise<void> {
  if (hours.length === 0) return
  const rows = hours.map(({ prefix, hourMs, probes, answered, sumMs, fastest, slowest }) => ({
    hour: new Date(hourMs),
    prefix,
    probes,
    answered,
    sum_ms: sumMs,
    ...(fastest && { min_ms: fastest.tookMs, min_at: new Date(fastest.atMs) }),
    ...(slowest && { max_ms: slowest.tookMs, max_at: new Date(slowest.atMs) }),
  }))
  await tx.query(ADD_HOURS, [JSON.stringify(rows)])
}
