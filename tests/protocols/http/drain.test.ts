import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { readyOctets, readyStart, sendReady } from '../../../src/protocols/http/ready-response.js'
import { httpServer, KEEP_ALIVE_SECONDS } from '../../../src/protocols/http/server.js'
import { parseAnswer } from './raw-socket.js'

/** Longer than any of these tests: what ends before, ends of itself. */
const LONG_MS = 60_000
const ready = { start: readyStart(['Content-Length', '5']), body: 'ready' }
const sockets: net.Socket[] = []

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

test('a kept connection is answered once more while draining, and told that this was the last answer', async () => {
  const { app, close } = await serving(LONG_MS)
  for (const path of ['/ready', '/routed', '/missing']) {
    const connection = await connect(app.listeningOrigin)
    expect((await connection.ask(path)).headers).toMatchObject({ connection: 'keep-alive', 'keep-alive': 'timeout=10' })
  }
  const kept = [...sockets]
  const closed = close()
  await refusesConnections(app.listeningOrigin)
  for (const [at, path] of ['/ready', '/routed', '/missing'].entries()) {
    const answer = await ask(kept[at]!, path)
    expect(answer.headers['connection']).toBe('close')
    expect(answer.body).not.toBe('')
    if (!kept[at]!.readableEnded) await once(kept[at]!, 'end')
  }
  await closed
})

test('a request that is under way when the drain begins gets the last answer of its connection', async () => {
  const { app, close, slow } = await serving(LONG_MS)
  const connection = await connect(app.listeningOrigin)
  const answer = connection.ask('/slow')
  await slow.begun
  const closed = close()
  await refusesConnections(app.listeningOrigin)
  slow.finish()
  expect(await answer).toMatchObject({ status: 200, headers: { connection: 'close' } })
  await closed
})

test('an idle connection is left alone while its keep-alive time may run, and ended with the drain', async () => {
  const { app, close } = await serving(3_000)
  const connection = await connect(app.listeningOrigin)
  await connection.ask('/ready')
  let ended = false
  sockets[0]!.once('end', () => (ended = true))
  const closed = close()
  await refusesConnections(app.listeningOrigin)
  await delay(50)
  expect(ended).toBe(false)
  await closed
  if (!ended) await once(sockets[0]!, 'end')
})

test('a client that resets its connection while draining cuts nobody else off', async () => {
  const { app, close, slow } = await serving(LONG_MS)
  await connect(app.listeningOrigin)
  const answer = (await connect(app.listeningOrigin)).ask('/slow')
  await slow.begun
  const closed = close()
  await refusesConnections(app.listeningOrigin)
  sockets[0]!.resetAndDestroy()
  await expect.poll(() => connections(app)).toBe(1)
  slow.finish()
  expect(await answer).toMatchObject({ status: 200, headers: { connection: 'close' } })
  await closed
})

test('without connections the drain ends at once', async () => {
  const { app, close } = await serving(LONG_MS)
  await (await connect(app.listeningOrigin)).ask('/ready')
  sockets[0]!.destroy()
  await close()
})

test('a connection that asks nothing does not hold the drain up', async () => {
  const { app, close } = await serving(LONG_MS)
  await connect(app.listeningOrigin)
  await expect.poll(() => connections(app)).toBe(1)
  await close()
})

async function serving(drainMs: number) {
  const app = httpServer({ drainMs })
  app.answerEarly((request, response) => request.url === '/ready' && sent(response))
  app.openLane(() => (path) => (path === '/ready' ? readyOctets(ready, KEEP_ALIVE_SECONDS) : undefined))
  app.get('/routed', async () => ({ routed: true }))
  let begin: () => void = () => undefined
  let finish: () => void = () => undefined
  const begun = new Promise<void>((resolve) => (begin = resolve))
  const finished = new Promise<void>((resolve) => (finish = resolve))
  app.get('/slow', async () => {
    begin()
    await finished
    return { slow: true }
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, close: () => app.close(), slow: { begun, finish } }
}

/** As the hot path does: with the head made beforehand where that fits, else with one of Node's. */
function sent(response: Parameters<typeof sendReady>[0]): boolean {
  if (!sendReady(response, ready, KEEP_ALIVE_SECONDS)) response.writeHead(200, { 'content-length': 5 }).end('ready')
  return true
}

async function connect(url: string) {
  const { hostname, port } = new URL(url)
  const socket = net.connect(Number(port), hostname)
  sockets.push(socket)
  await once(socket, 'connect')
  return { ask: (path: string) => ask(socket, path) }
}

async function ask(socket: net.Socket, path: string) {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: node\r\n\r\n`)
  let octets = ''
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    octets += chunk.toString('latin1')
    const answer = parseAnswer(octets)
    if (octets.includes('\r\n\r\n') && answer.body.length === Number(answer.headers['content-length'])) return answer
  }
}

async function refusesConnections(url: string): Promise<void> {
  const { hostname, port } = new URL(url)
  const probe = net.connect(Number(port), hostname)
  const [error] = (await once(probe, 'error')) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNREFUSED')
}

function connections(app: { readonly server: net.Server }): Promise<number> {
  return new Promise((resolve, reject) => {
    app.server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}
