/**
 * One keep-alive connection, one request in flight: the cheapest client that still behaves like a browser or a proxy.
 * Reads into one buffer per socket, so that answers leave no garbage behind.
 */
import { connect, type Socket } from 'node:net'
import { responseReader } from './response-reader.js'

export interface HttpSocketOptions {
  readonly port: number
  onAnswer(status: number, octets: number, answer: Buffer | undefined): void
  /** The connection ended before `close`. */
  onLost(error: Error): void
  /** Hands the octets of answers to `onAnswer`. */
  readonly keep?: boolean
}

export interface HttpSocket {
  /** A whole request, head and body. Only when the answer to the one before has arrived. */
  send(request: Buffer): void
  close(): void
}

const READ_BUFFER_OCTETS = 65_536

/** Resolves when connected to 127.0.0.1. */
export function openHttpSocket(options: HttpSocketOptions): Promise<HttpSocket> {
  return new Promise((resolve, reject) => {
    let closed = false
    let connected = false
    const reader = responseReader({ onAnswer: options.onAnswer, keep: options.keep ?? false })
    const lose = (error: Error) => {
      if (!connected) reject(error)
      else if (!closed) options.onLost(error)
      closed = true
      socket.destroy()
    }
    const socket: Socket = connect({
      host: '127.0.0.1',
      port: options.port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(READ_BUFFER_OCTETS),
        callback: (length, buffer) => {
          try {
            reader.feed(buffer as Buffer, length)
          } catch (error) {
            lose(error as Error)
          }
          return true
        },
      },
    })
    socket.on('error', lose)
    socket.on('close', () => lose(new Error('the server closed the connection')))
    socket.on('connect', () => {
      connected = true
      resolve({
        send: (request) => {
          socket.write(request)
        },
        close: () => {
          closed = true
          socket.destroy()
        },
      })
    })
  })
}

/** All or none. */
export async function openHttpSockets(
  count: number,
  optionsOf: (index: number) => HttpSocketOptions,
): Promise<HttpSocket[]> {
  const opening = Array.from({ length: count }, (_, index) => openHttpSocket(optionsOf(index)))
  try {
    return await Promise.all(opening)
  } catch (error) {
    for (const opened of await Promise.allSettled(opening)) if (opened.status === 'fulfilled') opened.value.close()
    throw error
  }
}
