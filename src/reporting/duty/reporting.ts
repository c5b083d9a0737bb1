/**
 * The duty itself: one process of the node, whoever holds the lease, notes outages, produces what is owed and sends it.
 *
 *   every tick        events; periods that have ended (owed.ts), what somebody asked for anew
 *   every half minute states that are reported when they change: T1, T2, T11
 *   each destination  has a loop of its own (deliver.ts), so that a slow one holds up neither the others nor producing
 *
 * Whatever fails is told, and tried again at the next tick.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../../platform/clock.js'
import { messageOf } from '../../platform/errors.js'
import type { Database } from '../../platform/postgres.js'
import { type Collecting, patient } from '../collect/collect.js'
import { COLLECTORS } from '../collect/collectors.js'
import type { Destination } from '../destinations/destination.js'
import type { FindOperator } from '../operator.js'
import { REPORT_TABLES, TABLES, type TableName } from '../tables/tables.js'
import { endUnwatched } from '../watch/node-events.js'
import { type DeliverOptions, deliverUntil } from './deliver.js'
import { EVENT_COLUMNS, type EventRow, eventData } from './events.js'
import { releaseLease, takeLease } from './lease.js'
import { noteOutages } from './outages.js'
import { isPeriodic, listOwed, noteDone, type Owed } from './owed.js'
import { type Producing, produce, produceChanged } from './produce.js'
import { pruneReports } from './pruning.js'
import { listRequested, produceRequested } from './requested.js'

export interface ReportingOptions {
  readonly db: Database
  readonly clock: Clock
  /** The prefix of this node. */
  readonly node: string
  readonly timeZone: string
  readonly stalenessBoundMs: number
  readonly findOperator: FindOperator
  /** Whether servers of enterprises are asked how they are. */
  readonly isProbing: boolean
  /** Without any, outages are noted and nothing is produced. */
  readonly destinations: readonly Destination[]
  readonly log: { info(message: string): void; warn(message: string): void; debug(message: string): void }
  readonly pace?: Pick<DeliverOptions, 'idleMs' | 'backOffMs' | 'maxBackOffMs'>
}

export interface Reporting {
  /** One round. Gives whether this process is the one that reports. Never throws: what fails is told. */
  tick(): Promise<boolean>
  /** From now on a round every few seconds, and deliveries. */
  start(): void
  stop(): Promise<void>
}

const TICK_MS = 5_000
const CHANGES_EVERY_MS = 30_000
const PRUNE_EVERY_MS = 3_600_000
/** Well within the lease, however long a collection takes. */
const RENEW_EVERY_MS = 10_000
const EVENTS_AT_A_TIME = 100

export function reporting(options: ReportingOptions): Reporting {
  const { db, clock, log } = options
  const holder = randomUUID()
  const stopping = new AbortController()
  const destinations = options.destinations.map(({ name }) => name)
  const producing: Producing = { db, clock, holder, destinations, stopping: stopping.signal }
  let isHolder = false
  let ticking: Promise<boolean> = Promise.resolve(false)
  let running: readonly Promise<void>[] = []
  let changesLookedAtMs = Number.NEGATIVE_INFINITY
  let prunedMs = Number.NEGATIVE_INFINITY

  const renew = () => takeLease(db, { holder, nowMs: clock.nowMs() })

  async function attempt(what: string, work: () => Promise<unknown>): Promise<boolean> {
    if (stopping.signal.aborted) return false
    try {
      await work()
      return true
    } catch (error) {
      if (!stopping.signal.aborted) log.warn(`Reports: ${what} failed and is tried again: ${messageOf(error)}`)
      return false
    }
  }

  async function round(beganMs: number): Promise<void> {
    await attempt('noting outages', () => noteOutages(db, clock.nowMs()))
    const { isProbing } = options
    await attempt('ending events', () => endUnwatched(db, { nowMs: clock.nowMs(), isProbing }))
    if (clock.monotonicMs() - prunedMs >= PRUNE_EVERY_MS) {
      prunedMs = clock.monotonicMs()
      await attempt('forgetting what is old', () => pruneReports(patient(db), clock.nowMs()))
    }
    if (options.destinations.length === 0) return
    const { node, timeZone, stalenessBoundMs } = options
    const operator = await options.findOperator()
    const about = { node, timeZone, stalenessBoundMs, operator, beganMs, nowMs: clock.nowMs() }
    const collecting = { ...about, db: patient(db) }
    await attempt('reporting events', () => reportEvents(producing, collecting))
    if (clock.monotonicMs() - changesLookedAtMs >= CHANGES_EVERY_MS) {
      changesLookedAtMs = clock.monotonicMs()
      for (const table of ON_CHANGE)
        await attempt(`the state ${table}`, () => reportChanged(producing, { table, collecting }))
    }
    // Periods of a table are made in order: behind one that fails the others wait.
    const failed = new Set<TableName>()
    for (const owed of await listOwed(db, { nowMs: clock.nowMs(), beganMs, timeZone })) {
      if (failed.has(owed.table)) continue
      const name = `${owed.table} of ${owed.period.key}`
      if (await attempt(name, () => produceOwed(producing, { ...owed, collecting })))
        log.info(`Reports: ${name} is made.`)
      else failed.add(owed.table)
    }
    for (const requested of await listRequested(db)) {
      const name = `collecting ${requested.table} of ${requested.period} anew`
      if (await attempt(name, () => produceRequested(producing, { requested, collecting }))) break
    }
  }

  /** Rounds follow each other: two at once would make the same reports. */
  function tick(): Promise<boolean> {
    ticking = ticking.then(turn)
    return ticking
  }

  async function turn(): Promise<boolean> {
    const renewing = setInterval(() => {
      if (isHolder) renew().catch((error: unknown) => log.debug(messageOf(error)))
    }, RENEW_EVERY_MS).unref()
    try {
      const held = await renew()
      isHolder = held !== undefined
      if (held !== undefined) await round(held.beganMs)
    } catch (error) {
      isHolder = false
      log.warn(`Reports wait: ${messageOf(error)}`)
    } finally {
      clearInterval(renewing)
    }
    return isHolder
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await tick()
      await pause(TICK_MS, undefined, { signal: stopping.signal, ref: false }).catch(endedEarly)
    }
  }

  return {
    tick,
    start() {
      const deliver = (destination: Destination) =>
        deliverUntil({ db, log, destination, mayDeliver: () => isHolder, ...options.pace }, stopping.signal)
      running = [run(), ...options.destinations.map(deliver)]
    },
    async stop() {
      stopping.abort()
      await Promise.all(running)
      // Without this the next process would wait for the lease to run out.
      await releaseLease(db, holder).catch((error: unknown) => log.debug(messageOf(error)))
    },
  }
}

type Kind = Exclude<TableName, 'event'>
type Ground = Omit<Collecting, 'period'>

const ON_CHANGE = TABLES.filter(
  (table) => table !== 'event' && !isPeriodic(REPORT_TABLES[table].cadence),
) as readonly Kind[]

function produceOwed(producing: Producing, { table, period, collecting }: Owed & { readonly collecting: Ground }) {
  const alongside = (tx: Parameters<typeof noteDone>[0]) => noteDone(tx, { table, period })
  return produce(producing, { table, period, collecting, collect: COLLECTORS[table as Kind], alongside })
}

function reportChanged(
  producing: Producing,
  { table, collecting }: { readonly table: Kind; readonly collecting: Ground },
) {
  const nowMs = producing.clock.nowMs()
  const period = { key: 'current', fromMs: nowMs, toMs: nowMs }
  return produceChanged(producing, { table, period, collecting, collect: COLLECTORS[table] })
}

async function reportEvents(producing: Producing, collecting: Ground): Promise<void> {
  const rows = await producing.db.query<EventRow>(
    // Noted since, too: of what began before, its end would be told alone.
    `select ${EVENT_COLUMNS} from monitor_event where (at >= $1 or noted_at >= $1) and not exists (
       select from report where table_name = 'event' and period = 'event-' || number and is_complete)
     order by number limit $2`,
    [new Date(collecting.beganMs), EVENTS_AT_A_TIME],
  )
  for (const row of rows) {
    const atMs = row.at.getTime()
    const period = { key: `event-${row.number}`, fromMs: atMs, toMs: atMs }
    await produce(producing, {
      table: 'event',
      period,
      collecting,
      collect: (_collecting, give) => give({ data: eventData(row) }),
    })
  }
}

function endedEarly(): void {
  // The pause was cut short because everything is being stopped.
}
