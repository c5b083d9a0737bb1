/** The doors of a node: what each is given, and where each listens. A part of the composition root (app.ts). */
import type { Socket as DatagramSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { DEMO_SAMPLES } from './demo/samples.js'
import { upwardReceiver } from './federation/upward/receive.js'
import type { NodeMetrics } from './observability/metrics.js'
import type { TrafficMeter } from './observability/traffic.js'
import type { BackingKinds, OpenedDatabase, OpenedRedis } from './platform/backing-services.js'
import { systemClock as clock } from './platform/clock.js'
import type { Config } from './platform/config.js'
import { type Entrance, openEntrance } from './platform/entrance.js'
import { messageOf, NodeError } from './platform/errors.js'
import { requireFreePort, urlOf } from './platform/free-port.js'
import type { Logger } from './platform/logger.js'
import type { LoopDelay } from './platform/loop-delay.js'
import { ROLE_FACTS } from './platform/roles.js'
import { SETTINGS, USUAL_HANDLE_HTTP_PORT, USUAL_HANDLE_PORT } from './platform/settings.js'
import { openWanted, requireWantedPort, type WantedPort } from './platform/usual-port.js'
import type { DoorName } from './platform/worker-messages.js'
import { consoleDoor } from './protocols/console/door.js'
import type { ResolveForeign } from './protocols/handle/administration/known-values.js'
import { type NativeAdministration, nativeAdministration } from './protocols/handle/administration/operations.js'
import { type HandleDoor, type HandleDoorOptions, handleDoor } from './protocols/handle/door.js'
import { type Certificate, plainOrTls } from './protocols/handle/first-octet.js'
import type { HandlePorts, OpenPorts } from './protocols/handle/own-site.js'
import type { Signer } from './protocols/handle/protection.js'
import type { StrayPacket } from './protocols/handle/udp.js'
import { SESSION_SECONDS } from './protocols/handle-rest/authentication.js'
import { handleRestDoor } from './protocols/handle-rest/door.js'
import { sessionIds } from './protocols/handle-rest/session-ids.js'
import { accessLog } from './protocols/http/access-log.js'
import { serveGiven } from './protocols/http/given-connections.js'
import type { UpwardReadiness } from './protocols/http/operations.js'
import { operations, type Readiness, type WorkersReadiness } from './protocols/http/operations.js'
import { problemPages } from './protocols/http/problem-pages.js'
import { httpServer } from './protocols/http/server.js'
import { restDoor } from './protocols/rest/door.js'
import type { Upward } from './protocols/rest/door-options.js'
import { importRoutes } from './protocols/rest/imports.js'
import { type PeerOfNode, peerRoutes } from './protocols/rest/peers.js'
import type { Remembered } from './protocols/rest/plain-lane.js'
import { upwardRoutes } from './protocols/rest/upward.js'
import { findPrincipal } from './registry/api-keys.js'
import { handleApiSessions } from './registry/handle-api-sessions.js'
import type { NodeSite } from './registry/node-site.js'
import { rememberedPrincipals } from './registry/principals.js'
import type { PropagationStatus } from './registry/propagation.js'
import { registeredBelow } from './registry/registered-below.js'
import type { Registry } from './registry/registry.js'
import type { Routes } from './registry/routes.js'
import type { VisibleWaits } from './registry/visible-waits.js'
import { reportRoutes } from './reporting/start.js'
import type { ProbeMeter } from './reporting/watch/probe-meter.js'
import type { ChangeKnowledge } from './resolution/change-knowledge.js'
import { measuredFaces, measuredHits } from './resolution/measured.js'
import { remembered, rememberedFaces } from './resolution/memory-cached.js'
import type { MemoryStore } from './resolution/memory-store.js'
import type { Resolve } from './resolution/resolve.js'
import type { WriteTokens } from './resolution/write-token.js'

/** For a node that is one of several workers on a machine: what it leaves to their supervisor, and learns from it. */
export interface Membership {
  readonly kinds: BackingKinds
  workers(): WorkersReadiness
  /** Of all workers, as the text that is scraped. */
  metricsText(): Promise<string>
  /** Other nodes, as all workers together know them. */
  peers(): Promise<readonly PeerOfNode[]>
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

/** What the parts below share. */
export interface Core {
  readonly config: Config
  readonly membership: Membership | undefined
  readonly log: Logger
  readonly database: OpenedDatabase
  readonly redis: OpenedRedis
  readonly knowledge: ChangeKnowledge
  readonly memory: MemoryStore
  readonly metrics: NodeMetrics
  readonly traffic: TrafficMeter
  readonly probes: ProbeMeter
  readonly loop: LoopDelay
}

export interface DoorParts {
  readonly registry: Registry
  readonly resolve: Resolve
  readonly routes: Routes
  readonly waits: VisibleWaits
  readonly tokens: WriteTokens
  /** Of sessions over HTTP, the same in all processes. */
  readonly sessionKey: Buffer
  /** Known once they are open. */
  readonly ports: HandlePorts
  readonly nodeSite: () => NodeSite
  readonly signer: Signer
  /** What handles of other nodes say, signed. Absent: nobody vouches for it. */
  readonly resolveForeign: ResolveForeign | undefined
  /** Other nodes that this one has to do with. */
  readonly peers: () => Promise<readonly PeerOfNode[]>
  /** Absent: there is no node above that is told of anything. */
  readonly upward?: Upward & { readonly status: () => PropagationStatus | undefined }
}

/** All doors of a node, before anybody listens. */
export interface Doors {
  readonly http: FastifyInstance
  readonly handle: HandleDoor
  /** Of the Handle System. */
  readonly handleHttp: FastifyInstance
  readonly certificate: Certificate | undefined
  /** What of them listens. */
  readonly entrances: Entrance[]
  close(drainMs: number): Promise<void>
}

export function doorsOf(core: Core, parts: DoorParts): Doors {
  const { config, metrics, knowledge } = core
  const memoryOnly = remembered({ store: core.memory, knowledge, clock, maxStaleSeconds: config.maxStaleSeconds })
  const meters = { lookups: metrics.lookups, traffic: core.traffic }
  const atOnce = measuredHits(meters, clock, memoryOnly)
  const certificate = certificateOf(config)
  const http = httpDoorOf(core, { ...parts, remembered: atOnce })
  const faces = measuredFaces(meters, clock, rememberedFaces({ store: core.memory, knowledge }))
  const { door: handle, administration } = handleDoorOf(core, { ...parts, remembered: atOnce, faces })
  const handleHttp = handleHttpOf(core, parts, { door: handle, administration })
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
  const access = accessLog({ log: log.unhurried(), sample: config.logSample })
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
  const facts = ROLE_FACTS[config.role]
  const app = httpServerOf(core)
  const principalOf = rememberedPrincipals({ find: (apiKey) => findPrincipal(parts.registry.db, apiKey), knowledge })
  const text = membership?.metricsText ?? metrics.text
  operations(app, {
    readiness: () => readinessOf(core, parts),
    metrics: { text, contentType: metrics.contentType },
  })
  problemPages(app)
  consoleDoor(app, { samples: config.demo ? DEMO_SAMPLES : [], showsReports: facts.takesReports })
  const { takesChangesOf: of } = facts
  const upward = of === 'nobody' ? [] : [upwardRoutes(upwardReceiver(parts.registry, of))]
  restDoor(app, {
    ...parts,
    clock,
    principalOf,
    more: [importRoutes, peerRoutes(parts.peers), ...reportRoutes(config), ...upward],
  })
  return app
}

interface HandleSide {
  readonly door: HandleDoor
  readonly administration: Pick<NativeAdministration, 'identities' | 'administration'>
}

function handleDoorOf(
  { config, log, metrics, membership }: Core,
  parts: DoorParts & Pick<HandleDoorOptions, 'remembered' | 'faces'>,
): HandleSide {
  const { registry, resolve, routes, remembered: atOnce, faces, nodeSite, signer, resolveForeign } = parts
  const administration = nativeAdministration({
    registry,
    resolve,
    routes,
    clock,
    serverAdministrators: config.handleAdministrators,
    takesPlainPasswords: config.handlePlainPasswords,
    ...(resolveForeign && { resolveForeign }),
    operations: () => door.operations,
  })
  const door: HandleDoor = handleDoor({
    resolve,
    remembered: atOnce,
    faces,
    operations: administration.operations,
    protection: administration.protection,
    reads: administration.restrictedReads,
    site: () => requireSite(nodeSite()),
    siteSerial: () => nodeSite().serial,
    signer,
    clock,
    meter: metrics.handle,
    log,
    accessLog: log.unhurried(),
    logSample: config.logSample,
    octetsPerSecondOfSource: config.handleUdpOctetsPerSecond,
    passOn: membership?.passOn,
  })
  return { door, administration }
}

/** @throws NodeError `overloaded` in the moment between the opening of the first door and the first record of where it is */
function requireSite({ sites: [site] }: NodeSite): Uint8Array {
  if (site !== undefined) return site
  throw new NodeError('overloaded', 'Where this server is reached is being written down. Ask again.', {
    retryAfterSeconds: 1,
  })
}

/** The port of the Handle System's HTTP. All its doors are mounted on this one server. */
function handleHttpOf(core: Core, parts: DoorParts, handle: HandleSide): FastifyInstance {
  const { config, log } = core
  const { registry, resolve, tokens, nodeSite, signer, sessionKey } = parts
  const app = httpServerOf(core)
  handle.door.mountTunnel(app)
  handleRestDoor(app, {
    resolve,
    clock,
    stalenessBoundMs: config.stalenessBoundMs,
    tokens,
    administering: {
      ...handle.administration,
      sessions: handleApiSessions(registry.db, SESSION_SECONDS),
      ids: sessionIds(sessionKey, clock),
      below: registeredBelow(registry.db),
      signer,
    },
    site: async () => nodeSite().sites[0],
    ...(config.countryHeader === undefined ? {} : { countryHeader: config.countryHeader }),
    onFailure: ({ error, ...request }) => log.error('A request failed.', { ...request, err: error }),
  })
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

/** While look-ups can be answered: from a fresh feed, or, while the database is away, stale and marked. */
export function isReady({ config, knowledge }: Pick<Core, 'config' | 'knowledge'>): boolean {
  return knowledge.isFresh() || knowledge.ageMs() <= config.maxStaleSeconds * 1000
}

function readinessOf(core: Core, { ports, upward }: Pick<DoorParts, 'ports' | 'upward'>): Readiness {
  const { database, redis, knowledge, membership } = core
  const propagation = upward?.status()
  const ageMs = knowledge.ageMs()
  const fresh = knowledge.isFresh()
  return {
    ready: isReady(core),
    parts: {
      database: { kind: database.kind, reachable: fresh, version: database.version },
      redis: { kind: redis.kind, up: redis.client?.isUp() ?? false },
      feed: { fresh, ageMs: Number.isFinite(ageMs) ? Math.round(ageMs) : null },
      handle: { port: ports.port ?? null, httpPort: ports.httpPort ?? null },
      ...(propagation ? { upward: upwardReadiness(propagation) } : {}),
      ...(membership ? { workers: membership.workers() } : {}),
    },
  }
}

function upwardReadiness({ failing, walk, isBacklogLarger, ...counts }: PropagationStatus): UpwardReadiness {
  return {
    backlog: counts.backlog,
    backlogIsLarger: isBacklogLarger,
    oldestSeconds: Math.round(counts.oldestSeconds),
    refused: counts.refused,
    walking: walk !== undefined,
    failingSince: failing === undefined ? null : new Date(failing.sinceMs).toISOString(),
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

export async function listen(doors: Doors, { config, log, membership }: Core, ports: OpenPorts): Promise<string> {
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
