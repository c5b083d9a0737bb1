/**
 * A lane in front of node:http for plain look-ups: they need no message objects, no streams and no routing, which together
 * cost more than the answer. It reads what comes on a connection itself, and
 *
 *   plain GET that the door knows    one string, written in one piece with those of the same packet
 *   one that it will know            the same when it does; what comes after it on the connection waits
 *   any other GET or HEAD            given to the server as an ordinary request; the lane goes on after its answer
 *   anything else                    the connection is node:http's from here on, with all that was not answered yet
 *
 * Only heads of the strictest form are read here (request-head.ts). Bounds: a connection that says nothing is closed after
 * the time for a head, or between requests after the keep-alive time; a head that comes in more than two pieces is node:http's.
 */
import { IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ClientAddress } from './client-address.js'
import { type FieldBlock, mayBegin, type RequestLine, readFieldBlock, readRequestLine } from './request-head.js'

/**
 * Octets of a whole response, as latin1 characters; or what has been found out about a request that must be an ordinary
 * one, for whoever answers that (`knownOf`).
 */
export type LaneAnswer = string | { readonly known: unknown }

/**
 * What a plain GET of this path is answered, now or later; undefined: it is an ordinary request. What it promises is kept.
 * `from` is the address of who asks.
 */
export type LaneDoor = (path: string, from: string) => LaneAnswer | Promise<LaneAnswer> | undefined

export interface LaneOptions {
  readonly door: LaneDoor
  /** False: every request goes through node:http. */
  readonly isOpen: () => boolean
  /** Whether this one request is to be an ordinary one, for somebody who wants to see it whole. */
  readonly isDiverted: (from: Socket) => boolean
  readonly clientAddress: ClientAddress
  readonly headTimeoutMs: number
  readonly keepAliveMs: number
  readonly maxHeadOctets: number
}

const KNOWN = Symbol('known of the request')

interface WithKnown {
  [KNOWN]?: unknown
}

/** What the lane's door has found out about this request already. */
export function knownOf(request: IncomingMessage): unknown {
  return (request as WithKnown)[KNOWN]
}

/** In the place of a response: who drains the server sees that the connection is occupied, and says how it is to end. */
interface Occupied {
  shouldKeepAlive: boolean
  readonly headersSent: false
}

interface WithFields {
  _addHeaderLines(rawHeaders: string[], count: number): void
}

const HEAD_END = '\r\n\r\n'
/** Answers to requests that came in one piece are put together up to here: a request may be a thousandth of its answer. */
const MAX_PIECE_OCTETS = 64 * 1024

/** Takes the connections of the server before node:http does. */
export function fastLane(server: Server, options: LaneOptions): void {
  const [toNodeHttp] = server.listeners('connection') as ((socket: Socket) => void)[]
  server.off('connection', toNodeHttp!)
  server.prependListener('connection', (socket: Socket) => {
    if (options.isOpen()) new Lane(server, socket, { ...options, leave: () => toNodeHttp!.call(server, socket) })
    else toNodeHttp!.call(server, socket)
  })
}

interface Head {
  readonly line: RequestLine
  readonly fields: FieldBlock
}

class Lane {
  readonly #server: Server
  readonly #socket: Socket
  readonly #options: LaneOptions & { leave(): void }
  /** What came and is not answered yet. */
  #unread = ''
  #isWaiting = false
  /** The request that has no answer yet. */
  #asked: IncomingMessage | undefined
  /** The door has promised its answer. */
  #promised: Occupied | undefined
  #withinMs = 0
  /** The connection is node:http's. */
  #hasLeft = false
  #blockText: string | undefined
  #block: FieldBlock | undefined
  /** Of who asks, by the newest block. */
  #from = ''

  constructor(server: Server, socket: Socket, options: LaneOptions & { leave(): void }) {
    this.#server = server
    this.#socket = socket
    this.#options = options
    socket.on('data', this.#onData)
    socket.on('drain', this.#onDrain)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.on('timeout', this.#onTimeout)
    socket.on('close', this.#onClose)
    this.#expectWithin(options.headTimeoutMs)
  }

  readonly #onData = (octets: Buffer): void => {
    this.#unread = this.#unread === '' ? octets.toString('latin1') : this.#unread + octets.toString('latin1')
    if (!this.#isOccupied()) this.#read()
    // Whoever does not wait for answers is not listened to without end.
    else if (this.#unread.length > this.#options.maxHeadOctets) this.#socket.pause()
  }

  /** Whatever comes or goes on a connection begins its time anew: it is only to be told when the time is another one. */
  #expectWithin(ms: number): void {
    if (ms === this.#withinMs) return
    this.#withinMs = ms
    this.#socket.setTimeout(ms)
  }

  #isOccupied(): boolean {
    return this.#asked !== undefined || this.#promised !== undefined
  }

  /** Nothing is to be answered any more; what may be left is the beginning of a head. */
  #isDone(): boolean {
    return !this.#hasLeft && !this.#isOccupied() && !this.#socket.writableNeedDrain
  }

  /** Answers what it can of what has come. */
  #read(): void {
    const text = this.#unread
    let answers = ''
    let at = 0
    while (at < text.length) {
      const end = text.indexOf(HEAD_END, at)
      if (end < 0) break
      const isOurs = this.#options.isOpen() && end - at <= this.#options.maxHeadOctets
      const line = isOurs ? readRequestLine(text, at) : undefined
      const fields = line && line.end <= end ? this.#fieldsOf(text.slice(line.end, end)) : undefined
      if (line === undefined || fields === undefined) {
        this.#leave(answers, at)
        return
      }
      const answer = this.#answerTo(line, fields)
      at = end + HEAD_END.length
      if (typeof answer !== 'string') {
        this.#send(answers)
        this.#unread = text.slice(at)
        if (answer instanceof Promise) this.#await(answer, { line, fields })
        else this.#ask({ line, fields }, answer)
        return
      }
      answers += answer
      if (answers.length < MAX_PIECE_OCTETS) continue
      this.#expectWithin(this.#options.keepAliveMs)
      this.#send(answers)
      answers = ''
      if (this.#socket.writableNeedDrain) {
        this.#unread = text.slice(at)
        return
      }
    }
    this.#keep(text, at, answers)
  }

  /** Nothing more can be answered; what is left is the beginning of a head, or nothing. */
  #keep(text: string, at: number, answers: string): void {
    const isAtEnd = at === text.length
    const isOverdue = this.#isWaiting && at === 0
    if (!isAtEnd && (isOverdue || !mayBegin(text, at) || text.length - at > this.#options.maxHeadOctets)) {
      this.#leave(answers, at)
      return
    }
    this.#unread = isAtEnd ? '' : text.slice(at)
    this.#isWaiting = !isAtEnd
    if (answers === '') return
    this.#expectWithin(isAtEnd ? this.#options.keepAliveMs : this.#options.headTimeoutMs)
    this.#send(answers)
  }

  #answerTo({ method, path }: RequestLine, { isPlain }: FieldBlock): ReturnType<LaneDoor> {
    if (!isPlain || method !== 'GET' || this.#options.isDiverted(this.#socket)) return undefined
    return this.#options.door(path, this.#from)
  }

  #fieldsOf(text: string): FieldBlock | undefined {
    if (text !== this.#blockText) {
      this.#blockText = text
      this.#block = readFieldBlock(text)
      this.#from = this.#options.clientAddress(this.#socket.remoteAddress, this.#block?.forwardedFor)
    }
    return this.#block
  }

  #send(answers: string): void {
    // Whoever does not read its answers is not asked for more.
    if (answers !== '' && !this.#socket.write(answers, 'latin1')) this.#socket.pause()
  }

  #await(answer: Promise<LaneAnswer>, head: Head): void {
    const occupied = { shouldKeepAlive: true, headersSent: false } as const
    this.#promised = occupied
    occupy(this.#socket, occupied)
    answer.then((come) => this.#arrived(come, head))
  }

  #arrived(answer: LaneAnswer, head: Head): void {
    const socket = this.#socket
    const { shouldKeepAlive } = this.#promised!
    this.#promised = undefined
    occupy(socket, null)
    if (socket.destroyed) return
    // Only an ordinary response says that it is the last.
    if (typeof answer !== 'string' || !shouldKeepAlive) {
      this.#ask(head, typeof answer === 'string' ? undefined : answer)
      return
    }
    this.#expectWithin(this.#options.keepAliveMs)
    this.#send(answer)
    this.#goOn()
  }

  /** After an answer that came later, or when those sent before have gone. */
  #goOn(): void {
    const socket = this.#socket
    // Under an answer that was still on its way: what came behind it is nobody's any more.
    if (socket.destroyed) return
    if (socket.writableNeedDrain) {
      if (!socket.readableEnded) socket.pause()
      return
    }
    if (!socket.readableEnded && socket.isPaused()) socket.resume()
    if (this.#unread !== '') this.#read()
    // Whoever has said all it had to say gets its answers, and the end.
    if (socket.readableEnded && this.#isDone()) socket.destroySoon()
  }

  /** As node:http would: a message and its response, one at a time. */
  #ask({ line: { method, path }, fields: { rawHeaders } }: Head, answer?: { readonly known: unknown }): void {
    const socket = this.#socket
    socket.pause()
    const request: IncomingMessage & WithKnown = new IncomingMessage(socket)
    this.#asked = request
    if (answer !== undefined) request[KNOWN] = answer.known
    Object.assign(request, { method, url: path, httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1 })
    // Node's own method: it knows which fields may stand twice.
    const { _addHeaderLines: addFields } = request as unknown as WithFields
    addFields.call(request, [...rawHeaders], rawHeaders.length)
    request.complete = true
    request.push(null)
    const response = new ServerResponse(request)
    // Node's own field: what it says in the field Keep-Alive.
    Object.assign(response, { _keepAliveTimeout: this.#server.keepAliveTimeout })
    response.assignSocket(socket)
    // As node:http does: a response of many pieces waits for its turn to go on.
    const goOn = () => response.emit('drain')
    socket.on('drain', goOn)
    response.once('finish', () => {
      socket.off('drain', goOn)
      this.#answered(request, response)
    })
    this.#server.emit('request', request, response)
  }

  #answered(request: IncomingMessage, response: ServerResponse): void {
    const socket = this.#socket
    response.detachSocket(socket)
    request.resume()
    process.nextTick(() => response.emit('close'))
    this.#asked = undefined
    if (!response.shouldKeepAlive) {
      socket.destroySoon()
      return
    }
    this.#expectWithin(this.#options.keepAliveMs)
    this.#goOn()
  }

  #leave(answers: string, at: number): void {
    const socket = this.#socket
    this.#hasLeft = true
    if (answers !== '') socket.write(answers, 'latin1')
    for (const [event, listener] of [
      ['data', this.#onData],
      ['drain', this.#onDrain],
      ['end', this.#onEnd],
      ['error', this.#onError],
      ['timeout', this.#onTimeout],
      ['close', this.#onClose],
    ] as const) {
      socket.off(event, listener as () => void)
    }
    socket.setTimeout(0)
    const rest = Buffer.from(this.#unread.slice(at), 'latin1')
    this.#unread = ''
    this.#options.leave()
    // After node:http listens, and before anything newer is read.
    socket.emit('data', rest)
  }

  readonly #onDrain = (): void => {
    if (!this.#isOccupied()) this.#goOn()
  }

  readonly #onEnd = (): void => {
    if (!this.#isOccupied()) this.#socket.end()
  }

  readonly #onError = (): void => {
    this.#socket.destroy()
  }

  readonly #onTimeout = (): void => {
    if (!this.#isOccupied()) this.#socket.destroy()
  }

  readonly #onClose = (): void => {
    this.#asked?.destroy()
  }
}

/** Node's own field for the response that a connection is occupied with. */
function occupy(socket: Socket & { _httpMessage?: Occupied | null }, occupied: Occupied | null): void {
  socket._httpMessage = occupied
}
