import { once } from 'node:events'
import net from 'node:net'
import os from 'node:os'
import { afterEach, expect, test, vi } from 'vitest'
import { type ChaosProxy, chaosProxy } from '../support/chaos-proxy.js'

const closers: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

test('open, it passes bytes both ways', async () => {
  const { ask } = await setUp()
  expect(await ask('hello')).toBe('echo hello')
})

test('with latency the answer takes both ways longer, and keeps its order', async () => {
  const { proxy, ask } = await setUp()
  proxy.set({ kind: 'latency', delayMs: 60 })
  const startedAtMs = performance.now()
  expect(await ask('late')).toBe('echo late')
  expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(115)
})

test('at a rate, long answers trickle in; open again, the rest comes at once', async () => {
  const { proxy, client, received } = await setUp()
  let octets = 0
  client.on('data', (bytes) => {
    octets += bytes.length
  })
  proxy.set({ kind: 'rate', perSecond: 10_000 })
  client.write(Buffer.alloc(60_000, 'x'))
  await vi.waitUntil(() => octets > 500, { timeout: 30_000 })
  expect(received.join('').length).toBeLessThan(50_000)
  proxy.set({ kind: 'open' })
  await vi.waitUntil(() => octets > 60_000, { timeout: 30_000 })
  expect(received.join('')).toBe('x'.repeat(60_000))
})

test.each(['hang', 'hold-requests', 'hold-answers'] as const)('%s: what was held arrives afterwards', async (kind) => {
  const { proxy, ask, received } = await setUp()
  await ask('before')
  proxy.set({ kind })
  const answer = ask('held')
  expect(await Promise.race([answer, wait(120)])).toBe('nothing')
  if (kind === 'hold-answers') await expect.poll(() => received).toContain('held')
  else expect(received).not.toContain('held')
  proxy.set({ kind: 'open' })
  expect(await answer).toBe('echo held')
})

test('cut, connections end and new ones are refused; open again, new ones pass', async () => {
  const { proxy, ask, client } = await setUp()
  await ask('before')
  proxy.set({ kind: 'cut' })
  await once(client, 'close')
  const refused = net.connect(proxy.port, '127.0.0.1')
  refused.on('error', () => undefined)
  await once(refused, 'close')
  proxy.set({ kind: 'open' })
  expect(await echo(proxy.port, 'again')).toBe('echo again')
})

test('a reset is a reset', async () => {
  const { proxy, ask, client } = await setUp()
  await ask('before')
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => client.once('error', resolve))
  proxy.reset()
  expect((await failed).code).toBe('ECONNRESET')
})

test('a reset reaches the client also when the server is on a unix socket', async () => {
  const path = `${os.tmpdir()}/jiexi-chaos-${process.pid}.sock`
  const server = net.createServer((socket) => socket.on('error', () => undefined).pipe(socket))
  await new Promise<void>((resolve) => server.listen(path, resolve))
  closers.push(() => new Promise((resolve) => server.close(resolve)))
  const proxy = await chaosProxy({ path })
  closers.push(() => proxy.close())
  expect(await echo(proxy.port, 'hello')).toBe('hello')
  const client = net.connect(proxy.port, '127.0.0.1')
  client.write('x')
  await once(client, 'data')
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => client.once('error', resolve))
  proxy.reset()
  expect((await failed).code).toBe('ECONNRESET')
})

test('corrupt, one bit differs', async () => {
  const { proxy, ask } = await setUp()
  let turn = 0
  proxy.set({ kind: 'corrupt', share: 1, random: () => [0.5, 0, 0][turn++ % 3]! })
  // The first bit of the first byte, flipped once on each way: h → i, then e → d.
  expect(await ask('hello')).toBe('dcho iello')
})

test('redirected, new connections lead elsewhere and old ones are cut', async () => {
  const { proxy, ask, client } = await setUp()
  await ask('before')
  const other = await echoServer('other')
  proxy.redirect({ host: '127.0.0.1', port: other.port })
  await once(client, 'close')
  expect(await echo(proxy.port, 'hello')).toBe('other hello')
})

async function setUp() {
  const server = await echoServer('echo')
  const proxy: ChaosProxy = await chaosProxy({ host: '127.0.0.1', port: server.port })
  closers.push(() => proxy.close())
  const client = net.connect(proxy.port, '127.0.0.1')
  client.on('error', () => undefined)
  const ask = async (text: string) => {
    client.write(text)
    const [bytes] = (await once(client, 'data')) as [Buffer]
    return bytes.toString()
  }
  return { proxy, client, ask, received: server.received }
}

async function echoServer(name: string) {
  const received: string[] = []
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => {
      received.push(bytes.toString())
      socket.write(`${name} ${bytes}`)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => new Promise((resolve) => server.close(resolve)))
  return { port: (server.address() as net.AddressInfo).port, received }
}

async function echo(port: number, text: string): Promise<string> {
  const client = net.connect(port, '127.0.0.1')
  client.write(text)
  const [bytes] = (await once(client, 'data')) as [Buffer]
  client.destroy()
  return bytes.toString()
}

function wait(milliseconds: number): Promise<string> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds, 'nothing'))
}
