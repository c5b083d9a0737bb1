/** Processes of one node that watch the same servers of enterprises, on a real registry; what their probes find is scripted. */
import { trafficMeter } from '../../src/observability/traffic.js'
import type { Database } from '../../src/platform/postgres.js'
import { HandleFault } from '../../src/protocols/handle/client/faults.js'
import { serviceMinutes } from '../../src/reporting/traffic/service-minutes.js'
import { trafficStore } from '../../src/reporting/traffic/traffic-store.js'
import { probeMeter } from '../../src/reporting/watch/probe-meter.js'
import { type RegistryFixture, registryFixture } from '../registry/fixture.js'
import { manualClock } from '../support/manual-clock.js'

const HOUR_MS = 3_600_000
/** Two days ago: the lease goes by the database's clock, and all that is found is in its past. */
export const START_MS = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 48 * HOUR_MS

export interface Process {
  /** One probe each, `everyMs` apart: a time in milliseconds, or why there is no answer. */
  find(outcomes: readonly (number | string | Error)[], of?: { prefix?: string; everyMs?: number }): void
  store(): Promise<void>
  /** As its node does: what is left is stored, and the watch given back. */
  stop(): Promise<void>
}

export interface WatchFixture extends RegistryFixture {
  readonly clock: ReturnType<typeof manualClock>
  process(db?: Database): Process
  events(): Promise<readonly EventSeen[]>
  counted(prefix?: string): Promise<{ readonly probes: number; readonly answered: number }>
}

export interface EventSeen {
  readonly number: number
  readonly subject: string
  readonly prefix: string
  readonly state: string
  readonly ends: number | null
  readonly second: number
  readonly cause: string
  readonly type: number
}

/** The servers of 88.118.8 (of acme) and 88.118.9 (of globex) are their own. */
export async function watchFixture(): Promise<WatchFixture> {
  const registry = await registryFixture()
  const clock = manualClock(START_MS)
  const { db } = registry
  await selfBuilt(db, '88.118.8', '88.118.9')
  return {
    ...registry,
    clock,
    process(on = db) {
      const probes = probeMeter()
      const service = serviceMinutes({ clock, isReady: () => true, isTimed: false })
      const log = { debug: () => undefined }
      const store = trafficStore({
        db: on,
        meter: trafficMeter(clock),
        service,
        probes,
        log,
        intervalMs: 3_600_000,
      })
      return {
        find(outcomes, { prefix = '88.118.8', everyMs = 30_000 } = {}) {
          for (const outcome of outcomes) {
            const probed =
              typeof outcome === 'number'
                ? ({ isUp: true, tookMs: outcome } as const)
                : ({ isUp: false, error: typeof outcome === 'string' ? lost(outcome) : outcome } as const)
            probes.note({ prefix, atMs: clock.nowMs(), probed })
            clock.advanceMs(everyMs)
          }
        },
        store: () => store.flush(),
        stop: () => store.stop(),
      }
    },
    events: () =>
      db.query<EventSeen>(
        `select number, subject, prefix, state, ends, cause, type, extract(epoch from at - $1)::bigint as second
         from monitor_event order by number`,
        [new Date(START_MS)],
      ),
    async counted(prefix = '88.118.8') {
      const [row] = await db.query<{ probes: number; answered: number }>(
        `select coalesce(sum(probes), 0)::bigint as probes, coalesce(sum(answered), 0)::bigint as answered
         from node_probe_hour where prefix = $1`,
        [prefix],
      )
      return row!
    },
  }
}

export async function selfBuilt(db: Database, ...prefixes: readonly string[]): Promise<void> {
  await db.query(`update prefix set service = 'self-built', sites = '{"\\\\x00"}' where name = any($1::text[])`, [
    prefixes,
  ])
}

export async function hosted(db: Database, prefix: string): Promise<void> {
  await db.query(`update prefix set service = 'hosted', sites = '{}' where name = $1`, [prefix])
}

function lost(why: string): HandleFault {
  return new HandleFault('timed-out', why)
}
