/** The lane in front of node:http: what it answers itself, what it gives on, and that nobody can tell the difference. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import net from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { accessLog } from '../../../src/protocols/http/access-log.js'
import { clientAddress } from '../../../src/protocols/http/client-address.js'
import { fastLane, knownOf } from '../../../src/protocols/http/fast-lane.js'
import { readyOctets, readyStart, sendReady } from '../../../src/protocols/http/ready-response.js'
import { httpServer, KEEP_ALIVE_SECONDS } from '../../../src/protocols/http/server.js'
import { PATIENT } from '../../support/patience.js'

const KNOWN = '/known'
const LATER = '/later'
const LARGE_OCTETS = 8_000_000
const BODY = 'known at once'
const LARGE_BODY = 'x'.repeat(2_000_000)
const HEAD = ['Content-Type', 'text/plain', 'Content-Length', String(BODY.length)]
const FIELDS = 'Host: x\r\nUser-Agent: test\r\nAccept: */*\r\nConnection: keep-alive'

let asked = 0
let diverted = 0
const withLane = serving()
const without = serving()
const warnings: Error[] = []

function serving() {
  const app = httpServer({
    isDiverted: () => {
      diverted -= 1
      return diverted >= 0
    },
  })
  app.get(KNOWN, (_request, reply) => reply.raw.writeHead(200, HEAD).end(BODY))
  app.get('/slow', async (_request, reply) => {
    await delay(20)
    return reply.type('text/plain').send(Buffer.from('slow'))
  })
  app.get('/large', (_request, reply) => {
    const pieces = Readable.from(Array.from({ length: 80 }, () => Buffer.alloc(LARGE_OCTETS / 80, 'x')))
    reply.header('content-length', LARGE_OCTETS).send(pieces)
  })
  app.get(LATER, async (_request, reply) => {
    await delay(20)
    reply.raw.writeHead(200, HEAD).end(BODY)
  })
  app.get('/half-known', async ({ raw }, reply) => {
    return reply.type('text/plain').send(Buffer.from(String(knownOf(raw))))
  })
  app.post('/echo', async (request) => ({ body: request.body ?? null }))
  return app
}

beforeAll(async () => {
  process.on('warning', (warning) => warnings.push(warning))
  withLane.openLane(() => (path) => {
    if (path === '/half-known') return delay(5, { known: 'half' })
    if (path !== KNOWN && path !== LATER) return undefined
    asked += 1
    const octets = readyOctets({ start: readyStart(HEAD), body: BODY }, KEEP_ALIVE_SECONDS)
    return path === KNOWN ? octets : delay(20, octets)
  })
  for (const app of [withLane, without]) await app.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(async () => {
  await withLane.close()
  await without.close()
})

const get = (path: string, fields = FIELDS) => `GET ${path} HTTP/1.1\r\n${fields}\r\n\r\n`
const last = (path: string) => get(path, 'Host: x\r\nConnection: close')

test('what the door knows is answered by it, the rest as ever, in the order asked for', async () => {
  asked = 0
  const answers = await exchange(withLane, [
    get(KNOWN) + get('/slow') + get(KNOWN) + get('/missing') + get(KNOWN) + last('/slow'),
  ])
  expect(bodiesOf(answers)).toEqual([BODY, 'slow', BODY, expect.stringContaining('"status":404'), BODY, 'slow'])
  expect(asked).toBe(3)
})

test('the lane goes on after an ordinary request, however many there were', async () => {
  asked = 0
  const requests = Array.from({ length: 40 }, (_, n) => get(n % 2 === 0 ? '/slow' : KNOWN)).join('')
  expect(bodiesOf(await exchange(withLane, [requests + last(KNOWN)])).length).toBe(41)
  expect(asked).toBe(20)
  expect(warnings).toEqual([])
})

test('an answer that comes later keeps its place, and what is found out meanwhile is told to the ordinary request', async () => {
  asked = 0
  const requests = [LATER, KNOWN, '/half-known', LATER, LATER, '/slow', '/half-known'].map((path) => get(path)).join('')
  const answers = bodiesOf(await exchange(withLane, [requests + last('/slow')]))
  expect(answers).toEqual([BODY, BODY, 'half', BODY, BODY, 'slow', 'half', 'slow'])
  expect(asked).toBe(4)
  const apart = [LATER, '/half-known', LATER].map((path) => get(path))
  expect(bodiesOf(await exchange(withLane, [...apart, last(LATER)]))).toEqual([BODY, 'half', BODY, BODY])
  expect(warnings).toEqual([])
})

test('whoever has said all it had to say gets the answer that comes later, and the end', async () => {
  const socket = net.connect({ port: portOf(withLane), host: '127.0.0.1', allowHalfOpen: true })
  socket.setEncoding('latin1')
  let received = ''
  socket.on('data', (piece) => (received += piece))
  socket.end(get(LATER))
  await once(socket, 'end')
  expect(bodiesOf(received)).toEqual([BODY])
})

test('whoever asks for several things at once and has then said all gets all of them, and the end', async () => {
  const socket = net.connect({ port: portOf(withLane), host: '127.0.0.1', allowHalfOpen: true })
  const requests = [LATER, KNOWN, LATER, '/slow', '/half-known', KNOWN].map((path) => get(path)).join('')
  socket.end(requests)
  const octets = Buffer.concat((await socket.toArray()) as Buffer[]).toString('latin1')
  expect(bodiesOf(octets)).toEqual([BODY, BODY, BODY, 'slow', 'half', BODY])
})

test('a request is the same wherever its packets part', async () => {
  const request = get(KNOWN)
  asked = 0
  for (let part = 1; part < request.length; part += 7) {
    const answers = await exchange(withLane, [request.slice(0, part), request.slice(part) + last('/slow')])
    expect(bodiesOf(answers)).toEqual([BODY, 'slow'])
  }
  expect(asked).toBeGreaterThan(10)
})

test("a head in many small pieces is node:http's, and answered all the same", async () => {
  const pieces = [...get(KNOWN).match(/.{1,9}/gs)!, last('/slow')]
  expect(bodiesOf(await exchange(withLane, pieces))).toEqual([BODY, 'slow'])
})

test('a body may follow look-ups on the same connection, in the same packet', async () => {
  const post = `POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}`
  const answers = await exchange(withLane, [get(KNOWN) + post + get(KNOWN) + last(KNOWN)])
  expect(bodiesOf(answers)).toEqual([BODY, '{"body":{"a":1}}', BODY, BODY])
})

test('an answer larger than any buffer comes whole, and the lane goes on after it', async () => {
  const answers = await exchange(withLane, [get('/large') + get(KNOWN) + last(KNOWN)])
  expect(bodiesOf(answers).map(({ length }) => length)).toEqual([LARGE_OCTETS, BODY.length, BODY.length])
})

test('a request that is to be seen whole is an ordinary one', async () => {
  asked = 0
  diverted = 1
  expect(bodiesOf(await exchange(withLane, [get(KNOWN) + get(KNOWN) + last('/slow')]))).toEqual([BODY, BODY, 'slow'])
  expect(asked).toBe(1)
})

const UNUSUAL: readonly (readonly [what: string, request: string])[] = [
  ['HTTP/1.0', `GET ${KNOWN} HTTP/1.0\r\n\r\n`],
  ['HTTP/1.0 that keeps alive', `GET ${KNOWN} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`],
  ['no Host', get(KNOWN, 'Accept: */*')],
  ['no field at all', `GET ${KNOWN} HTTP/1.1\r\n\r\n`],
  ['two Hosts', get(KNOWN, 'Host: x\r\nHost: y')],
  ['a folded field', get(KNOWN, 'Host: x\r\nUser-Agent: a\r\n b')],
  ['bare line feeds', get(KNOWN).replaceAll('\r\n', '\n')],
  ['a bare line feed in a field', get(KNOWN, 'Host: x\nAccept: */*')],
  ['a bare carriage return', get(KNOWN, 'Host: x\rAccept: */*')],
  ['a space before the colon', get(KNOWN, 'Host : x')],
  ['a field without a name', get(KNOWN, 'Host: x\r\n: y')],
  ['NUL in a field', get(KNOWN, 'Host: x\r\nUser-Agent: \0')],
  ['an octet beyond ASCII in a field', get(KNOWN, 'Host: x\r\nUser-Agent: \xe9')],
  ['an octet beyond ASCII in the path', get(`${KNOWN}\xe9`)],
  ['a space in the path', get(`${KNOWN} x`)],
  ['a fragment', get(`${KNOWN}#x`)],
  ['an absolute address', get(`http://x${KNOWN}`)],
  ['a lower-case method', get(KNOWN).replace('GET', 'get')],
  ['two spaces after the method', get(KNOWN).replace('GET ', 'GET  ')],
  ['an empty line in front', `\r\n${get(KNOWN)}`],
  ['a body with a length', `${get(KNOWN, 'Host: x\r\nContent-Length: 3')}abc`],
  ['a body in chunks', `${get(KNOWN, 'Host: x\r\nTransfer-Encoding: chunked')}3\r\nabc\r\n0\r\n\r\n`],
  ['two lengths', `${get(KNOWN, 'Host: x\r\nContent-Length: 3\r\nContent-Length: 4')}abcd`],
  ['length and chunks', `${get(KNOWN, 'Host: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked')}0\r\n\r\n`],
  ['an expectation', get(KNOWN, 'Host: x\r\nExpect: 100-continue')],
  ['an upgrade', get(KNOWN, 'Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket')],
  ['Connection: close', get(KNOWN, 'Host: x\r\nConnection: close')],
  ['Connection: Keep-Alive', get(KNOWN, 'Host: x\r\nConnection: Keep-Alive')],
  ['another media type', get(KNOWN, 'Host: x\r\nAccept: application/x-protobuf')],
  ['HEAD', get(KNOWN).replace('GET', 'HEAD')],
  ['a name of every allowed sign', get(KNOWN, "Host: x\r\n!#$%&'*+.^_`|~-9Az: y")],
  ['an empty field', get(KNOWN, 'Host: x\r\nUser-Agent:')],
  ['spaces around a field', get(KNOWN, 'Host:  x \r\nAccept:\t*/*\t')],
  ['too many octets of fields', get(KNOWN, `Host: x\r\nUser-Agent: ${'a'.repeat(20_000)}`)],
  ['many fields', get(KNOWN, `Host: x${'\r\nX-Field: 1'.repeat(200)}`)],
  ['a method that nobody knows', get(KNOWN).replace('GET', 'BREW')],
  ['no HTTP', 'hello\r\n\r\n'],
  ['a version that nobody knows', get(KNOWN).replace('HTTP/1.1', 'HTTP/2.0')],
]

test.each(UNUSUAL)('nobody can tell the lane from node:http by %s', async (_what, request) => {
  const [one, other] = await Promise.all([withLane, without].map((app) => exchange(app, [request + last(KNOWN)])))
  expect(comparable(one!)).toBe(comparable(other!))
})

test('a client that reads nothing is not answered without end', async () => {
  asked = 0
  const socket = net.connect(portOf(withLane), '127.0.0.1')
  socket.on('error', () => undefined)
  socket.pause()
  const many = get(KNOWN).repeat(500)
  let blocked = 0
  // The kernel's buffers take some megabytes; then nothing may move any more, whatever the client has still to say.
  while (blocked < 3) {
    const before = asked
    if (!socket.write(many)) await Promise.race([once(socket, 'drain'), delay(100)])
    blocked = asked === before && socket.writableLength > 0 ? blocked + 1 : 0
    expect(asked).toBeLessThan(500_000)
  }
  socket.destroy()
})

test('however much is asked for in one packet, no more is answered than the client takes', async () => {
  const { app, times } = await servingLarge()
  const socket = net.connect(portOf(app), '127.0.0.1')
  socket.pause()
  socket.write(get(KNOWN).repeat(150) + last('/ordinary'))
  await vi.waitUntil(() => times.asked > 0, PATIENT)
  // The kernel's buffers take some megabytes.
  await delay(100)
  expect(times.asked).toBeLessThan(100)
  let octets = 0
  socket.on('data', (piece: Buffer) => (octets += piece.length)).resume()
  await once(socket, 'end')
  expect(times.asked).toBe(150)
  expect(octets).toBeGreaterThan(151 * LARGE_BODY.length)
  await app.close()
})

test('the lane goes on after an ordinary answer that the kernel could not take at once', async () => {
  const { app } = await servingLarge()
  const socket = net.connect(portOf(app), '127.0.0.1')
  // More than the kernel's buffers take, of a client that reads nothing until it has sent all.
  socket.pause()
  for (let times = 0; times < 8; times += 1) {
    socket.write(get('/ordinary'))
    await delay(20)
  }
  socket.write(last(KNOWN))
  let octets = 0
  socket.on('data', (piece: Buffer) => (octets += piece.length)).resume()
  await once(socket, 'end')
  expect(octets).toBeGreaterThan(9 * LARGE_BODY.length)
  await app.close()
})

test('of a connection that was closed under an answer nothing more is carried out', async () => {
  const { app, times } = await servingLarge()
  const accepted = once(app.server, 'connection')
  const socket = net.connect(portOf(app), '127.0.0.1')
  socket.on('error', () => undefined).pause()
  const [connection] = (await accepted) as [net.Socket]
  for (let sent = 0; !connection.writableNeedDrain; sent += 1) {
    expect(sent).toBeLessThan(20)
    socket.write(get('/whole') + get(KNOWN).repeat(2))
    await delay(20)
  }
  const before = times.asked
  connection.destroy()
  await once(connection, 'close')
  await delay(20)
  expect(times.asked).toBe(before)
  socket.destroy()
  await app.close()
})

test.each(['/slow', LATER, '/half-known'])(
  'a client that goes while its request is under way harms nobody (%s)',
  async (path) => {
    const socket = net.connect(portOf(withLane), '127.0.0.1', () => socket.write(get(path)))
    await delay(4)
    socket.destroy()
    await vi.waitUntil(async () => (await connectionsOf(withLane.server)) === 0, PATIENT)
    expect(bodiesOf(await exchange(withLane, [last(KNOWN)]))).toEqual([BODY])
  },
)

test('silence ends a connection: before a head, in the middle of one, and between requests', async () => {
  const server = createServer((_request, response) => response.end('ordinary'))
  server.keepAliveTimeout = 60_000
  server.headersTimeout = 2_000
  const door = () => readyOctets({ start: readyStart(HEAD), body: BODY }, 1)
  fastLane(server, {
    door,
    isOpen: () => true,
    isDiverted: () => false,
    clientAddress: clientAddress(false),
    headTimeoutMs: 1_000,
    keepAliveMs: 1_000,
    maxHeadOctets: 1_000,
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const silent = ['', 'GET /x HT', get('/x'), `${get('/x')}GET /x HT`]
  const received = await Promise.all(silent.map((text) => exchange({ server }, [text])))
  expect(received.map((octets) => (octets === '' ? 0 : bodiesOf(octets).length))).toEqual([0, 0, 1, 1])
  server.close()
})

test('a client that goes on sending while its answer is awaited is not listened to without end', async () => {
  const server = createServer((_request, response) => response.end('ordinary'))
  let answer: (octets: string) => void = () => undefined
  const awaited = new Promise<string>((resolve) => {
    answer = resolve
  })
  const timing = { headTimeoutMs: 60_000, keepAliveMs: 50, clientAddress: clientAddress(false) }
  const options = { isOpen: () => true, isDiverted: () => false, ...timing }
  fastLane(server, { ...options, door: () => awaited, maxHeadOctets: 1_000 })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const socket = net.connect(portOf({ server }), '127.0.0.1')
  const many = get('/x').repeat(1_000)
  let sent = 0
  // The kernel's buffers take some megabytes; the rest stays with the client, however long the answer takes.
  for (let stuck = 0; stuck < 3; ) {
    if (!socket.write(many)) await Promise.race([once(socket, 'drain'), delay(100)])
    sent += many.length
    stuck = socket.writableLength > many.length ? stuck + 1 : 0
    expect(sent).toBeLessThan(200_000_000)
  }
  socket.resume()
  answer(readyOctets({ start: readyStart(HEAD), body: BODY }, 1))
  await once(socket, 'data')
  socket.destroy()
  server.close()
})

test('a drain lets an answer that is awaited be the last of its connection, and says so', async () => {
  const app = httpServer({ drainMs: 30_000 })
  let answer: (octets: string) => void = () => undefined
  const awaited = new Promise<string>((resolve) => {
    answer = resolve
  })
  app.openLane(() => () => awaited)
  app.get(KNOWN, async () => 'routed')
  await app.listen({ port: 0, host: '127.0.0.1' })
  const received = exchange(app, [get(KNOWN)])
  await vi.waitUntil(async () => (await connectionsOf(app.server)) === 1, PATIENT)
  await delay(20)
  const closed = app.close()
  await vi.waitUntil(() => !app.server.listening, PATIENT)
  answer(readyOctets({ start: readyStart(HEAD), body: BODY }, KEEP_ALIVE_SECONDS))
  expect(await received).toMatch(/connection: close/i)
  expect(bodiesOf(await received)).toEqual(['routed'])
  await closed
})

test('look-ups are logged by share, whichever way they took', async () => {
  let logged = 0
  const access = accessLog({ log: { info: () => (logged += 1) }, sample: 0.5 })
  const app = httpServer({ onArrival: access.arrived, isDiverted: access.wants })
  app.openLane(() => (path) => (path === KNOWN ? readyOctets({ start: readyStart(HEAD), body: BODY }, 10) : undefined))
  app.get(KNOWN, (_request, reply) => reply.raw.writeHead(200, HEAD).end(BODY))
  app.get('/other', async () => 'routed')
  await app.listen({ port: 0, host: '127.0.0.1' })
  for (const path of [KNOWN, '/other']) {
    logged = 0
    await exchange(app, [get(path).repeat(400) + last('/other')])
    // Half of 400, give or take six standard deviations.
    expect(Math.abs(logged - 200)).toBeLessThan(60)
  }
  await app.close()
})

test('a drain ends a connection of the lane with its next answer, or when its time is over', async () => {
  const app = httpServer({ drainMs: 3_000 })
  app.openLane(() => () => readyOctets({ start: readyStart(HEAD), body: BODY }, KEEP_ALIVE_SECONDS))
  app.get(KNOWN, async () => 'routed')
  await app.listen({ port: 0, host: '127.0.0.1' })
  const [asking, idle] = [0, 1].map(() => net.connect(portOf(app), '127.0.0.1')) as [net.Socket, net.Socket]
  for (const socket of [asking, idle]) {
    socket.write(get(KNOWN))
    await once(socket, 'data')
  }
  const closed = app.close()
  await vi.waitUntil(() => !app.server.listening, PATIENT)
  asking.write(get(KNOWN))
  const [answer] = await once(asking, 'data')
  expect(String(answer)).toMatch(/connection: close/i)
  const ended = [asking, idle].map((socket) => socket.resume().readableEnded || once(socket, 'end'))
  await closed
  await Promise.all(ended)
})

/** In the lane and, as an ordinary request, with a response that is finished before it is sent. */
async function servingLarge() {
  const app = httpServer()
  const ready = { start: readyStart(['Content-Length', String(LARGE_BODY.length)]), body: LARGE_BODY }
  const times = { asked: 0 }
  app.openLane(() => (path) => {
    if (path !== KNOWN) return undefined
    times.asked += 1
    return readyOctets(ready, KEEP_ALIVE_SECONDS)
  })
  app.answerEarly((request, response) => {
    if (request.url === '/whole') response.end('x'.repeat(20_000_000))
    else if (!sendReady(response, ready, KEEP_ALIVE_SECONDS)) response.end(LARGE_BODY)
    return true
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, times }
}

/** All that comes back until the server closes the connection; each piece is a packet of its own. */
function exchange(app: { readonly server: Server }, pieces: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    let received = ''
    const socket = net.connect(portOf(app), '127.0.0.1', async () => {
      socket.setNoDelay(true)
      for (const piece of pieces) {
        if (socket.writable) socket.write(piece, 'latin1')
        if (pieces.length > 1) await delay(2)
      }
    })
    socket.setEncoding('latin1')
    socket.on('data', (piece) => (received += piece))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(received))
  })
}

function bodiesOf(octets: string): string[] {
  const bodies: string[] = []
  for (let at = 0; at < octets.length; ) {
    const end = octets.indexOf('\r\n\r\n', at) + 4
    const length = Number(/content-length: (\d+)/i.exec(octets.slice(at, end))?.[1])
    bodies.push(octets.slice(end, end + length))
    at = end + length
  }
  return bodies
}

/** Without what differs between any two answers; names of fields in one case. */
function comparable(octets: string): string {
  return octets
    .replace(/^Date: .*\r\n/gim, '')
    .replace(/^x-request-id: .*\r\n/gim, '')
    .replace(/"instance":"[^"]*"/g, '')
    .replace(/^[\w-]+:/gm, (name) => name.toLowerCase())
}

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))
}

function portOf({ server }: { readonly server: Server }): number {
  return (server.address() as net.AddressInfo).port
}
