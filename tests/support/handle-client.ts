/** Sends octets of the native Handle protocol over real sockets, and gives what comes back, octet for octet. */
import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { frameOctets } from '../../src/protocols/handle/codec-frames.js'
import { encodeMessage, type Message } from '../../src/protocols/handle/codec-message.js'
import { FLAG, OP } from '../../src/protocols/handle/codes.js'

export interface DatagramClient {
  readonly port: number
  send(...packets: readonly Uint8Array[]): void
  /** All packets that came, in their order. */
  readonly received: readonly Buffer[]
  /** Resolves when so many have come. */
  packets(count: number): Promise<readonly Buffer[]>
  close(): void
}

const PATIENCE_MS = 30_000

export async function datagramClient(port: number, host = '127.0.0.1'): Promise<DatagramClient> {
  const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4')
  await new Promise<void>((resolve) => socket.bind(0, host, resolve))
  const received: Buffer[] = []
  const waiting = new Set<() => void>()
  socket.on('message', (packet) => {
    received.push(packet)
    for (const look of waiting) look()
  })
  return {
    port: socket.address().port,
    received,
    send: (...packets) => {
      for (const packet of packets) socket.send(packet, port, host)
    },
    packets: (count) =>
      within(
        new Promise((resolve) => {
          const look = () => {
            if (received.length < count) return
            waiting.delete(look)
            resolve(received.slice(0, count))
          }
          waiting.add(look)
          look()
        }),
        () => `${received.length} of ${count} packets came`,
      ),
    close: () => socket.close(),
  }
}

export interface StreamClient {
  readonly socket: net.Socket
  send(octets: Uint8Array): void
  /** The next messages, envelopes included. */
  messages(count: number): Promise<readonly Buffer[]>
  readonly ended: Promise<unknown>
  close(): void
}

export async function streamClient(port: number, host = '127.0.0.1'): Promise<StreamClient> {
  const socket = net.connect({ port, host, noDelay: true })
  // Which of the two it was, the tests look at by what came.
  socket.on('error', () => undefined)
  const ended = once(socket, 'close')
  await once(socket, 'connect')
  let octets: Buffer = Buffer.alloc(0)
  let look: () => void = () => undefined
  socket.on('data', (more: Buffer) => {
    octets = Buffer.concat([octets, more])
    look()
  })
  const next = (): Buffer | undefined => {
    const frame = frameOctets(octets, { start: 0, end: octets.length }, 2 ** 31)
    if (frame <= 0 || frame > octets.length) return undefined
    const message = octets.subarray(0, frame)
    octets = octets.subarray(frame)
    return message
  }
  return {
    socket,
    ended,
    send: (sent) => void socket.write(sent),
    messages: (count) => {
      const found: Buffer[] = []
      const all = new Promise<readonly Buffer[]>((resolve) => {
        look = () => {
          for (let message = found.length < count ? next() : undefined; message; ) {
            found.push(message)
            message = found.length < count ? next() : undefined
          }
          if (found.length === count) resolve(found)
        }
        look()
      })
      return within(all, () => `${found.length} of ${count} messages came`)
    },
    close: () => socket.destroy(),
  }
}

/** A look-up as clients in use send it; with what is given in place of the usual. */
export function lookUp(
  handle: string,
  other: {
    readonly requestId?: number
    readonly opFlags?: number
    readonly indexes?: readonly number[]
    readonly types?: readonly string[]
  } = {},
): Message {
  const version = { major: 2, minor: 11 }
  return {
    envelope: { version, suggestedVersion: version, sessionId: 0, requestId: other.requestId ?? 1 },
    header: {
      opCode: OP.resolve,
      responseCode: 0,
      opFlags: other.opFlags ?? USUAL_FLAGS,
      siteSerial: 0xffff,
      recursionCount: 0,
      expirationSeconds: 1_800_000_000,
    },
    body: { kind: 'query', handle, indexes: other.indexes ?? [], types: other.types ?? [] },
  }
}

export const USUAL_FLAGS = FLAG.recursive | FLAG.cacheCertify | FLAG.publicOnly

export function lookUpOctets(...parameters: Parameters<typeof lookUp>): Buffer {
  return encodeMessage(lookUp(...parameters))
}

/** POST of a message, as clients in use tunnel it. */
export async function tunnelled(
  url: string,
  octets: Uint8Array,
): Promise<{ status: number; octets: Buffer; type: string }> {
  const response = await fetch(`${url}/88.100.1%2Fpump-0001`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-hdl-message', accept: 'application/x-hdl-message' },
    body: new Uint8Array(octets),
  })
  const type = response.headers.get('content-type') ?? ''
  return { status: response.status, octets: Buffer.from(await response.arrayBuffer()), type }
}

async function within<Value>(wanted: Promise<Value>, state: () => string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${state()} within ${PATIENCE_MS / 1000} s`)), PATIENCE_MS)
  })
  try {
    return await Promise.race([wanted, late])
  } finally {
    clearTimeout(timer)
  }
}
