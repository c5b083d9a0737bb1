/** The composition root: makes one running node of the parts. Only main.ts and tests import it. */
import { randomUUID } from 'node:crypto'
import type { Socket as DatagramSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { type LoadedDemo, loadDemo } from './demo/load.js'
import { DEMO_SAMPLES } from './demo/samples.js'
import type { Snapshot } from './observability/machine-metrics.js'
import { type NodeMetrics, nodeMetrics } from './observability/metrics.js'
import {
  type BackingKinds,
  type OpenedDatabase,
  type OpenedRedis,
  type Opening,
  openConfiguredDatabase,
  openConfiguredRedis,
  untilAvailable,
} from './platform/backing-services.js'
import { systemClock as clock } from './platform/clock.js'
import type { Config } from './platform/config.js'
import { type Entrance, openEntrance } from './platform/entrance.js'
import { messageOf, NodeError } from './platform/errors.js'
import { requireFreePort, urlOf } from './platform/free-port.js'
import { type Lifecycle, lifecycle } from './platform/lifecycle.js'
import type { Logger } from './platform/logger.js'
import { type LoopDelay, loopDelay } from './platform/loop-delay.js'
import { migrate } from './platform/migrate.js'
import type { Database } from './platform/postgres.js'
import { SETTINGS, USUAL_HANDLE_HTTP_PORT, USUAL_HANDLE_PORT } from './platform/settings.js'
import { openWanted, requireWantedPort, type WantedPort } from './platform/usual-port.js'
import type { DoorName } from './platform/worker-messages.js'
import { consoleDoor } from './protocols/console/door.js'
import { nativeAdministration } from './protocols/handle/administration/operations.js'
import { type HandleDoor, handleDoor } from './protocols/handle/door.js'
import { type Certificate, plainOrTls } from './protocols/handle/first-octet.js'
import type { HandlePorts, OpenPorts } from './protocols/handle/own-site.js'
import { type Signer, signerWith } from './protocols/handle/protection.js'
import type { StrayPacket } from './protocols/handle/udp.js'
import { accessLog } from './protocols/http/access-log.js'
import { serveGiven } from './protocols/http/given-connections.js'
import { operations, type Readiness, type WorkersReadiness } from './protocols/http/operations.js'
import { problemPages } from './protocols/http/problem-pages.js'
import { httpServer } from './protocols/http/server.js'
import { restDoor } from './protocols/rest/door.js'
import { importRoutes } from './protocols/rest/imports.js'
import type { Remembered } from './protocols/rest/plain-lane.js'
import { ensureAdminKey, findPrincipal } from './registry/api-keys.js'
import { changeAnnouncer } from './registry/change-announcer.js'
import { changeFollower } from './registry/change-follower.js'
import { joinWrites } from './registry/join-writes.js'
import { startMaintenance } from './registry/maintenance.js'
import { currentNodeSite, type NodeSite } from './registry/node-site.js'
import { configuredSigningKey, parentService, settleOwnSite } from './registry/own-site.js'
import { loadRoutes } from './registry/prefixes.js'
import { rememberedPrincipals } from './registry/principals.js'
import { registryLookup } from './registry/records.js'
import type { Registry } from './registry/registry.js'
import { currentRoutes, lastKnownRoutes, type Routes } from './registry/routes.js'
import { nodeSecret } from './registry/secrets.js'
import { findStalenessBounds, noteStalenessBound } from './registry/staleness-bounds.js'
import { type VisibleWaits, visibleWaits } from './registry/visible-waits.js'
import { authorities, referOrRefuse } from './resolution/authorities.js'
import { askedAnew, withToken } from './resolution/catching-up.js'
import { type ChangeKnowledge, changeKnowledge } from './resolution/change-knowledge.js'
import { nameIn } from './resolution/feed-spaces.js'
import { loadShedding, refuseWhenBehind } from './resolution/load-shedding.js'
import { measured, measuredHits } from './resolution/measured.js'
import { memoryCached, remembered } from './resolution/memory-cached.js'
import { type MemoryStore, memoryStore } from './resolution/memory-store.js'
import { compose, type Resolve } from './resolution/resolve.js'
import { type SharedStore, sharedStore } from './resolution/shared-cached.js'
import { singleFlight } from './resolution/single-flight.js'
import { type WriteTokens, writeTokens } from './resolution/write-token.js'

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
  stop(): Promise<void>
}

/** For a node that is one of several workers on a machine: what it leaves to their supervisor, and learns from it. */
export interface Membership {
  readonly kinds: BackingKinds
  workers(): WorkersReadiness
  /** Of all workers, as the text that is scraped. */
  metricsText(): Promise<string>
  /** What its supervisor listens on for the Handle System's protocols. */
  readonly handle: HandlePorts
  /** Takes a packet that another worker puts together; false: this one does. */
  passOn(packet: StrayPacket): boolean
  /** Told when the node serves what is given to it, in place of listening. */
  serves(takes: NodeTakes): void
}

/** What a node does with what its supervisor has accepted. */
export interface NodeTakes {
  readonly connection: Readonly<Record<DoorName, (connection: Socket) => void>>
  datagrams(socket: DatagramSocket): void
  packet(packet: StrayPacket): void
}

export interface StartOptions {
  readonly life?: Lifecycle
  /** Told at once of an administrator's key that this start generated: it is kept nowhere, whatever happens next. */
  readonly onAdminKey?: (apiKey: string) => void
  /** Absent: the node is alone on its machine, and does itself what must be done once. */
  readonly membership?: Membership
}

/** What the parts below share. */
interface Core {
  readonly config: Config
  readonly membership: Membership | undefined
  readonly log: Logger
  readonly database: OpenedDatabase
  readonly redis: OpenedRedis
  readonly knowledge: ChangeKnowledge
  readonly memory: MemoryStore
  readonly metrics: NodeMetrics
  readonly loop: LoopDelay
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
  const registry: Registry = joinWrites({
    db,
    clock,
    committed: (change) => {
      knowledge.noteOwnWrite(change)
      shared?.forget(change.keys.flatMap((key) => nameIn('identifier', key) ?? []))
      follower.wake()
      announcer.announce()
    },
  })
  const demo = isAlone ? await equip(registry, { ...options, config, log }) : undefined
  const maxAgeMs = config.stalenessBoundMs / 2
  const routes = currentRoutes({ load: () => loadRoutes(db), knowledge, clock, maxAgeMs })
  const doorRoutes = lastKnownRoutes(routes)
  // Once at hand, the table still says who may see what of an answer while the database is away.
  await untilAvailable(log, async () => doorRoutes())
  const catchUp = () => follower.catchUp()
  const resolve = chainOf(core, { shared, routes, catchUp })
  const findBounds = () => findStalenessBounds(db)
  const waits = visibleWaits({ clock, knowledge, boundMs: config.stalenessBoundMs, findBounds })
  const tokens = writeTokens({ knowledge, catchUp })
  const ports: OpenPorts = { ...membership?.handle }
  const nodeSite = await untilAvailable(log, () => currentNodeSite(db, knowledge))
  const { privateKey } = await untilAvailable(log, () => configuredSigningKey(db, config))
  const signer = signerWith(privateKey)
  const doors = doorsOf(core, { registry, resolve, routes: doorRoutes, waits, tokens, ports, nodeSite, signer })
  const drainMs = config.drainSeconds * 1000
  const url = await life.start('doors', () => listen(doors, core, ports), {
    stop: () => doors.close(drainMs),
    stopWithinMs: drainMs + 2_000,
  })
  if (isAlone) await tellWhere(registry, { config, log, ports })
  await life.start('waiting writes', () => waits, { stop: () => waits.drain(drainMs) })
  if (isAlone) await maintain({ config, log, life, db })

  const { kind, version } = database
  return {
    url,
    handle: ports,
    database: { kind, version },
    redis: redis.kind,
    demo,
    isFresh: () => knowledge.isFresh(),
    metrics: core.metrics.snapshot,
    stop: () => life.stop(),
  }
}

/** What every database needs once before it is served: an administrator, and the demonstration where it is wanted. */
export async function equip(
  registry: Registry,
  { config, log, onAdminKey }: Pick<StartOptions, 'onAdminKey'> & { readonly config: Config; readonly log: Logger },
): Promise<LoadedDemo | undefined> {
  const newAdminKey = await untilAvailable(log, () => ensureAdminKey(registry.db, config.adminKey))
  if (newAdminKey !== undefined) onAdminKey?.(newAdminKey)
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
  await life.start('maintenance', () => startMaintenance({ db, feedRetentionHours, stalenessBoundMs, log }), {
    stop: (stop) => stop(),
  })
}

function coreOf(parts: Omit<Core, 'knowledge' | 'memory' | 'metrics'>): Core {
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
  return { ...parts, knowledge, memory, metrics }
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

interface ChainParts {
  readonly shared: SharedStore | undefined
  readonly routes: Routes
  readonly catchUp: () => Promise<void>
}

function chainOf(core: Core, parts: ChainParts): Resolve {
  const { catchUp } = parts
  const { config, database, knowledge, memory, metrics } = core
  const mark = () => knowledge.mark
  const stalePolicy = { knowledge, clock, maxStaleSeconds: config.maxStaleSeconds }
  const routing = { routes: parts.routes, mark, parent: parentService(config) }
  const layers = [
    measured(metrics.lookups, clock),
    withToken({ knowledge, catchUp }),
    ...(config.memoryCacheBytes > 0 ? [memoryCached({ ...stalePolicy, store: memory })] : []),
    refuseWhenBehind(core.loop.isOverloaded),
    askedAnew({ catchUp }),
    referOrRefuse(routing),
    // Half the bound: the other half is the routes', which a flight may have found that old.
    singleFlight(clock, config.stalenessBoundMs / 2, knowledge),
    ...(parts.shared ? [parts.shared.layer] : []),
    loadShedding(MAX_WAITING_LOOKUPS),
  ]
  const registry = registryLookup(database.db, mark, clock)
  return compose(layers, authorities({ ...routing, registry }))
}

interface DoorParts {
  readonly registry: Registry
  readonly resolve: Resolve
  readonly routes: Routes
  readonly waits: VisibleWaits
  readonly tokens: WriteTokens
  /** Known once they are open. */
  readonly ports: HandlePorts
  readonly nodeSite: () => NodeSite
  readonly signer: Signer
}

/** All doors of a node, before anybody listens. */
interface Doors {
  readonly http: FastifyInstance
  readonly handle: HandleDoor
  /** Of the Handle System. */
  readonly handleHttp: FastifyInstance
  readonly certificate: Certificate | undefined
  /** What of them listens. */
  readonly entrances: Entrance[]
  close(drainMs: number): Promise<void>
}

function doorsOf(core: Core, parts: DoorParts): Doors {
  const { config, metrics, knowledge } = core
  const memoryOnly = remembered({ store: core.memory, knowledge, clock, maxStaleSeconds: config.maxStaleSeconds })
  const atOnce = measuredHits(metrics.lookups, clock, memoryOnly)
  const certificate = certificateOf(config)
  const http = httpDoorOf(core, { ...parts, remembered: atOnce })
  const handle = handleDoorOf(core, { ...parts, remembered: atOnce })
  const handleHttp = handleHttpOf(core, handle)
  const entrances: Entrance[] = []
  return {
    http,
    handle,
    handleHttp,
    certificate,
    entrances,
    async close(drainMs) {
      for (const entrance of entrances) entrance.close()
      await Promise.all([http.close(), handleHttp.close(), handle.drain(drainMs)])
    },
  }
}

function httpServerOf({ config, log, metrics, loop }: Core): FastifyInstance {
  const access = accessLog({ log, sample: config.logSample })
  return httpServer({
    trustProxy: config.trustProxy,
    drainMs: config.drainSeconds * 1000,
    isOverloaded: loop.isOverloaded,
    observe: metrics.httpAnswered,
    onArrival: access.arrived,
    isDiverted: access.wants,
    onFailure: ({ error, ...request }) => log.error('A request failed.', { ...request, err: error }),
  })
}

function httpDoorOf(core: Core, parts: DoorParts & { readonly remembered: Remembered }): FastifyInstance {
  const { config, metrics, knowledge, membership } = core
  const app = httpServerOf(core)
  const principalOf = rememberedPrincipals({ find: (apiKey) => findPrincipal(parts.registry.db, apiKey), knowledge })
  const text = membership?.metricsText ?? metrics.text
  operations(app, {
    readiness: () => readinessOf(core, parts.ports),
    metrics: { text, contentType: metrics.contentType },
  })
  problemPages(app)
  consoleDoor(app, { samples: config.demo ? DEMO_SAMPLES : [] })
  restDoor(app, { ...parts, clock, principalOf, more: [importRoutes] })
  return app
}

function handleDoorOf(
  { config, log, metrics, membership }: Core,
  parts: DoorParts & { readonly remembered: Remembered },
): HandleDoor {
  const { registry, resolve, routes, remembered: atOnce, nodeSite, signer } = parts
  const administration = nativeAdministration({
    registry,
    resolve,
    routes,
    clock,
    serverAdministrators: config.handleAdministrators,
    takesPlainPasswords: config.handlePlainPasswords,
    operations: () => door.operations,
  })
  const door: HandleDoor = handleDoor({
    resolve,
    remembered: atOnce,
    operations: administration.operations,
    protection: administration.protection,
    reads: administration.restrictedReads,
    site: () => requireSite(nodeSite()),
    siteSerial: () => nodeSite().serial,
    signer,
    clock,
    meter: metrics.handle,
    log,
    logSample: config.logSample,
    octetsPerSecondOfSource: config.handleUdpOctetsPerSecond,
    passOn: membership?.passOn,
  })
  return door
}

/** @throws NodeError `overloaded` in the moment between the opening of the first door and the first record of where it is */
function requireSite({ sites: [site] }: NodeSite): Uint8Array {
  if (site !== undefined) return site
  throw new NodeError('overloaded', 'Where this server is reached is being written down. Ask again.', {
    retryAfterSeconds: 1,
  })
}

/** The port of the Handle System's HTTP. All its doors are mounted on this one server. */
function handleHttpOf(core: Core, handle: HandleDoor): FastifyInstance {
  const app = httpServerOf(core)
  handle.mountTunnel(app)
  return app
}

/** @throws NodeError `request-malformed` for files that cannot be read */
function certificateOf({ handleTlsCert, handleTlsKey }: Config): Certificate | undefined {
  if (handleTlsCert === undefined || handleTlsKey === undefined) return undefined
  return {
    cert: readPem(handleTlsCert, SETTINGS.handleTlsCert.name),
    key: readPem(handleTlsKey, SETTINGS.handleTlsKey.name),
  }
}

function readPem(file: string, setting: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new NodeError('request-malformed', `${setting} names a file that cannot be read (${messageOf(error)}).`)
  }
}

/** Ready while look-ups can be answered: from a fresh feed, or, while the database is away, stale and marked. */
function readinessOf({ config, database, redis, knowledge, membership }: Core, ports: HandlePorts): Readiness {
  const ageMs = knowledge.ageMs()
  const fresh = knowledge.isFresh()
  return {
    ready: fresh || ageMs <= config.maxStaleSeconds * 1000,
    parts: {
      database: { kind: database.kind, reachable: fresh, version: database.version },
      redis: { kind: redis.kind, up: redis.client?.isUp() ?? false },
      feed: { fresh, ageMs: Number.isFinite(ageMs) ? Math.round(ageMs) : null },
      handle: { port: ports.port ?? null, httpPort: ports.httpPort ?? null },
      ...(membership ? { workers: membership.workers() } : {}),
    },
  }
}

/** For one process or several: which ports the Handle System's protocols want. */
export function handlePortsWanted({ handlePort, handleHttpPort }: Config): {
  readonly [Door in 'native' | 'http']: WantedPort
} {
  return {
    native: {
      wanted: handlePort,
      usual: USUAL_HANDLE_PORT,
      setting: 'JIEXI_HANDLE_PORT',
      name: 'The port of the native Handle protocol',
    },
    http: {
      wanted: handleHttpPort,
      usual: USUAL_HANDLE_HTTP_PORT,
      setting: 'JIEXI_HANDLE_HTTP_PORT',
      name: "The port of the Handle System's HTTP",
    },
  }
}

/** Told before anything is started. @throws NodeError for a port that was set and is taken */
export async function requireFreePorts(config: Config): Promise<void> {
  await requireFreePort(config)
  for (const wanted of Object.values(handlePortsWanted(config))) await requireWantedPort(config.host, wanted)
}

async function listen(doors: Doors, { config, log, membership }: Core, ports: OpenPorts): Promise<string> {
  const { http, handle, handleHttp, certificate, entrances } = doors
  const takeHandleHttp = plainOrTls(await serveGiven(handleHttp), certificate)
  if (membership) {
    const connection = { http: await serveGiven(http), handle: handle.takeConnection, 'handle-http': takeHandleHttp }
    membership.serves({ connection, datagrams: handle.takeDatagrams, packet: handle.takePacket })
    return ''
  }
  const { host, port } = config
  await http.listen({ host, port })
  const wanted = handlePortsWanted(config)
  const open = async (at: WantedPort, accept: (connection: Socket) => void, withDatagrams: boolean) => {
    const opened = await openWanted(at, log, (port) =>
      openEntrance({ host, port }, { accept, handsOn: false, withDatagrams, setting: at.setting }),
    )
    if (opened) entrances.push(opened)
    return opened
  }
  const native = await open(wanted.native, handle.takeConnection, true)
  for (const socket of native?.datagrams ?? []) handle.takeDatagrams(socket)
  const overHttp = await open(wanted.http, takeHandleHttp, false)
  if (native) ports.port = native.address.port
  if (overHttp) ports.httpPort = overHttp.address.port
  return urlOf(http.server.address() as AddressInfo)
}
