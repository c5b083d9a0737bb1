/** A Handle server of a test's own making, on real sockets: what it says to each message is the test's business. */
import { createSocket, type RemoteInfo } from 'node:dgram'
import http, { type RequestListener } from 'node:http'
import https from 'node:https'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { ServerAddress } from '../../../../src/protocols/handle/client/server-address.js'
import { packetsOf } from '../../../../src/protocols/handle/codec-packets.js'
import { Reassembly } from '../../../../src/protocols/handle/codec-reassembly.js'

export interface Said {
  /** Whole messages, or anything else: sent as they are. */
  readonly messages: readonly Buffer[]
  /** Over TCP: the connection ends behind them. */
  readonly closes?: boolean
  readonly resets?: boolean
}

/** Undefined: silence. */
export type Script = (
  request: Buffer,
  place: number,
  /** Over UDP and TCP, for whatever a script does at another time. */
  send: (octets: Buffer) => void,
) => Buffer | readonly Buffer[] | Said | undefined | Promise<Buffer | readonly Buffer[] | Said | undefined>

export interface ScriptedServer {
  readonly address: ServerAddress
  /** Whole messages, as they came. */
  readonly requests: Buffer[]
  /** That there ever were, and that are open. */
  readonly connections: () => number
  readonly open: () => number
  close(): Promise<void>
}

function saidBy(outcome: Awaited<ReturnType<Script>>): Said {
  if (outcome === undefined) return { messages: [] }
  if (Buffer.isBuffer(outcome)) return { messages: [outcome] }
  return Array.isArray(outcome) ? { messages: outcome } : (outcome as Said)
}

const LIMITS = { maxMessageOctets: 1_000_000, maxWaiting: 100, maxWaitingOctets: 10_000_000, maxWaitMs: 10_000 }

export async function udpServer(script: Script, port = 0): Promise<ScriptedServer> {
  const requests: Buffer[] = []
  const reassembly = new Reassembly(LIMITS)
  const socket = createSocket('udp4')
  socket.on('message', (packet, from) => void answer(packet, from))
  async function answer(packet: Buffer, from: RemoteInfo): Promise<void> {
    const whole = reassembly.accept(`${from.port}`, packet, 0)
    if (whole.kind !== 'whole') return
    requests.push(whole.message)
    const send = (octets: Buffer) => socket.send(octets, from.port, from.address)
    for (const message of saidBy(await script(whole.message, requests.length - 1, send)).messages)
      for (const one of packetsOf(message, false)) send(one)
  }
  await new Promise<void>((resolve) => socket.bind(port, '127.0.0.1', resolve))
  const close = () => new Promise<void>((resolve) => socket.close(() => resolve()))
  const address = { transport: 'udp' as const, host: '127.0.0.1', port: socket.address().port }
  return { address, requests, connections: () => 0, open: () => 0, close }
}

/** @param listensOn 0.0.0.0: all of 127/8 */
export async function tcpServer(script: Script, listensOn = '127.0.0.1'): Promise<ScriptedServer> {
  const requests: Buffer[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    let unread = Buffer.alloc(0)
    socket.on('data', (piece) => {
      unread = Buffer.concat([unread, piece])
      while (unread.length >= 20 && unread.length >= 20 + unread.readUInt32BE(16)) {
        const request = unread.subarray(0, 20 + unread.readUInt32BE(16))
        unread = unread.subarray(request.length)
        requests.push(request)
        void answer(request, requests.length - 1, socket)
      }
    })
  })
  async function answer(request: Buffer, place: number, socket: Socket): Promise<void> {
    const said = saidBy(await script(request, place, (octets) => socket.write(octets)))
    for (const message of said.messages) socket.write(message)
    if (said.closes) socket.end()
    if (said.resets) socket.resetAndDestroy()
  }
  await new Promise<void>((resolve) => server.listen(0, listensOn, resolve))
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })
  const address = { transport: 'tcp' as const, host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  return { address, requests, connections: () => connections, open: () => sockets.size, close }
}

/** @param tls key and certificate: it then listens for https */
export async function httpServer(
  script: Script,
  tls?: { readonly key: string; readonly cert: string },
): Promise<ScriptedServer & { readonly paths: string[] }> {
  const requests: Buffer[] = []
  const paths: string[] = []
  const answer: RequestListener = (request, response) => {
    void buffer(request).then(async (bytes) => {
      requests.push(bytes)
      paths.push(`${request.method} ${request.url} ${request.headers['content-type']} ${request.headers.accept}`)
      const said = saidBy(await script(bytes, requests.length - 1, () => undefined))
      response.writeHead(200, { 'content-type': 'application/x-hdl-message' })
      response.end(Buffer.concat(said.messages))
    })
  }
  const server = tls === undefined ? http.createServer(answer) : https.createServer(tls, answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  const transport = tls === undefined ? ('http' as const) : ('https' as const)
  const address = { transport, host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  return { address, requests, paths, connections: () => 0, open: () => 0, close }
}
