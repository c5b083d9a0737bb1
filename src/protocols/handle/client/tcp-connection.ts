/**
 * One TCP connection to a server, with many requests in flight: answers are matched by their request id, whatever their order.
 * Each request is one write, since software in use reads a message that comes in one piece only.
 */
import { connect, type Socket } from 'node:net'
import { uint32At } from '../../../platform/byte-reader.js'
import { messageOf } from '../../../platform/errors.js'
import { Frames } from './frames.js'
import { type Answers, Inbox, type Question } from './inbox.js'
import type { ClientLimits } from './limits.js'
import type { ServerAddress } from './server-address.js'

const REQUEST_ID_AT = 8
/** What a server says that could not even read the request's id. */
const NO_REQUEST_ID = 0xffff_ffff

export interface ConnectionOptions {
  readonly address: ServerAddress
  readonly limits: ClientLimits
  readonly onClose: () => void
}

/** A request whose connection went away before anything was answered on it. */
export type Lost = (question: Question, inbox: Inbox) => boolean

export class TcpConnection {
  /** It has answered and stayed open, as not all servers do. */
  isKept = false
  private readonly options: ConnectionOptions
  private readonly socket: Socket
  private readonly frames: Frames
  private readonly inFlight = new Map<number, { readonly inbox: Inbox; readonly question: Question }>()
  private isConnected = false
  private isUsable = true
  private readonly lost: Lost

  constructor(options: ConnectionOptions, lost: Lost = () => false) {
    this.options = options
    this.lost = lost
    const { host, port } = options.address
    this.frames = new Frames(options.limits.maxMessageOctets)
    this.socket = connect({ host, port, noDelay: true, keepAlive: true })
    this.socket.on('connect', () => {
      this.isConnected = true
    })
    this.socket.on('data', (piece) => this.accept(piece))
    this.socket.on('error', (error) => this.end(reasonOf(error), error))
    this.socket.on('close', () => this.end(this.cutOff()))
    this.socket.on('timeout', () => this.inFlight.size === 0 && this.end('was idle'))
    this.socket.setTimeout(options.limits.idleMs)
  }

  get load(): number {
    return this.inFlight.size
  }

  get hasRoom(): boolean {
    return this.isUsable && this.inFlight.size < this.options.limits.maxPerConnection
  }

  ask(question: Question): Answers {
    const { address } = this.options
    const inbox: Inbox = new Inbox({ address, question, onEnd: () => this.release(question.requestId, inbox) })
    this.carry(question, inbox)
    return inbox
  }

  /** For an inbox that another connection has lost. */
  carry(question: Question, inbox: Inbox): void {
    this.inFlight.set(question.requestId, { inbox, question })
    this.socket.write(question.bytes)
  }

  close(): void {
    this.end('was closed by this client')
  }

  /** @returns whether the request was here */
  release(requestId: number, inbox: Inbox): boolean {
    if (this.inFlight.get(requestId)?.inbox !== inbox) return false
    this.inFlight.delete(requestId)
    // Whoever has waited in vain shall not be followed by others on a connection that may be stuck.
    if (inbox.received === 0) this.isUsable = false
    if (!this.isUsable && this.inFlight.size === 0) this.close()
    return true
  }

  private accept(piece: Buffer): void {
    const messages = this.frames.accept(piece)
    if (messages === undefined) {
      const { maxMessageOctets } = this.options.limits
      for (const { inbox } of this.inFlight.values())
        inbox.note(`a message of more than the ${maxMessageOctets} octets that this client takes`)
      this.end('sends a message that is too long')
      return
    }
    for (const message of messages) this.deliver(message)
  }

  private deliver(message: Buffer): void {
    this.isKept = true
    const requestId = uint32At(message, REQUEST_ID_AT)
    const waiting = this.inFlight.get(requestId)
    if (waiting !== undefined) waiting.inbox.push(message)
    // With several in flight nobody knows whose it is.
    else if (requestId === NO_REQUEST_ID && this.inFlight.size === 1)
      for (const { inbox } of this.inFlight.values())
        inbox.fail(inbox.fault('invalid-answer', 'says that it could not read the request'))
    else for (const { inbox } of this.inFlight.values()) inbox.note('a message that answers another request')
  }

  private cutOff(): string {
    const octets = this.frames.leftOver
    return octets === 0
      ? 'closes the connection without an answer'
      : `closes the connection after ${octets} octets of a message`
  }

  private end(what: string, cause?: unknown): void {
    if (!this.isUsable && this.socket.destroyed && this.inFlight.size === 0) return
    this.isUsable = false
    const left = [...this.inFlight.values()]
    this.inFlight.clear()
    this.socket.destroy()
    this.options.onClose()
    for (const { question, inbox } of left) {
      if (inbox.ended || (inbox.received === 0 && this.lost(question, inbox))) continue
      if (!this.isConnected) inbox.fail(inbox.fault('unreachable', what, cause))
      else inbox.fail(inbox.nothing('cut-off', what))
    }
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'is not there: nothing listens at it',
  ECONNRESET: 'cuts the connection without an answer',
  EPIPE: 'cuts the connection without an answer',
  ENOTFOUND: 'is not there: there is no host of that name',
}

function reasonOf(error: NodeJS.ErrnoException): string {
  return REASONS[error.code ?? ''] ?? `cannot be reached: ${messageOf(error)}`
}
