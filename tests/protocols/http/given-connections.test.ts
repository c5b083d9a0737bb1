/** A server that does not listen, and is given connections that somebody else has accepted. */
import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { serveGiven } from '../../../src/protocols/http/given-connections.js'
import { httpServer } from '../../../src/protocols/http/server.js'
import { parseAnswer, sendRaw } from './raw-socket.js'

const cleanUp: (() => unknown)[] = []

afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step()
})

test('requests on them are answered', async () => {
  const { url } = await giving()
  expect(await (await fetch(`${url}/routed`)).json()).toEqual({ routed: true })
  expect((await fetch(`${url}/missing`)).status).toBe(404)
})

test('a client that ends its side after the request gets its answer', async () => {
  const { app, url } = await giving()
  // Only the lane lets it wait; node:http ends such connections at once.
  app.openLane(() => () => undefined)
  const { hostname, port } = new URL(url)
  const client = net.connect({ port: Number(port), host: hostname, allowHalfOpen: true })
  cleanUp.push(() => client.destroy())
  client.end('GET /later HTTP/1.1\r\nHost: node\r\n\r\n')
  const [octets] = (await once(client, 'data')) as [Buffer]
  expect(parseAnswer(octets.toString('latin1'))).toMatchObject({ status: 200, body: '{"later":true}' })
})

test('header fields that never end are cut off with 408, as on a server that listens', async () => {
  const { url } = await giving()
  const octets = await sendRaw(url, 'GET /routed HTTP/1.1\r\nHost: a\r\nX-Slow', 30_000)
  expect(parseAnswer(octets)).toMatchObject({ status: 408, headers: { 'content-type': 'application/problem+json' } })
})

test('while draining each is answered once more, and the drain ends with the last of them', async () => {
  const { url, app } = await giving(60_000)
  const { hostname, port } = new URL(url)
  const client = net.connect(Number(port), hostname)
  cleanUp.push(() => client.destroy())
  await expect.poll(async () => (await ask(client)).headers['connection']).toBe('keep-alive')
  const closed = app.close()
  expect(await ask(client)).toMatchObject({ status: 200, headers: { connection: 'close' } })
  await closed
})

async function giving(drainMs = 0) {
  const app = httpServer({ drainMs })
  app.get('/routed', async () => ({ routed: true }))
  app.get('/later', async () => {
    await delay(50)
    return { later: true }
  })
  const take = await serveGiven(app)
  const door = net.createServer(take).listen(0, '127.0.0.1')
  await once(door, 'listening')
  cleanUp.push(
    () => door.close(),
    () => app.close(),
  )
  return { app, url: `http://127.0.0.1:${(door.address() as net.AddressInfo).port}` }
}

async function ask(client: net.Socket) {
  client.write('GET /routed HTTP/1.1\r\nHost: node\r\n\r\n')
  const [octets] = (await once(client, 'data')) as [Buffer]
  return parseAnswer(octets.toString('latin1'))
}
