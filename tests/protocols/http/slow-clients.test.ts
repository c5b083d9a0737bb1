/** Connections that say nothing, say it slowly, or do not listen: they end, and nobody else notices them. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import net, { type AddressInfo, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { endSlowReaders } from '../../../src/protocols/http/slow-readers.js'
import { get, makeEnterprise, put, type TestNode, testNode } from '../../support/node.js'

/** Their time is 3 s; Node's own would be a minute and more. */
const GONE_WITHIN = { timeout: 40_000, interval: 50 }

let node: TestNode
const sockets: Socket[] = []
const servers: Server[] = []

beforeAll(async () => {
  node = await testNode()
  const enterprise = await makeEnterprise(node, { id: 'pumps', prefix: '88.118.5' })
  await put(node, enterprise.apiKey, { identifier: '88.118.5/known', name: 'Known' })
})
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) server.close()
})
afterAll(() => node.close())

const HALF_SENT = [
  'GET /v1/identifiers/88.118.5/known HTTP/1.1\r\nHost: a\r\nX-A',
  'GET /v1/iden',
  'POST /v1/resolve HTTP/1.1\r\nHost: a\r\n',
  'HEAD /livez HTTP/1.1\r\n',
  '\x16\x03\x01',
]

test('hundreds of silent and half-sent connections are gone in seconds, and look-ups go on meanwhile', async () => {
  for (let n = 0; n < 300; n += 1) open(portOf(node.url))
  for (let n = 0; n < 200; n += 1) open(portOf(node.url)).write(HALF_SENT[n % HALF_SENT.length]!)
  const looking = lookUpUntil(() => sockets.every(({ destroyed }) => destroyed))
  await vi.waitUntil(() => sockets.every(({ destroyed }) => destroyed), GONE_WITHIN)
  const statuses = await looking
  expect(statuses.length).toBeGreaterThan(20)
  expect(new Set(statuses)).toEqual(new Set([200]))
})

test.each(HALF_SENT.slice(0, 4))('a head that drips in is cut off like one that stops: %j', async (start) => {
  const socket = open(portOf(node.url))
  socket.write(start)
  const dripping = setInterval(() => socket.write('x'), 200)
  await vi.waitUntil(() => socket.destroyed, GONE_WITHIN)
  clearInterval(dripping)
})

test('a connection that says nothing more after its answer ends after the time it was promised', async () => {
  const socket = open(portOf(node.url))
  socket.write('GET /v1/identifiers/88.118.5/known HTTP/1.1\r\nHost: a\r\n\r\n')
  const [answer] = await once(socket, 'data')
  expect(String(answer)).toMatch(/Keep-Alive: timeout=10/)
  await vi.waitUntil(() => socket.destroyed, GONE_WITHIN)
})

test('who does not read its answer is cut off; who reads slowly gets all of it, and who waits for it too', async () => {
  const octets = 24 * 2 ** 20
  const server = createServer((request, response) => {
    if (request.url === '/later') setTimeout(() => response.end('later'), 2_000)
    else response.end(Buffer.alloc(octets))
  })
  servers.push(server)
  endSlowReaders(server, 1_500)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const ask = (path: string) => {
    const socket = open(port)
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    return socket
  }

  const deaf = ask('/large').pause()
  deaf.on('end', () => undefined)
  await vi.waitUntil(async () => (await connectionsOf(server)) === 0, GONE_WITHIN)

  const patient = ask('/later')
  expect(String((await once(patient, 'data'))[0])).toContain('later')

  const slow = ask('/large')
  let received = 0
  slow.on('data', (piece: Buffer) => {
    received += piece.length
    slow.pause()
    setTimeout(() => slow.resume(), 1)
  })
  await vi.waitUntil(() => received > octets || slow.destroyed, GONE_WITHIN)
  expect(received).toBeGreaterThan(octets)
})

function open(port: number): Socket {
  const socket = net.connect(port, '127.0.0.1')
  // Read, so that the end is noticed.
  socket.on('error', () => undefined).resume()
  sockets.push(socket)
  return socket
}

async function lookUpUntil(isOver: () => boolean): Promise<number[]> {
  const statuses: number[] = []
  while (!isOver()) {
    const answer = await get(node, '88.118.5/known')
    await answer.arrayBuffer()
    statuses.push(answer.status)
    await delay(10)
  }
  return statuses
}

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}

function portOf(url: string): number {
  return Number(new URL(url).port)
}
