/**
 * The native Handle protocol, all of its transports: they share what is at hand, the operations and the bounds. Who listens
 * where is app.ts's business: connections and sockets are given.
 */
import type { Socket as DatagramSocket } from 'node:dgram'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { HandleMeter } from '../../observability/handle-meter.js'
import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Answer } from '../../record/answer.js'
import type { FaceSearch } from '../../resolution/kept/face-search.js'
import type { Query, Resolve } from '../../resolution/resolve.js'
import { handleAccessLog } from './access-log.js'
import { answering } from './answering.js'
import { AnswersAtHand } from './at-hand.js'
import type { Operations } from './operation.js'
import type { Protection, RestrictedReads, Signer } from './protection.js'
import { ServerFacts } from './server-facts.js'
import { type SiteOctets, withLookups } from './site-info.js'
import { SourceLimit } from './source-limit.js'
import { TcpDoor, type TcpOptions } from './tcp.js'
import { tunnel } from './tunnel.js'
import { type StrayPacket, UdpDoor, type UdpOptions } from './udp.js'

export interface HandleDoorOptions {
  readonly resolve: Resolve
  /** What memory answers at once; without it every look-up takes the whole chain. */
  readonly remembered: (query: Query) => Answer | undefined
  /** The same for octets. Absent: every look-up takes the way above. */
  readonly faces?: ((search: FaceSearch) => boolean) | undefined
  /** Beside look-ups and site information. */
  readonly operations: Operations
  readonly site: SiteOctets
  /** Grows with every change of the site. */
  readonly siteSerial: () => number
  readonly protection?: Protection | undefined
  readonly signer?: Signer | undefined
  readonly reads?: RestrictedReads | undefined
  readonly clock: Clock
  readonly meter: HandleMeter
  readonly log: Pick<Logger, 'error'>
  /** Takes a line per request that is logged. */
  readonly accessLog: Pick<Logger, 'info'>
  /** Share of look-ups that are logged, 0 to 1. */
  readonly logSample: number
  /** Of answers over UDP, to one source; 0: no limit. */
  readonly octetsPerSecondOfSource: number
  readonly passOn?: UdpOptions['passOn']
  readonly tcp?: Pick<TcpOptions, 'maxConnections' | 'times'>
}

export interface HandleDoor {
  /** All there are, look-ups and site information too. */
  readonly operations: Operations
  /** A connection of the native port that nobody has read from yet. */
  takeConnection(connection: Socket): void
  /** A bound socket of the native port; in the same order in every process. */
  takeDatagrams(socket: DatagramSocket): void
  takePacket(packet: StrayPacket): void
  /** Takes messages that come to this server by HTTP. */
  mountTunnel(app: FastifyInstance): void
  /** What came is answered; then there is no more of it. */
  drain(withinMs: number): Promise<void>
}

export function handleDoor(options: HandleDoorOptions): HandleDoor {
  const { clock, meter, log, protection, signer, reads, remembered, faces = () => false } = options
  const facts = new ServerFacts(clock, options.siteSerial)
  const operations = withLookups(options.operations, options)
  const access = handleAccessLog(options.accessLog, options.logSample)
  const atHand = new AnswersAtHand({ remembered, faces, facts, clock, knowsReaders: reads !== undefined })
  const longWay = answering({ operations, facts, protection, signer, clock, meter, access, log })
  const shared = { atHand, answering: longWay, clock, meter, access }
  const limit = new SourceLimit(options.octetsPerSecondOfSource)
  const udp = new UdpDoor({ ...shared, limit, passOn: options.passOn })
  const tcp = new TcpDoor({ ...shared, ...options.tcp })

  return {
    operations,
    takeConnection: (connection) => tcp.take(connection),
    takeDatagrams: (socket) => udp.take(socket),
    takePacket: (packet) => udp.takePacket(packet),
    mountTunnel: (app) => app.answerEarly(tunnel(shared)),
    async drain(withinMs) {
      await Promise.all([udp.close(), tcp.drain(withinMs)])
      facts.close()
    },
  }
}
