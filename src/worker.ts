/** One of several worker processes: a whole node, started and stopped by its supervisor (machine.ts). */
import { setTimeout as delay } from 'node:timers/promises'
import { type RunningNode, startNode } from './app.js'
import type { NodeTakes } from './doors.js'
import type { KnownPeer } from './federation/peers.js'
import type { BackingKinds } from './platform/backing-services.js'
import { systemClock } from './platform/clock.js'
import type { Config } from './platform/config.js'
import { messageOf } from './platform/errors.js'
import { lifecycle } from './platform/lifecycle.js'
import { logger } from './platform/logger.js'
import { joinSupervisor } from './platform/worker-link.js'
import type { HandlePorts } from './protocols/handle/own-site.js'
import type { StrayPacket } from './protocols/handle/udp.js'

/** What its supervisor tells a worker to run. */
export interface Assignment {
  readonly config: Config
  readonly kinds: BackingKinds
  readonly handle: HandlePorts
}

const FRESH_POLL_MS = 10

// A terminal that goes away tells the whole group; what follows from that is the supervisor's to say.
process.on('SIGHUP', () => undefined)
const link = await joinSupervisor<Assignment>()
const { config, kinds, handle } = link.assignment
const log = logger({ level: config.logLevel, clock: systemClock, fields: { node: config.nodeName, worker: link.slot } })
const life = lifecycle(log)
let node: RunningNode | undefined
let leaving: Promise<void> | undefined

link.onDrain(leave)
leaveOnSignals()
try {
  await serve()
} catch (error) {
  // A start that was broken off is no failure.
  await (leaving ?? link.failed(messageOf(error)))
  process.exit(1)
}

async function serve(): Promise<void> {
  let takes: NodeTakes | undefined
  const started = await startNode(config, log, {
    life,
    membership: {
      kinds,
      handle,
      passOn,
      workers: () => ({ ...link.count(), answering: link.slot }),
      metricsText: async () => String(await link.report('metrics')),
      peers: async () => (await link.report('peers')) as readonly KnownPeer[],
      serves: (by) => {
        takes = by
      },
    },
  })
  node = started
  link.onQuestion(async (topic) => (topic === 'peers' ? started.peers() : started.metrics()))
  while (!started.isFresh()) await delay(FRESH_POLL_MS)
  if (leaving || takes === undefined) return
  const { connection, datagrams, packet } = takes
  link.ready({
    connection: (given, door) => connection[door](given),
    datagrams,
    parcel: (content) => packet(content as StrayPacket),
  })
}

/** All packets of a message come together at the worker whose place their source and request say. */
function passOn(packet: StrayPacket): boolean {
  const owner = (packet.hash % link.count().wanted) + 1
  if (owner === link.slot) return false
  link.send(owner, packet)
  return true
}

function leave(): void {
  link.takeNoMore()
  leaving ??= life
    .stop()
    .then(async () => link.leave(await node?.metrics()))
    .then(
      () => process.exit(0),
      // Whatever it had to tell last: what it served is answered.
      () => process.exit(1),
    )
}

/** A signal to the whole group comes along with the supervisor's word; only a second signal means at once. */
function leaveOnSignals(): void {
  let signals = 0
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      signals += 1
      if (signals > 1) process.exit(1)
      leave()
    })
  }
}
