/**
 * One connection of the native protocol: kept open, requests one after the other or many at once, each answered when its
 * answer is there; clients match them by request id. What one read brought and is at hand is answered in one write.
 *
 * Nothing is read while as many requests are under way as there may be, or while the client does not take its answers.
 */

import type { Socket } from 'node:net'
import type { HandleMeter } from '../../observability/handle-meter.js'
import { uint32At } from '../../platform/byte-reader.js'
import { plainAddress } from '../http/client-address.js'
import type { HandleAccessLog } from './access-log.js'
import type { Answering } from './answering.js'
import { type AnswersAtHand, ELSEWHERE, NO_ROOM, type Output } from './at-hand.js'
import { frameOctets, INCOMPLETE_ENVELOPE, TOO_LONG } from './codec-frames.js'
import { OP } from './codes.js'
import { MAX_MESSAGE_OCTETS } from './limits.js'
import type { Peer } from './operation.js'
import { Inbox } from './tcp-inbox.js'

export interface ConnectionParts {
  readonly atHand: AnswersAtHand
  readonly answering: Answering
  readonly meter: HandleMeter
  readonly access: HandleAccessLog
  /** One for all connections: used within one event. */
  readonly output: Output
  /** Monotonic milliseconds, as of the last look around. */
  nowMs(): number
}

const MAX_UNDER_WAY = 256
export const OUTPUT_OCTETS = 64 * 1024
const NOTHING: Buffer = Buffer.alloc(0)
const REQUEST_ID_AT = 8
/** For a client to take its last answer and close too. */
const END_WITHIN_MS = 5_000

export class TcpConnection {
  /** When the last whole message came; before the first, when the connection did. */
  lastMessageMs: number
  /** When the message began that is not there as a whole yet. */
  partSinceMs = 0
  hasSpoken = false
  private readonly socket: Socket
  private readonly parts: ConnectionParts
  private readonly peer: Peer
  private readonly inbox = new Inbox()
  private readonly span = { start: 0, end: 0 }
  /** What came and may not be read now. */
  private unread = NOTHING
  private underWay = 0
  private isCorked = false
  private hasEnded = false
  private isLast = false

  constructor(socket: Socket, parts: ConnectionParts) {
    this.socket = socket
    this.parts = parts
    this.lastMessageMs = parts.nowMs()
    this.peer = { transport: 'tcp', isSecure: false, address: socket.remoteAddress ?? '', connection: {} }
    socket.on('data', (octets) => this.arrived(octets))
    socket.on('end', () => this.ended())
    socket.on('drain', () => this.goOn())
    // Whoever resets the connection wants no answer.
    socket.on('error', () => socket.destroy())
  }

  /** Octets of a message that is not there as a whole. */
  get partOctets(): number {
    return this.inbox.octets
  }

  /** Nothing is under way in either direction. */
  get isQuiet(): boolean {
    return (
      this.underWay === 0 && this.unread.length === 0 && this.inbox.octets === 0 && this.socket.writableLength === 0
    )
  }

  /** Answers what is under way, and nothing more. */
  endSoon(): void {
    this.isLast = true
    this.unread = NOTHING
    this.endIfDone()
  }

  destroy(): void {
    this.socket.destroy()
  }

  private get mayRead(): boolean {
    return this.underWay < MAX_UNDER_WAY && !this.socket.writableNeedDrain && !this.isLast
  }

  private arrived(octets: Buffer): void {
    if (this.isLast) return
    if (this.unread.length > 0) this.unread = Buffer.concat([this.unread, octets])
    else if (this.mayRead) this.read(octets)
    else this.unread = octets
    if (!this.mayRead && !this.isLast) this.socket.pause()
  }

  private goOn(): void {
    if (this.mayRead && this.unread.length > 0) {
      const { unread } = this
      this.unread = NOTHING
      this.read(unread)
    }
    if (this.mayRead && this.unread.length === 0) this.socket.resume()
    this.endIfDone()
  }

  private read(octets: Buffer): void {
    const { output, atHand } = this.parts
    output.at = 0
    atHand.begin(plainAddress(this.peer.address))
    const at = this.inbox.octets > 0 ? this.readBegun(octets) : 0
    this.keep(octets, this.readWhole(octets, at))
    this.flush()
  }

  /** The end of a message whose beginning came before. */
  private readBegun(octets: Buffer): number {
    const at = this.inbox.fill(octets, 0)
    const message = this.inbox.whole()
    if (message !== undefined) this.take(message, 0, message.length)
    return at
  }

  /** Gives where the first message begins that is not to be read now. */
  private readWhole(octets: Buffer, from: number): number {
    const { span } = this
    let at = from
    while (at < octets.length && this.mayRead) {
      span.start = at
      span.end = octets.length
      const frame = frameOctets(octets, span, MAX_MESSAGE_OCTETS)
      if (frame === INCOMPLETE_ENVELOPE || at + frame > octets.length) break
      const end = frame === TOO_LONG ? octets.length : at + frame
      this.take(octets, at, end)
      at = end
    }
    return at
  }

  private keep(octets: Buffer, at: number): void {
    if (at >= octets.length) return
    if (this.mayRead) {
      this.partSinceMs = this.parts.nowMs()
      this.inbox.fill(octets, at)
    } else if (!this.isLast) this.unread = octets.subarray(at)
  }

  private take(octets: Buffer, start: number, end: number): void {
    this.lastMessageMs = this.parts.nowMs()
    this.hasSpoken = true
    if (!this.writeAtHand(octets, start, end)) this.answerElsewhere(octets.subarray(start, end))
  }

  private writeAtHand(octets: Buffer, start: number, end: number): boolean {
    const { span } = this
    const { atHand, output, meter, access } = this.parts
    span.start = start
    span.end = end
    let written = atHand.write(octets, span, output)
    if (written === NO_ROOM && output.at > 0) {
      this.flush()
      written = atHand.write(octets, span, output)
    }
    if (written === ELSEWHERE || written === NO_ROOM) return false
    output.at = written
    const { responseCode } = atHand
    meter.answered('tcp', OP.resolve, responseCode)
    if (access.isDrawn()) {
      const { handle } = atHand
      const requestId = uint32At(octets, start + REQUEST_ID_AT)
      access.write({ peer: this.peer, opCode: OP.resolve, responseCode, requestId, tookMs: 0, handle })
    }
    return true
  }

  private answerElsewhere(message: Buffer): void {
    this.underWay += 1
    // A message that is too long, or no message, is the last: there is no telling where the next would begin.
    if (frameOctets(message, { start: 0, end: message.length }, MAX_MESSAGE_OCTETS) === TOO_LONG) this.isLast = true
    const send = (octets: Buffer) => this.sendTogether(octets)
    void this.parts.answering.answer(message, this.peer, send).then((outcome) => {
      if (outcome === 'unreadable') this.isLast = true
      this.underWay -= 1
      this.goOn()
    })
  }

  /** What becomes ready in one turn of the event loop goes together. */
  private sendTogether(octets: Buffer): void {
    const { socket } = this
    if (socket.destroyed || socket.writableEnded) return
    if (!this.isCorked) {
      this.isCorked = true
      socket.cork()
      process.nextTick(() => {
        this.isCorked = false
        socket.uncork()
      })
    }
    socket.write(octets)
  }

  private flush(): void {
    const { socket, parts } = this
    const { output } = parts
    if (output.at === 0) return
    const answers = output.out.subarray(0, output.at)
    output.at = 0
    if (socket.destroyed || socket.writableEnded) return
    socket.write(answers)
    // The kernel did not take all of it at once: the octets must stay as they are.
    if (socket.writableLength > 0) output.out = Buffer.allocUnsafeSlow(OUTPUT_OCTETS)
  }

  /** Whoever has said all it had to say gets its answers, and the end. */
  private ended(): void {
    this.hasEnded = true
    this.endIfDone()
  }

  private endIfDone(): void {
    const { socket } = this
    const isDone = this.isLast || (this.hasEnded && this.unread.length === 0)
    if (!isDone || this.underWay > 0 || socket.writableEnded) return
    socket.end()
    // What still comes is read and thrown away: closing now would reset the connection, and its last answer might be lost.
    socket.resume()
    socket.setTimeout(END_WITHIN_MS, () => socket.destroy())
  }
}
