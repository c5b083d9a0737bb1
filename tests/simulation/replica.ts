/** One process of the node: the real modules of app.ts, wired as there, on simulated machinery. */
import type { Clock } from '../../src/platform/clock.js'
import type { RedisClient } from '../../src/platform/redis.js'
import { changeFollower } from '../../src/registry/change-follower.js'
import { registryLookup } from '../../src/registry/records.js'
import { currentRoutes } from '../../src/registry/routes.js'
import { findStalenessBounds, noteStalenessBound } from '../../src/registry/staleness-bounds.js'
import { visibleWaits } from '../../src/registry/visible-waits.js'
import { authorities, type Route, referOrRefuse } from '../../src/resolution/authorities.js'
import { askedAnew, withToken } from '../../src/resolution/catching-up.js'
import { type ChangeKnowledge, changeKnowledge } from '../../src/resolution/change-knowledge.js'
import { loadShedding } from '../../src/resolution/load-shedding.js'
import { memoryCached } from '../../src/resolution/memory-cached.js'
import { memoryStore } from '../../src/resolution/memory-store.js'
import { compose, type Resolve } from '../../src/resolution/resolve.js'
import { sharedStore } from '../../src/resolution/shared-cached.js'
import { singleFlight } from '../../src/resolution/single-flight.js'
import type { Write } from './ledger.js'
import type { Settings } from './settings.js'
import type { Change, SimulatedPostgres } from './simulated-postgres.js'
import type { Owner, VirtualTime } from './virtual-time.js'

export interface Replica extends Owner {
  readonly number: number
  readonly knowledge: ChangeKnowledge
  readonly resolve: Resolve
  /** Virtual milliseconds at which the process's own clock showed this; undefined when it was suspended since. */
  instantOf(wallMs: number): number | undefined
  start(): void
  stop(): Promise<void>
  /** Resolves with the writes once they are acknowledged, or show everywhere when it waits; undefined: rolled back. */
  write(changes: readonly Change[], waits: boolean): Promise<readonly Write[] | undefined>
  /** The same request again, with the receipt of the first time: resolves once the write shows everywhere. */
  repeat(write: Write): Promise<void>
  freeze(forMs: number): void
  suspend(forMs: number): void
  stepWallClock(byMs: number): void
}

export interface ReplicaParts {
  readonly number: number
  readonly time: VirtualTime
  readonly postgres: SimulatedPostgres
  readonly redis: RedisClient | undefined
  readonly settings: Settings
}

const MAC_KEY = Buffer.alloc(32, 7)
const WALL_START_MS = 1_800_000_000_000
const MAX_STALE_SECONDS = 60
const SILENT = { info: () => undefined, warn: () => undefined }

export function replica(parts: ReplicaParts): Replica {
  const { number, time, postgres, settings } = parts
  const boundMs = settings.boundsMs[number]!
  const owner: Owner = { frozenUntilMs: 0 }
  const clock = ownClock(time, number)
  const knowledge = changeKnowledge({ ...settings, clock, boundMs })
  const waits = visibleWaits({ clock, knowledge, boundMs, findBounds: () => findStalenessBounds(postgres.db) })
  const follower = changeFollower({
    connect: postgres.db.connect,
    knowledge,
    clock,
    intervalMs: settings.pollIntervalMs,
    log: SILENT,
  })
  const { resolve, forget } = chainOf(parts, { clock, knowledge, boundMs, catchUp: () => follower.catchUp() })

  async function commit(changes: readonly Change[]): Promise<readonly Write[] | undefined> {
    const writes = await postgres.write(changes, number)
    if (writes === undefined) return undefined
    const keys = writes.map(({ key }) => key)
    knowledge.noteOwnWrite({ keys, versions: writes.map(({ version }) => version), xid: writes[0]!.xid })
    forget(keys.filter((key) => key.startsWith('i:')).map((key) => key.slice(2)))
    follower.wake()
    for (const write of writes) write.acknowledgedAtMs = time.nowMs()
    return writes
  }

  async function noteBound(): Promise<void> {
    await noteStalenessBound(postgres.db, boundMs).catch(noteBound)
  }

  // Owner is looked up by identity: the replica is its own.
  return Object.assign(owner, {
    number,
    knowledge,
    resolve,
    instantOf: clock.instantOf,
    start: () => void noteBound().then(() => follower.start()),
    stop: () => follower.stop(),
    async write(changes: readonly Change[], isToWait: boolean) {
      const place = isToWait ? waits.takePlace() : undefined
      try {
        const writes = await commit(changes)
        if (place === undefined || writes === undefined) return writes
        await place.untilVisible(writes[0]!.xid)
        for (const write of writes) write.visibleAtMs = time.nowMs()
        return writes
      } finally {
        place?.leave()
      }
    },
    async repeat(write: Write) {
      const place = waits.takePlace()
      try {
        if ((await postgres.receiptOf(write)) === undefined) return
        await place.untilVisible(write.xid)
        write.visibleAtMs = Math.min(write.visibleAtMs, time.nowMs())
      } finally {
        place.leave()
      }
    },
    freeze: (forMs: number) => time.freeze(owner, forMs),
    suspend(forMs: number) {
      time.suspend(owner, forMs)
      clock.suspend(forMs)
    },
    stepWallClock: clock.stepWall,
  })
}

interface Own {
  readonly clock: Clock
  readonly knowledge: ChangeKnowledge
  readonly catchUp: () => Promise<void>
  readonly boundMs: number
}

function chainOf(parts: ReplicaParts, own: Own) {
  const { clock, knowledge, catchUp, boundMs } = own
  const { postgres, redis, settings } = parts
  const mark = () => knowledge.mark
  const policy = { knowledge, clock, maxStaleSeconds: MAX_STALE_SECONDS }
  const shared =
    redis && sharedStore({ ...policy, redis, macKey: MAC_KEY, keepMs: 60_000, onRejected: () => undefined })
  const routes = currentRoutes({
    load: async () => routesOf(await postgres.loadPrefixes()),
    knowledge,
    clock,
    maxAgeMs: boundMs / 2,
  })
  const layers = [
    withToken({ knowledge, catchUp }),
    memoryCached({ ...policy, store: memoryStore(settings.memoryBytes) }),
    askedAnew({ catchUp }),
    referOrRefuse({ routes, mark }),
    singleFlight(clock, boundMs / 2, knowledge),
    ...(shared ? [shared.layer] : []),
    loadShedding(200),
  ]
  const source = authorities({ routes, registry: registryLookup(postgres.db, mark, clock), mark })
  return { resolve: compose(layers, source), forget: (keys: readonly string[]) => shared?.forget(keys) }
}

function routesOf(prefixes: readonly Write[]): ReadonlyMap<string, Route> {
  return new Map(
    prefixes.map(({ key, kind }) => {
      const prefix = key.slice(2)
      return [prefix, { prefix, state: kind === 'suspended' ? 'suspended' : 'active' }]
    }),
  )
}

/** Monotonic time of its own beginning, which stands still while the machine is suspended, and a wall clock that may be set. */
function ownClock(time: VirtualTime, number: number) {
  const startMs = 1_000 * (number + 1)
  let suspendedMs = 0
  let wallAheadMs = WALL_START_MS
  return {
    monotonicMs: () => startMs + time.nowMs() - suspendedMs,
    nowMs: () => wallAheadMs + time.nowMs(),
    instantOf: (wallMs: number) => (suspendedMs > 0 ? undefined : wallMs - wallAheadMs),
    suspend(forMs: number) {
      suspendedMs += forMs
    },
    stepWall(byMs: number) {
      wallAheadMs += byMs
    },
  } satisfies Clock & Record<string, unknown>
}
