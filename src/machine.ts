/**
 * A node of several worker processes behind one port (JIEXI_WORKERS). This process, their supervisor, answers no request.
 * It owns what there must be once: the embedded servers, the migrations, the administrator's key, the demonstration, the
 * maintenance, and the sum of the metrics. Each worker is a whole node over the same Postgres and the same Redis.
 */
import path from 'node:path'
import { equip, maintain } from './app.js'
import type { LoadedDemo } from './demo/load.js'
import { machineMetrics, type Snapshot } from './observability/machine-metrics.js'
import {
  type BackingKinds,
  locateDatabase,
  locateRedis,
  type OpenedDatabase,
  openConfiguredDatabase,
  untilAvailable,
} from './platform/backing-services.js'
import { systemClock as clock } from './platform/clock.js'
import type { Config } from './platform/config.js'
import type { NodeError } from './platform/errors.js'
import { requireFreePort, urlOf } from './platform/free-port.js'
import { type FrontDoor, frontDoor } from './platform/front-door.js'
import type { Lifecycle } from './platform/lifecycle.js'
import type { Logger } from './platform/logger.js'
import { migrate } from './platform/migrate.js'
import { type Supervisor, supervisor } from './platform/supervisor.js'
import { launchWorker } from './platform/worker-process.js'
import type { Assignment } from './worker.js'

export interface RunningMachine {
  readonly url: string
  readonly database: Omit<OpenedDatabase, 'db'>
  readonly redis: BackingKinds['redis']
  readonly demo: LoadedDemo | undefined
  /** Replaces the workers one by one, without failing a request. */
  roll(): Promise<void>
}

export interface MachineOptions {
  readonly life: Lifecycle
  readonly onAdminKey: (apiKey: string) => void
  /** The workers cannot be kept up any more. */
  readonly onGivenUp: (reason: NodeError) => void
}

/** In the same form as this program: compiled, or TypeScript under a loader. */
const WORKER_PROGRAM = path.join(import.meta.dirname, `worker${path.extname(import.meta.filename)}`)
/** For migrations, the demonstration and the maintenance. */
const OWN_CONNECTIONS = 2
/** A start waits for the database for a minute at a time. */
const READY_WITHIN_MS = 120_000
const SNAPSHOT_WITHIN_MS = 1_000
/** What a worker closes after its last connection, and what it tells its supervisor. */
const AFTER_DRAIN_MS = 5_000

/** @throws NodeError whatever keeps the node from starting; what was started before that is stopped again */
export async function startMachine(config: Config, log: Logger, options: MachineOptions): Promise<RunningMachine> {
  try {
    return await start(config, log, options)
  } catch (error) {
    await options.life.stop()
    throw error
  }
}

async function start(config: Config, log: Logger, options: MachineOptions): Promise<RunningMachine> {
  const { life } = options
  await requireFreePort(config)
  const opening = { config, life, log }
  const [located, redis] = await Promise.all([locateDatabase(opening), locateRedis(opening)])
  const kinds = { database: located.kind, redis: redis.kind }
  const own = { ...config, databaseUrl: located.url, databaseConnections: OWN_CONNECTIONS }
  const { db, version, kind } = await openConfiguredDatabase({ ...opening, config: own, kinds })
  const applied = await untilAvailable(log, () => migrate(db))
  if (applied.length > 0) log.info(`Migrated the database: ${applied.join(', ')}`)
  const registry = { db, clock, committed: () => undefined }
  const demo = await equip(registry, { ...options, config, log })
  await maintain({ ...opening, db })

  const shared: Config = {
    ...config,
    databaseUrl: located.url,
    redisUrl: redis.url ?? 'none',
    memoryCacheBytes: Math.floor(config.memoryCacheBytes / config.workers),
  }
  const { workers, door } = supervised({ config: shared, kinds }, log, options)
  await life.start('workers', () => workers, {
    stop: (them) => them.stop(),
    stopWithinMs: drainWithinMs(config) + AFTER_DRAIN_MS,
  })
  await workers.start()
  const address = await life.start('front door', () => door.open(config), { stop: () => door.close() })
  return { url: urlOf(address), database: { kind, version }, redis: redis.kind, demo, roll: workers.roll }
}

function supervised(
  assignment: Assignment,
  log: Logger,
  { onGivenUp }: MachineOptions,
): { readonly workers: Supervisor; readonly door: FrontDoor } {
  const { config } = assignment
  const metrics = machineMetrics(() => {
    const { up, wanted } = workers.count()
    return { workersUp: up, workersWanted: wanted, workersLost: workers.lost() }
  })
  const report = async () => {
    const asked = workers.serving().map(async (worker) => ({
      processId: worker.pid,
      worker: String(worker.slot),
      snapshot: (await worker.snapshot(SNAPSHOT_WITHIN_MS)) as Snapshot | undefined,
    }))
    return metrics.text(await Promise.all(asked))
  }
  const door = frontDoor(() => workers.serving())
  const launching = {
    program: WORKER_PROGRAM,
    assignment,
    readyWithinMs: READY_WITHIN_MS,
    onReturned: door.give,
    onSnapshot: ({ pid }: { readonly pid: number }, snapshot: unknown) => metrics.heard(pid, snapshot as Snapshot),
    report,
  }
  const workers = supervisor({
    workers: config.workers,
    launch: (slot) => launchWorker(slot, launching),
    drainWithinMs: drainWithinMs(config),
    log,
    onGivenUp,
    onServing: door.retry,
    onExit: ({ pid }) => metrics.ended(pid),
  })
  return { workers, door }
}

/** After this a worker that should have drained is ended. */
function drainWithinMs({ drainSeconds }: Config): number {
  return drainSeconds * 1000 + AFTER_DRAIN_MS
}
