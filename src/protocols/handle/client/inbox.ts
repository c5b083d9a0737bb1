/**
 * The messages that come in answer to one request, between the transport that brings them and the exchange that reads
 * them. Bounded in octets and in time.
 */
import type { KeyObject } from 'node:crypto'
import { patientTimer } from '../../../platform/patient-timer.js'
import { HandleFault, type HandleFaultReason } from './faults.js'
import { formatServerAddress, type ServerAddress } from './server-address.js'

/** What a transport is to carry. */
export interface Question {
  /** The whole message. */
  readonly bytes: Buffer
  readonly requestId: number
  /** For the path of the HTTP tunnel. */
  readonly handle: string
  readonly timeoutMs: number
  readonly maxAnswerOctets: number
  /** Of the server, where it is known: it vouches for https too. */
  readonly publicKey?: KeyObject
  /** Asking twice does no harm. */
  readonly isRepeatable: boolean
}

/** Messages with the request's id, one after the other. */
export interface Answers {
  /** @throws HandleFault when no (further) message comes */
  next(): Promise<Buffer>
  /** No more are wanted. */
  end(): void
}

export type Ask = (address: ServerAddress, question: Question) => Answers

export interface InboxOptions {
  readonly address: ServerAddress
  readonly question: Question
  /** Called once, when nothing more is wanted or can come. */
  readonly onEnd: () => void
}

export class Inbox implements Answers {
  /** Messages that came, whether they were read or not. */
  received = 0
  private readonly unread: Buffer[] = []
  private octets = 0
  private failure: HandleFault | undefined
  private wake: (() => void) | undefined
  private isOver = false
  private readonly options: InboxOptions
  private readonly stopWaiting: () => void
  /** What came and was no message: told when nothing better comes. */
  private oddity: string | undefined

  constructor(options: InboxOptions) {
    this.options = options
    this.stopWaiting = patientTimer(options.question.timeoutMs, () => this.fail(this.late()))
  }

  get ended(): boolean {
    return this.isOver
  }

  push(message: Buffer): void {
    if (this.isOver) return
    this.received++
    this.octets += message.length
    const { maxAnswerOctets } = this.options.question
    if (this.octets > maxAnswerOctets) {
      this.fail(this.fault('invalid-answer', `sends an answer of more than ${maxAnswerOctets} octets`))
      return
    }
    this.unread.push(message)
    this.wake?.()
  }

  /** Something came that was no message; a right one may still follow. */
  note(oddity: string): void {
    this.oddity ??= oddity
  }

  fail(failure: HandleFault): void {
    if (this.isOver) return
    this.failure = failure
    this.finish()
    this.wake?.()
  }

  /** With the server's name in front of `what`. */
  fault(reason: HandleFaultReason, what: string, cause?: unknown): HandleFault {
    return new HandleFault(reason, `${formatServerAddress(this.options.address)} ${what}.`, { cause })
  }

  async next(): Promise<Buffer> {
    for (;;) {
      const message = this.unread.shift()
      if (message !== undefined) return message
      if (this.failure !== undefined) throw this.failure
      if (this.isOver) throw new HandleFault('closed', 'The answer was given up.')
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
      this.wake = undefined
    }
  }

  end(): void {
    if (this.isOver) return
    this.finish()
    this.wake?.()
  }

  private finish(): void {
    this.isOver = true
    this.stopWaiting()
    this.options.onEnd()
  }

  /** The time is over. */
  late(waitedMs = this.options.question.timeoutMs): HandleFault {
    const seconds = Math.round(waitedMs / 10) / 100
    return this.nothing('timed-out', `gives no answer within ${seconds} s`)
  }

  /** Nothing (more) comes, and perhaps only something odd has come. */
  nothing(reason: HandleFaultReason, what: string): HandleFault {
    if (this.oddity === undefined) return this.fault(reason, what)
    return this.fault('invalid-answer', `${what}, only this: ${this.oddity}`)
  }
}
