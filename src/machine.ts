/**
 * A node of several worker processes behind one port (JIEXI_WORKERS). This process, their supervisor, answers no request.
 * It owns what there must be once: the embedded servers, the migrations, the administrator's key, the demonstration, the
 * maintenance, and the sum of the metrics. Each worker is a whole node over the same Postgres and the same Redis.
 */
import type { Socket } from 'node:net'
import path from 'node:path'
import { equip, maintain, tellWhere } from './app.js'
import type { LoadedDemo } from './demo/load.js'
import { handlePortsWanted, requireFreePorts } from './doors.js'
import { joinedPeers } from './federation/joined-peers.js'
import type { KnownPeer } from './federation/peers.js'
import { startUpward } from './federation/upward/start.js'
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
import { urlOf } from './platform/free-port.js'
import { type FrontDoor, frontDoor } from './platform/front-door.js'
import type { Lifecycle } from './platform/lifecycle.js'
import type { Logger } from './platform/logger.js'
import { migrate } from './platform/migrate.js'
import { type Supervisor, supervisor } from './platform/supervisor.js'
import { openWanted } from './platform/usual-port.js'
import type { DoorName, Parcel } from './platform/worker-messages.js'
import { launchWorker, type WorkerProcess } from './platform/worker-process.js'
import type { HandlePorts, OpenPorts } from './protocols/handle/own-site.js'
import type { Assignment } from './worker.js'

export interface RunningMachine {
  readonly url: string
  readonly handle: HandlePorts
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
/** For migrations, the demonstration, the maintenance, and reporting, which reads a day while it stores what it has read. */
const OWN_CONNECTIONS = 6
/** A start waits for the database for a minute at a time. */
const READY_WITHIN_MS = 120_000
const REPLY_WITHIN_MS = 1_000
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
  await requireFreePorts(config)
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
  await untilAvailable(log, () => startUpward({ ...opening, db, clock }))

  const shared: Config = {
    ...config,
    databaseUrl: located.url,
    redisUrl: redis.url ?? 'none',
    memoryCacheBytes: Math.floor(config.memoryCacheBytes / config.workers),
  }
  const handle: OpenPorts = {}
  const { workers, doors } = supervised({ config: shared, kinds, handle }, log, options)
  await life.start('workers', () => workers, {
    stop: (them) => them.stop(),
    stopWithinMs: drainWithinMs(config) + AFTER_DRAIN_MS,
  })
  // Workers are told of these ports; who comes before they serve waits for them.
  await life.start('Handle doors', () => openHandleDoors(doors, handle, { config, log }), {
    stop: () => {
      doors.handle.close()
      doors['handle-http'].close()
    },
  })
  await tellWhere(registry, { config, log, ports: handle })
  await workers.start()
  const address = await life.start('front door', () => doors.http.open(config), { stop: () => doors.http.close() })
  return { url: urlOf(address), handle, database: { kind, version }, redis: redis.kind, demo, roll: workers.roll }
}

type FrontDoors = Readonly<Record<DoorName, FrontDoor>>

async function openHandleDoors(
  doors: FrontDoors,
  ports: OpenPorts,
  { config, log }: { readonly config: Config; readonly log: Logger },
): Promise<void> {
  const { host } = config
  const { native, http } = handlePortsWanted(config)
  const opened = await openWanted(native, log, (port) =>
    doors.handle.open({ host, port }, { withDatagrams: true, setting: native.setting }),
  )
  if (opened) ports.port = opened.port
  const overHttp = await openWanted(http, log, (port) =>
    doors['handle-http'].open({ host, port }, { setting: http.setting }),
  )
  if (overHttp) ports.httpPort = overHttp.port
}

function supervised(
  assignment: Assignment,
  log: Logger,
  { onGivenUp }: MachineOptions,
): { readonly workers: Supervisor; readonly doors: FrontDoors } {
  const { config } = assignment
  const metrics = machineMetrics(() => {
    const { up, wanted } = workers.count()
    return { workersUp: up, workersWanted: wanted, workersLost: workers.lost() }
  })
  const metricsText = async () => {
    const asked = workers.serving().map(async (worker) => ({
      processId: worker.pid,
      worker: String(worker.slot),
      snapshot: (await worker.ask('metrics', REPLY_WITHIN_MS)) as Snapshot | undefined,
    }))
    return metrics.text(await Promise.all(asked))
  }
  const peers = async () => {
    const asked = workers.serving().map((worker) => worker.ask('peers', REPLY_WITHIN_MS))
    return joinedPeers((await Promise.all(asked)).flatMap((known) => (known ? [known as readonly KnownPeer[]] : [])))
  }
  const serving = () => workers.serving()
  const doors: FrontDoors = {
    http: frontDoor(serving, 'http'),
    handle: frontDoor(serving, 'handle'),
    'handle-http': frontDoor(serving, 'handle-http'),
  }
  const onServing = (worker: WorkerProcess) => {
    for (const socket of doors.handle.datagrams()) worker.share(socket)
    for (const door of Object.values(doors)) door.retry()
  }
  const launching = {
    program: WORKER_PROGRAM,
    assignment,
    readyWithinMs: READY_WITHIN_MS,
    onReturned: (connection: Socket, door: DoorName) => doors[door].give(connection),
    onParcel: ({ to, content }: Parcel) =>
      serving()
        .find(({ slot }) => slot === to)
        ?.deliver(content),
    onReply: ({ pid }: WorkerProcess, { topic, value }: { readonly topic: string; readonly value: unknown }) => {
      if (topic === 'metrics') metrics.heard(pid, value as Snapshot)
    },
    onLast: ({ pid }: WorkerProcess, snapshot: unknown) => metrics.heard(pid, snapshot as Snapshot),
    report: (topic: string): Promise<unknown> => (topic === 'peers' ? peers() : metricsText()),
  }
  const workers = supervisor({
    workers: config.workers,
    launch: (slot) => launchWorker(slot, launching),
    drainWithinMs: drainWithinMs(config),
    log,
    onGivenUp,
    onServing,
    onExit: ({ pid }) => metrics.ended(pid),
  })
  return { workers, doors }
}

/** After this a worker that should have drained is ended. */
function drainWithinMs({ drainSeconds }: Config): number {
  return drainSeconds * 1000 + AFTER_DRAIN_MS
}
