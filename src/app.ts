/** The composition root: makes one running node of the parts. Only main.ts and tests import it. */
import { randomUUID } from 'node:crypto'
import { type LoadedDemo, loadDemo } from './demo/load.js'
import { type Core, type DoorParts, doorsOf, isReady, listen, type Membership, requireFreePorts } from './doors.js'
import { type Federation, federation } from './federation/federation.js'
import { parentKeyIn } from './federation/parent-key.js'
import type { KnownPeer } from './federation/peers.js'
import { sweepDelegates } from './federation/upward/delegate-sweep.js'
import { startUpward, upwardDuty } from './federation/upward/start.js'
import type { Snapshot } from './observability/machine-metrics.js'
import { nodeMetrics } from './observability/metrics.js'
import { trafficMeter } from './observability/traffic.js'
import {
  type OpenedDatabase,
  type OpenedRedis,
  type Opening,
  openConfiguredDatabase,
  openConfiguredRedis,
  untilAvailable,
} from './platform/backing-services.js'
import { systemClock as clock } from './platform/clock.js'
import type { Config } from './platform/config.js'
import { type Lifecycle, lifecycle } from './platform/lifecycle.js'
import type { Logger } from './platform/logger.js'
import { loopDelay } from './platform/loop-delay.js'
import { migrate } from './platform/migrate.js'
import type { Database } from './platform/postgres.js'
import type { HandlePorts, OpenPorts } from './protocols/handle/own-site.js'
import { signerWith } from './protocols/handle/protection.js'
import { locationsOf } from './record/service.js'
import { acknowledgedWaits, findSettledTransaction } from './registry/acknowledged-waits.js'
import { ensureAdminKey } from './registry/api-keys.js'
import { changeAnnouncer } from './registry/change-announcer.js'
import { changeFollower } from './registry/change-follower.js'
import { joinWrites } from './registry/join-writes.js'
import { startMaintenance } from './registry/maintenance.js'
import { currentNodeSite, type NodeSite } from './registry/node-site.js'
import { configuredSigningKey, parentService, settleOwnSite } from './registry/own-site.js'
import { loadRoutes } from './registry/prefixes.js'
import { upwardPropagation } from './registry/propagation.js'
import { watchPropagation } from './registry/propagation-watch.js'
import { registryLookup } from './registry/records.js'
import type { Registry } from './registry/registry.js'
import { holdsBy, settleRole } from './registry/role.js'
import { currentRoutes, lastKnownRoutes, type Routes } from './registry/routes.js'
import { nodeSecret } from './registry/secrets.js'
import { findStalenessBounds, noteStalenessBound } from './registry/staleness-bounds.js'
import { visibleWaits } from './registry/visible-waits.js'
import { startReporting } from './reporting/start.js'
import { serviceMinutes } from './reporting/traffic/service-minutes.js'
import { trafficStore } from './reporting/traffic/traffic-store.js'
import { probeMeter } from './reporting/watch/probe-meter.js'
import { authorities, referOrRefuse } from './resolution/authorities.js'
import { askedAnew, withToken } from './resolution/catching-up.js'
import { changeKnowledge } from './resolution/change-knowledge.js'
import { nameIn } from './resolution/feed-spaces.js'
import { loadShedding, refuseWhenBehind } from './resolution/load-shedding.js'
import { measured } from './resolution/measured.js'
import { memoryCached } from './resolution/memory-cached.js'
import { memoryStore } from './resolution/memory-store.js'
import { compose, type Resolve } from './resolution/resolve.js'
import { type SharedStore, sharedStore } from './resolution/shared-cached.js'
import { singleFlight } from './resolution/single-flight.js'
import { writeTokens } from './resolution/write-token.js'

export interface RunningNode {
  /** Where it listens, such as `http://127.0.0.1:8080`; empty where its supervisor does. */
  readonly url: string
  /** Of the Handle System's protocols, where its supervisor does not listen for it. */
  readonly handle: HandlePorts
  readonly database: Omit<OpenedDatabase, 'db'>
  readonly redis: OpenedRedis['kind']
  readonly demo: LoadedDemo | undefined
  /** Whether it knows of all changes: only then does it answer from its caches. */
  isFresh(): boolean
  metrics(): Promise<Snapshot>
  /** Other nodes, as this process knows them. */
  peers(): readonly KnownPeer[]
  stop(): Promise<void>
}

export interface StartOptions {
  readonly life?: Lifecycle
  /** Told at once of an administrator's key that this start generated: it is kept nowhere, whatever happens next. */
  readonly onAdminKey?: (apiKey: string) => void
  /** Absent: the node is alone on its machine, and does itself what must be done once. */
  readonly membership?: Membership
}

/** Entries in Redis that nobody asks for any more go after this; validity is the change feed's business. */
const SHARED_KEEP_MS = 24 * 3_600_000
const MAX_WAITING_LOOKUPS = 8_192

/** @throws NodeError whatever keeps the node from starting; what was started before that is stopped again */
export async function startNode(config: Config, log: Logger, options: StartOptions = {}): Promise<RunningNode> {
  const { life = lifecycle(log) } = options
  try {
    return await start(config, log, { ...options, life })
  } catch (error) {
    await life.stop()
    throw error
  }
}

async function start(
  config: Config,
  log: Logger,
  options: StartOptions & { readonly life: Lifecycle },
): Promise<RunningNode> {
  const { life, membership } = options
  const isAlone = membership === undefined
  if (isAlone) await requireFreePorts(config)
  const opening = { config, life, log, kinds: membership?.kinds }
  const [database, redis] = await Promise.all([openConfiguredDatabase(opening), openConfiguredRedis(opening)])
  const { db } = database
  const applied = await untilAvailable(log, () => migrate(db))
  if (applied.length > 0) log.info(`Migrated the database: ${applied.join(', ')}`)

  const loop = await life.start('loop delay', () => loopDelay(clock), { stop: (it) => it.stop() })
  const core = coreOf({ config, log, database, redis, membership, loop })
  const { knowledge } = core
  // Before the first poll: staleness-bounds.ts says why.
  await untilAvailable(log, () => noteStalenessBound(db, config.stalenessBoundMs))
  const self = randomUUID()
  const announcer = changeAnnouncer({ db, clock, self })
  const following = { connect: db.connect, knowledge, clock, intervalMs: config.pollIntervalMs, self, log }
  const follower = changeFollower(following)
  await life.start('change follower', () => follower.start(), { stop: () => follower.stop() })

  const shared = await untilAvailable(log, () => sharedStoreOf(core))
  // Absent where a supervisor tells the node above, which finds what is new by itself.
  let wakeUpward: (() => void) | undefined
  const registry: Registry = joinWrites({
    db,
    clock,
    holds: holdsBy(config),
    registered: core.traffic.registered,
    committed: (change) => {
      knowledge.noteOwnWrite(change)
      shared?.forget(change.keys.flatMap((key) => nameIn('identifier', key) ?? []))
      follower.wake()
      announcer.announce()
      wakeUpward?.()
    },
  })
  const demo = isAlone ? await equip(registry, { ...options, config, log }) : undefined
  const maxAgeMs = config.stalenessBoundMs / 2
  const routes = currentRoutes({ load: () => loadRoutes(db), knowledge, clock, maxAgeMs })
  const doorRoutes = lastKnownRoutes(routes)
  // Once at hand, the table still says who may see what of an answer while the database is away.
  await untilAvailable(log, async () => doorRoutes())
  const catchUp = () => follower.catchUp()
  const nodeSite = await untilAvailable(log, () => currentNodeSite(db, knowledge))
  const others = await untilAvailable(log, () => othersOf(core, routes, nodeSite))
  await life.start('other nodes', () => others.start(), { stop: () => others.stop() })
  const resolve = chainOf(core, { shared, routes, catchUp, others })
  const findBounds = () => findStalenessBounds(db)
  const waits = visibleWaits({ clock, knowledge, boundMs: config.stalenessBoundMs, findBounds })
  const tokens = writeTokens({ knowledge, catchUp })
  await count(core, life)
  const upward = await upwardOf(core, life)
  const ports: OpenPorts = { ...membership?.handle }
  const { privateKey } = await untilAvailable(log, () => configuredSigningKey(db, config))
  const signer = signerWith(privateKey)
  const sessionKey = await untilAvailable(log, () => nodeSecret(db, 'handle-http-sessions'))
  const doors = doorsOf(core, {
    registry,
    resolve,
    routes: doorRoutes,
    waits,
    tokens,
    ports,
    nodeSite,
    signer,
    sessionKey,
    peers: membership?.peers ?? (async () => others.peers()),
    resolveForeign: others.resolveForeign,
    ...(upward && { upward }),
  })
  const drainMs = config.drainSeconds * 1000
  const url = await life.start('doors', () => listen(doors, core, ports), {
    stop: () => doors.close(drainMs),
    stopWithinMs: drainMs + 2_000,
  })
  if (isAlone) await tellWhere(registry, { config, log, ports })
  const drainWaits = () => {
    waits.drain(drainMs)
    upward?.waits.drain(drainMs)
  }
  await life.start('waiting writes', () => waits, { stop: drainWaits })
  if (isAlone) await maintain({ config, log, life, db })
  if (isAlone) wakeUpward = await untilAvailable(log, () => startUpward({ config, db, clock, log, life }))

  const { kind, version } = database
  return {
    url,
    handle: ports,
    database: { kind, version },
    redis: redis.kind,
    demo,
    isFresh: () => knowledge.isFresh(),
    metrics: core.metrics.snapshot,
    peers: others.peers,
    stop: () => life.stop(),
  }
}

/**
 * What every database needs once before it is served: an administrator, what the node's role holds, and the demonstration
 * where it is wanted.
 */
export async function equip(
  registry: Registry,
  { config, log, onAdminKey }: Pick<StartOptions, 'onAdminKey'> & { readonly config: Config; readonly log: Logger },
): Promise<LoadedDemo | undefined> {
  const newAdminKey = await untilAvailable(log, () => ensureAdminKey(registry.db, config.adminKey))
  if (newAdminKey !== undefined) onAdminKey?.(newAdminKey)
  await untilAvailable(log, () => settleRole(registry, config))
  return config.demo ? untilAvailable(log, () => loadDemo(registry)) : undefined
}

/** Once the doors of the Handle System are open: where they are goes into the records of this node's prefixes. */
export async function tellWhere(
  registry: Registry,
  { config, log, ports }: { readonly config: Config; readonly log: Logger; readonly ports: HandlePorts },
): Promise<void> {
  const { port: nativePort, httpPort } = ports
  const isPartial = [
    [config.handlePort, nativePort],
    [config.handleHttpPort, httpPort],
  ].some(([wanted, open]) => wanted !== 'none' && open === undefined)
  const site = { nativePort, httpPort, isTls: config.handleTlsCert !== undefined, isPartial }
  await untilAvailable(log, () => settleOwnSite(registry, { config, ports: site, log }))
}

export async function maintain({ config, log, life, db }: Omit<Opening, 'kinds'> & { readonly db: Database }) {
  const { feedRetentionHours, stalenessBoundMs } = config
  const others = { 'identifiers of former histories': sweepDelegates }
  await life.start('maintenance', () => startMaintenance({ db, feedRetentionHours, stalenessBoundMs, others, log }), {
    stop: (stop) => stop(),
  })
  await startReporting({ config, db, clock, log, life })
}

/** Stores what is counted of the traffic, until after the doors are closed. */
async function count(core: Core, life: Lifecycle): Promise<void> {
  const { database, traffic, probes, log } = core
  const service = serviceMinutes({ clock, isReady: () => isReady(core) })
  const storing = { db: database.db, meter: traffic, service, probes, log }
  await life.start('traffic counts', () => trafficStore(storing), {
    stop: async (store) => {
      service.stop()
      await store.stop()
    },
  })
}

/** What this process knows of the telling upward; whichever process does it. */
async function upwardOf(
  { config, database: { db }, metrics, log }: Core,
  life: Lifecycle,
): Promise<DoorParts['upward']> {
  if (upwardDuty(config) === undefined) return undefined
  const watch = await life.start('propagation', () => watchPropagation(db, log), { stop: (it) => it.stop() })
  const status = () => watch.latest()
  metrics.watchUpward(() => {
    const latest = status()
    return latest && { ...latest, isFailing: latest.failing !== undefined }
  })
  const waits = acknowledgedWaits({ clock, findSettled: () => findSettledTransaction(db) })
  return { propagation: upwardPropagation(db), waits, status }
}

function coreOf(parts: Omit<Core, 'knowledge' | 'memory' | 'metrics' | 'traffic' | 'probes'>): Core {
  const { config, redis } = parts
  const knowledge = changeKnowledge({ clock, boundMs: config.stalenessBoundMs })
  const memory = memoryStore(config.memoryCacheBytes)
  const metrics = nodeMetrics(() => ({
    feedAgeMs: knowledge.ageMs(),
    feedIsFresh: knowledge.isFresh(),
    memory: memory.usage(),
    backing: { database: parts.database.kind, redis: redis.kind },
    ...(redis.client ? { redisIsUp: redis.client.isUp() } : {}),
  }))
  return { ...parts, knowledge, memory, metrics, traffic: trafficMeter(clock), probes: probeMeter() }
}

async function sharedStoreOf({ config, database, redis, knowledge, metrics }: Core): Promise<SharedStore | undefined> {
  if (redis.client === undefined) return undefined
  return sharedStore({
    redis: redis.client,
    knowledge,
    clock,
    maxStaleSeconds: config.maxStaleSeconds,
    macKey: await nodeSecret(database.db, 'redis-mac', config.cacheMacKey),
    keepMs: SHARED_KEEP_MS,
    onRejected: metrics.redisRejected,
  })
}

/** The other nodes, as this one knows them. */
async function othersOf(
  { config, database, log, metrics, probes }: Core,
  routes: Routes,
  nodeSite: () => NodeSite,
): Promise<Federation> {
  const parentKey = await parentKeyIn(config.parentPublicKey)
  // Kept in the database: the same on all replicas, and nobody else's.
  const self = (await nodeSecret(database.db, 'node-name')).toString('hex').slice(0, NODE_NAME_LENGTH)
  const ownPlaces = () =>
    locationsOf({ handle: '', sites: nodeSite().sites }).map(({ address, port }) => ({ host: address, port }))
  const others = federation({ config, parentKey, routes, clock, log, self, ownPlaces, onProbed: probes.note })
  metrics.watchPeers(() => ({ peers: others.peers(), usage: others.usage() }))
  return others
}

const NODE_NAME_LENGTH = 16

interface ChainParts {
  readonly shared: SharedStore | undefined
  readonly routes: Routes
  readonly catchUp: () => Promise<void>
  readonly others: Federation
}

function chainOf(core: Core, parts: ChainParts): Resolve {
  const { catchUp } = parts
  const { config, database, knowledge, memory, metrics } = core
  const mark = () => knowledge.mark
  const stalePolicy = { knowledge, clock, maxStaleSeconds: config.maxStaleSeconds }
  const routing = { routes: parts.routes, mark, parent: parentService(config) }
  const layers = [
    measured({ lookups: metrics.lookups, traffic: core.traffic }, clock),
    withToken({ knowledge, catchUp }),
    ...(config.memoryCacheBytes > 0 ? [memoryCached({ ...stalePolicy, store: memory })] : []),
    refuseWhenBehind(core.loop.isOverloaded),
    askedAnew({ catchUp }),
    parts.others.layer,
    referOrRefuse(routing),
    // Half the bound: the other half is the routes', which a flight may have found that old.
    singleFlight(clock, config.stalenessBoundMs / 2, knowledge),
    ...(parts.shared ? [parts.shared.layer] : []),
    loadShedding(MAX_WAITING_LOOKUPS),
  ]
  const registry = registryLookup(database.db, mark, clock)
  return compose(layers, authorities({ ...routing, registry }))
}
