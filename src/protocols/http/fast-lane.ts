/**
 * A lane in front of node:http for requests that are answered from memory at once: they need no message objects, no
 * streams and no routing, which together cost more than the answer. It reads what comes on a connection itself, and
 *
 *   plain GET that the door knows    one string, written in one piece with those of the same packet
 *   any other GET or HEAD            given to the server as an ordinary request; the lane goes on after its answer
 *   anything else                    the connection is node:http's from here on, with all that was not answered yet
 *
 * Only heads of the strictest form are read here (request-head.ts). Bounds: a connection that says nothing is closed after
 * the time for a head, or between requests after the keep-alive time; a head that comes in more than two pieces is node:http's.
 */
import { IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type FieldBlock, type RequestLine, readFieldBlock, readRequestLine } from './request-head.js'

/** The whole response to a plain GET of this path, octets as latin1 characters; undefined when it is not known at once. */
export type LaneDoor = (path: string) => string | undefined

export interface LaneOptions {
  readonly door: LaneDoor
  /** False: every request goes through node:http. */
  readonly isOpen: () => boolean
  /** Whether this one request is to be an ordinary one, for somebody who wants to see it whole. */
  readonly isDiverted: (from: Socket) => boolean
  readonly headTimeoutMs: number
  readonly keepAliveMs: number
  readonly maxHeadOctets: number
}

interface WithFields {
  _addHeaderLines(rawHeaders: string[], count: number): void
}

const HEAD_END = '\r\n\r\n'

/** Takes the connections of the server before node:http does. */
export function fastLane(server: Server, options: LaneOptions): void {
  const [toNodeHttp] = server.listeners('connection') as ((socket: Socket) => void)[]
  server.off('connection', toNodeHttp!)
  server.prependListener('connection', (socket: Socket) => {
    if (options.isOpen()) new Lane(server, socket, { ...options, leave: () => toNodeHttp!.call(server, socket) })
    else toNodeHttp!.call(server, socket)
  })
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
  #blockText: string | undefined
  #block: FieldBlock | undefined

  constructor(server: Server, socket: Socket, options: LaneOptions & { leave(): void }) {
    this.#server = server
    this.#socket = socket
    this.#options = options
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.on('timeout', this.#onTimeout)
    socket.on('close', this.#onClose)
    socket.setTimeout(options.headTimeoutMs)
  }

  readonly #onData = (octets: Buffer): void => {
    this.#unread = this.#unread === '' ? octets.toString('latin1') : this.#unread + octets.toString('latin1')
    if (this.#asked === undefined) this.#read()
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
      if (answer === undefined) {
        this.#send(answers)
        this.#unread = text.slice(at)
        this.#ask(line, fields)
        return
      }
      answers += answer
    }
    this.#keep(text, at, answers)
  }

  /** Nothing more can be answered; what is left is the beginning of a head, or nothing. */
  #keep(text: string, at: number, answers: string): void {
    const isAtEnd = at === text.length
    const isOverdue = this.#isWaiting && at === 0
    if (!isAtEnd && (isOverdue || text.length - at > this.#options.maxHeadOctets)) {
      this.#leave(answers, at)
      return
    }
    this.#unread = isAtEnd ? '' : text.slice(at)
    this.#isWaiting = !isAtEnd
    if (answers === '') return
    this.#socket.setTimeout(isAtEnd ? this.#options.keepAliveMs : this.#options.headTimeoutMs)
    this.#send(answers)
  }

  #answerTo({ method, path }: RequestLine, { isPlain }: FieldBlock): string | undefined {
    if (!isPlain || method !== 'GET' || this.#options.isDiverted(this.#socket)) return undefined
    return this.#options.door(path)
  }

  #fieldsOf(text: string): FieldBlock | undefined {
    if (text !== this.#blockText) {
      this.#blockText = text
      this.#block = readFieldBlock(text)
    }
    return this.#block
  }

  #send(answers: string): void {
    if (answers === '' || this.#socket.write(answers, 'latin1')) return
    // Whoever does not read its answers is not asked for more.
    this.#socket.pause()
    this.#socket.once('drain', () => this.#socket.resume())
  }

  /** As node:http would: a message and its response, one at a time. */
  #ask({ method, path }: RequestLine, { rawHeaders }: FieldBlock): void {
    const socket = this.#socket
    socket.pause()
    const request = new IncomingMessage(socket)
    this.#asked = request
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
    // Whoever has said all it had to say gets its answer, and the end.
    if (!response.shouldKeepAlive || socket.readableEnded) {
      socket.destroySoon()
      return
    }
    socket.setTimeout(this.#options.keepAliveMs)
    socket.resume()
    if (this.#unread !== '') this.#read()
  }

  #leave(answers: string, at: number): void {
    const socket = this.#socket
    if (answers !== '') socket.write(answers, 'latin1')
    for (const [event, listener] of [
      ['data', this.#onData],
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

  readonly #onEnd = (): void => {
    if (this.#asked === undefined) this.#socket.end()
  }

  readonly #onError = (): void => {
    this.#socket.destroy()
  }

  readonly #onTimeout = (): void => {
    if (this.#asked === undefined) this.#socket.destroy()
  }

  readonly #onClose = (): void => {
    this.#asked?.destroy()
  }
}
