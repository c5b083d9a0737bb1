/**
 * Adds what the processes of a node count to the rows of the database, a batch every few seconds. A batch that fails is
 * tried again as it is; its number is written with it, so that one whose commit was not heard of is not added twice.
 * A process that is killed loses what it counted since its last batch, at most `intervalMs`.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { HeavyHitters, type HittersState } from '../../observability/heavy-hitters.js'
import type { LoadMinute } from '../../observability/load-minutes.js'
import { type HourTraffic, SOURCES_KEPT, type Traffic, type TrafficMeter } from '../../observability/traffic.js'
import { messageOf } from '../../platform/errors.js'
import type { Database, Transaction } from '../../platform/postgres.js'
import type { ProbeMeter, Probes } from '../watch/probe-meter.js'
import { releaseWatch, storeProbes } from '../watch/probe-store.js'
import type { ServiceMinutes } from './service-minutes.js'

export const LOOKUPS = 1
export const REGISTRATIONS = 2
export const FLUSH_INTERVAL_MS = 10_000
const BATCH_TIMEOUT_MS = 20_000

export interface TrafficStoreOptions {
  readonly db: Database
  readonly meter: Pick<TrafficMeter, 'take'>
  readonly service: ServiceMinutes
  /** Of other nodes. */
  readonly probes: Pick<ProbeMeter, 'take'>
  readonly log: { debug(message: string): void }
  /** Default FLUSH_INTERVAL_MS. */
  readonly intervalMs?: number
}

export interface TrafficStore {
  /** Writes what was counted so far. @throws NodeError `authority-unavailable`, … : it is kept and tried again */
  flush(): Promise<void>
  stop(): Promise<void>
}

interface Batch {
  readonly sequence: number
  readonly traffic: Traffic
  readonly service: ReadonlyMap<number, number>
  readonly probes: Probes
}

export function trafficStore(options: TrafficStoreOptions): TrafficStore {
  const { db, meter, service, probes, log } = options
  const writer = randomUUID()
  const stopping = new AbortController()
  let pending: Batch | undefined
  let sequence = 0
  let writing: Promise<void> = Promise.resolve()

  async function write(): Promise<void> {
    // First what failed before, then what came since.
    for (let more = true; more; ) {
      more = pending !== undefined
      pending ??= { sequence: ++sequence, traffic: meter.take(), service: service.take(), probes: probes.take() }
      await writeBatch(db, writer, pending)
      pending = undefined
    }
  }

  /** After the batch under way, which may have been taken before what is to be stored now was counted. */
  function flush(): Promise<void> {
    writing = writing.catch(ignoreTold).then(write)
    return writing
  }

  async function quietly(): Promise<void> {
    await flush().catch((error: unknown) => log.debug(`Counts wait to be stored: ${messageOf(error)}`))
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await quietly()
      await pause(options.intervalMs ?? FLUSH_INTERVAL_MS, undefined, { signal: stopping.signal, ref: false }).catch(
        ended,
      )
    }
  }

  const running = run()
  return {
    flush,
    stop: async () => {
      stopping.abort()
      await running
      await quietly()
      await releaseWatch(db, writer).catch((error: unknown) => log.debug(messageOf(error)))
    },
  }
}

async function writeBatch(db: Database, writer: string, batch: Batch): Promise<void> {
  const { sequence, traffic, service, probes } = batch
  const isEmpty = traffic.hours.length === 0 && traffic.registrations.length === 0
  if (isEmpty && traffic.lookups.length === 0 && service.size === 0 && !probes.isWatching) return
  await db.transaction(
    async (tx) => {
      if (!(await isNew(tx, writer, sequence))) return
      await addMinutes(tx, LOOKUPS, traffic.lookups)
      await addMinutes(tx, REGISTRATIONS, traffic.registrations)
      await addService(tx, service)
      for (const hour of traffic.hours) await addHour(tx, hour)
      await storeProbes(tx, writer, probes)
    },
    { timeoutMs: BATCH_TIMEOUT_MS },
  )
}

async function isNew(tx: Transaction, writer: string, sequence: number): Promise<boolean> {
  const rows = await tx.query(
    `insert into traffic_writer (id, sequence) values ($1, $2)
     on conflict (id) do update set sequence = excluded.sequence, at = clock_timestamp()
       where traffic_writer.sequence < excluded.sequence
     returning id`,
    [writer, sequence],
  )
  return rows.length === 1
}

// Of equal extremes the earlier stays.
const ADD_MINUTE = `
  insert into load_minute as held values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
  on conflict (minute, kind) do update set
    seconds = (select array_agg(mine + its order by place)
               from unnest(held.seconds, excluded.seconds) with ordinality as both_of (mine, its, place)),
    timed = held.timed + excluded.timed,
    sum_ms = held.sum_ms + excluded.sum_ms,
    min_ms = least(held.min_ms, excluded.min_ms),
    min_at = case when held.min_ms <= excluded.min_ms or excluded.min_ms is null then held.min_at else excluded.min_at end,
    max_ms = greatest(held.max_ms, excluded.max_ms),
    max_at = case when held.max_ms >= excluded.max_ms or excluded.max_ms is null then held.max_at else excluded.max_at end`

async function addMinutes(tx: Transaction, kind: number, minutes: readonly LoadMinute[]): Promise<void> {
  const inOrder = [...minutes].sort((one, other) => one.minuteMs - other.minuteMs)
  for (const { minuteMs, seconds, timed, sumMs, fastest, slowest } of inOrder)
    await tx.query(ADD_MINUTE, [
      new Date(minuteMs),
      kind,
      seconds,
      timed,
      sumMs,
      fastest?.tookMs ?? null,
      fastest ? new Date(fastest.atMs) : null,
      slowest?.tookMs ?? null,
      slowest ? new Date(slowest.atMs) : null,
    ])
}

async function addService(tx: Transaction, service: ReadonlyMap<number, number>): Promise<void> {
  for (const [minuteMs, seconds] of [...service].sort(([one], [other]) => one - other))
    await tx.query(
      `insert into service_minute as held values ($1, $2) on conflict (minute)
       do update set ready_seconds = greatest(held.ready_seconds, excluded.ready_seconds)`,
      [new Date(minuteMs), seconds],
    )
}

/** Rows are locked in the order of prefixes, as every process does. */
async function addHour(tx: Transaction, { hourMs, prefixes }: HourTraffic): Promise<void> {
  const hour = new Date(hourMs)
  const added = new Map(prefixes.map((row) => [row.prefix, row]))
  const names = [...added.keys()].sort()
  await tx.query(
    `insert into lookup_hour (hour, prefix) select $1, name from unnest($2::text[]) as name order by name collate "C"
     on conflict do nothing`,
    [hour, names],
  )
  const held = await tx.query<{ prefix: string; sources: HittersState }>(
    `select prefix, sources from lookup_hour where hour = $1 and prefix = any($2::text[]) order by prefix for update`,
    [hour, names],
  )
  const rows = held.map(({ prefix, sources }) => {
    const { requests, successes, sources: more } = added.get(prefix)!
    return { prefix, requests, successes, sources: merged(sources, more) }
  })
  await tx.query(
    `update lookup_hour held set requests = held.requests + added.requests, successes = held.successes + added.successes,
       sources = added.sources
     from jsonb_to_recordset($2::jsonb) as added (prefix text, requests bigint, successes bigint, sources jsonb)
     where held.hour = $1 and held.prefix = added.prefix`,
    [hour, JSON.stringify(rows)],
  )
}

function merged(one: HittersState, other: HittersState): HittersState {
  const sum = new HeavyHitters(SOURCES_KEPT)
  sum.merge(one)
  sum.merge(other)
  return sum.state()
}

function ignoreTold(): void {
  // Whoever asked for that batch has been told.
}

function ended(): void {
  // The pause was cut short because the node stops.
}
