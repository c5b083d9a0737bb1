/**
 * The native protocol over TCP. Connections are kept: the national SDK uses one for everything. They end
 *
 *   - when nothing was ever said on them for a minute, or nothing more for fifteen;
 *   - when a message that was begun does not become whole, at the pace of a slow line;
 *   - when answers are not taken (slow-readers.ts);
 *   - when the node stops, in a moment when nothing is under way on them.
 */
import net, { type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../../platform/clock.js'
import { endSlowReaders } from '../http/slow-readers.js'
import { type ConnectionParts, OUTPUT_OCTETS, TcpConnection } from './tcp-connection.js'

export interface TcpOptions extends Omit<ConnectionParts, 'output' | 'nowMs'> {
  readonly clock: Clock
  /** Default 20,000. Beyond it connections are closed at once. */
  readonly maxConnections?: number | undefined
  readonly times?: Partial<TcpTimes> | undefined
}

export interface TcpTimes {
  readonly firstMessageMs: number
  readonly idleMs: number
  /** For a message that has begun; what has come of it earns it more. */
  readonly messageMs: number
  readonly lookEveryMs: number
}

const DEFAULT_TIMES: TcpTimes = { firstMessageMs: 60_000, idleMs: 900_000, messageMs: 10_000, lookEveryMs: 1_000 }
const OCTETS_PER_SECOND = 16 * 1024
const MAX_CONNECTIONS = 20_000
/** Quiet for so long: most likely its client waits for nothing and sends nothing. */
const QUIET_MS = 1_000
const DRAIN_STEP_MS = 100

export class TcpDoor {
  private readonly connections = new Set<TcpConnection>()
  private readonly options: TcpOptions
  private readonly times: TcpTimes
  private readonly parts: ConnectionParts
  private readonly timer: NodeJS.Timeout
  /** Of all connections, whoever accepted them. */
  private readonly hub: Server = net.createServer()
  private nowMs: number

  constructor(options: TcpOptions) {
    const { atHand, answering, meter, access, clock } = options
    this.options = options
    this.times = { ...DEFAULT_TIMES, ...options.times }
    this.nowMs = clock.monotonicMs()
    const output = { out: Buffer.allocUnsafeSlow(OUTPUT_OCTETS), at: 0 }
    this.parts = { atHand, answering, meter, access, output, nowMs: () => this.nowMs }
    this.timer = setInterval(() => this.look(), this.times.lookEveryMs).unref()
    endSlowReaders(this.hub)
  }

  /** A connection that may be half open: its client's end is not its own. */
  take(socket: Socket): void {
    const { maxConnections = MAX_CONNECTIONS, meter } = this.options
    if (this.connections.size >= maxConnections) {
      socket.destroy()
      return
    }
    const connection = new TcpConnection(socket, this.parts)
    this.connections.add(connection)
    meter.openConnections = this.connections.size
    socket.once('close', () => {
      this.connections.delete(connection)
      meter.openConnections = this.connections.size
    })
    this.hub.emit('connection', socket)
  }

  /** Ends each connection in a quiet moment, and after `withinMs` as soon as what is under way is answered. */
  async drain(withinMs: number): Promise<void> {
    const { clock } = this.options
    const untilMs = clock.monotonicMs() + withinMs
    while (this.connections.size > 0 && clock.monotonicMs() < untilMs) {
      this.endQuiet(clock.monotonicMs())
      await delay(DRAIN_STEP_MS)
    }
    for (const connection of this.connections) connection.endSoon()
    if (this.connections.size > 0) await delay(DRAIN_STEP_MS)
    for (const connection of this.connections) connection.destroy()
    clearInterval(this.timer)
    this.hub.emit('close')
  }

  private endQuiet(nowMs: number): void {
    this.nowMs = nowMs
    for (const connection of this.connections) {
      if (connection.isQuiet && nowMs - connection.lastMessageMs >= QUIET_MS) connection.endSoon()
    }
  }

  private look(): void {
    this.nowMs = this.options.clock.monotonicMs()
    for (const connection of this.connections) {
      if (this.isLate(connection)) connection.destroy()
      else if (connection.isQuiet && this.nowMs - connection.lastMessageMs > this.patienceMs(connection)) {
        connection.endSoon()
      }
    }
  }

  private isLate({ partOctets, partSinceMs }: TcpConnection): boolean {
    const mayTakeMs = this.times.messageMs + (partOctets / OCTETS_PER_SECOND) * 1000
    return partOctets > 0 && this.nowMs - partSinceMs > mayTakeMs
  }

  private patienceMs({ hasSpoken }: TcpConnection): number {
    return hasSpoken ? this.times.idleMs : this.times.firstMessageMs
  }
}
