/** One kept-alive connection to a node, one request at a time, with as little work per request as Node allows. */
import net from 'node:net'

export interface Request {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'PATCH'
  readonly path: string
  /** Lines of the head, each without its end. */
  readonly headers?: readonly string[]
  readonly body?: string
}

export interface Reply {
  readonly status: number
  /** Status line and fields, names in lower case, each field on a line that begins and ends with CR LF. */
  readonly head: string
  readonly body: string
}

/** Why there is no reply. */
export type Failure = 'timeout' | 'connection'

const CONTENT_LENGTH = /\r\ncontent-length: (\d+)/
const EMPTY = Buffer.alloc(0)

export class HttpLine {
  readonly #port: number
  #socket: net.Socket | undefined
  #received: Buffer = EMPTY
  #waiting: { settle(reply: Reply | Failure): void } | undefined

  constructor(port: number) {
    this.#port = port
  }

  /** Never throws. A line that failed is connected anew by the next request. */
  ask(request: Request, timeoutMs: number): Promise<Reply | Failure> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#fail('timeout'), timeoutMs)
      this.#waiting = {
        settle: (reply) => {
          clearTimeout(timer)
          this.#waiting = undefined
          resolve(reply)
        },
      }
      this.#socket ??= this.#connect()
      this.#socket.write(encode(request))
    })
  }

  close(): void {
    this.#fail('connection')
  }

  #connect(): net.Socket {
    const socket = net.connect(this.#port, '127.0.0.1')
    socket.setNoDelay(true)
    this.#received = EMPTY
    socket.on('data', (bytes: Buffer) => {
      if (socket === this.#socket) this.#take(bytes)
    })
    const lost = () => {
      if (socket === this.#socket) this.#fail('connection')
    }
    socket.on('error', lost)
    socket.on('close', lost)
    return socket
  }

  #fail(why: Failure): void {
    this.#socket?.destroy()
    this.#socket = undefined
    this.#waiting?.settle(why)
  }

  #take(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes])
    const end = this.#received.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = this.#received.toString('latin1', 0, end + 2).toLowerCase()
    const length = Number(CONTENT_LENGTH.exec(head)?.[1] ?? 0)
    const bodyAt = end + 4
    if (this.#received.length < bodyAt + length) return

    const reply = {
      status: Number(head.slice(9, 12)),
      head,
      body: this.#received.toString('utf8', bodyAt, bodyAt + length),
    }
    this.#received = EMPTY
    if (head.includes('\r\nconnection: close')) {
      this.#socket?.destroy()
      this.#socket = undefined
    }
    this.#waiting?.settle(reply)
  }
}

/** A field's value, or undefined. `name` in lower case. */
export function fieldOf({ head }: Reply, name: string): string | undefined {
  const at = head.indexOf(`\r\n${name}: `)
  if (at < 0) return undefined
  const from = at + name.length + 4
  return head.slice(from, head.indexOf('\r\n', from))
}

function encode({ method, path, headers = [], body }: Request): string {
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: node', ...headers]
  if (body !== undefined) lines.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`)
  return `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`
}
