import net from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { luaScript, openRedis, type RedisClient, type RedisOptions } from '../../src/platform/redis.js'
import { redisCli, type TestRedis, testRedis } from '../support/redis.js'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (let cleanUp = cleanUps.pop(); cleanUp; cleanUp = cleanUps.pop()) await cleanUp()
})

/** Where time is not the subject, a busy machine must not matter. */
const PATIENT = { commandTimeoutMs: 5_000 }
const PUT = luaScript("return redis.call('set', KEYS[1], ARGV[1])")

describe('one Redis, up', () => {
  test('values come back byte for byte, in the order asked, null where there is none', async () => {
    const { client } = await setUp(PATIENT)
    const bytes = Buffer.from([0, 255, 13, 10, 128])
    await client.run(PUT, ['a'], [bytes])
    await client.run(PUT, ['b'], ['text'])

    expect(await client.mget(['b', 'missing', 'a', 'b'])).toEqual([
      Buffer.from('text'),
      null,
      bytes,
      Buffer.from('text'),
    ])
    expect(await client.mget([])).toEqual([])
  })

  test('all look-ups of one turn are one MGET, each key asked once', async () => {
    const { client, server } = await setUp(PATIENT)
    await client.run(PUT, ['shared'], ['1'])

    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, index) => client.mget(['shared', `own-${index}`])),
    )

    expect(answers.every(([shared, own]) => shared?.toString() === '1' && own === null)).toBe(true)
    expect(callsOf(server, 'mget')).toBe(1)
  })

  test('a look-up begun in a later turn is a command of its own, and large ones are cut at 512 keys', async () => {
    const { client, server } = await setUp(PATIENT)
    const keys = Array.from({ length: 1_100 }, (_, index) => `key-${index}`)
    expect(await client.mget(keys)).toHaveLength(1_100)
    expect(callsOf(server, 'mget')).toBe(3)
    await client.mget(['later'])
    expect(callsOf(server, 'mget')).toBe(4)
  })

  test('a script is sent whole once, then by its digest, and again after the server forgot it', async () => {
    const { client, server } = await setUp(PATIENT)
    for (const value of ['1', '2', '3']) await client.run(PUT, ['key'], [value])
    expect([callsOf(server, 'eval'), callsOf(server, 'evalsha')]).toEqual([1, 3])

    redisCli(server, 'script', 'flush')
    await client.run(PUT, ['key'], ['4'])
    expect((await client.mget(['key']))[0]?.toString()).toBe('4')
  })

  test('keys are deleted, however many', async () => {
    const { client } = await setUp(PATIENT)
    const keys = Array.from({ length: 600 }, (_, index) => `key-${index}`)
    await Promise.all(keys.map((key) => client.run(PUT, [key], ['x'])))
    await client.del(keys)
    await client.del([])
    expect((await client.mget(keys)).filter((value) => value !== null)).toEqual([])
  })

  test('a key of another type counts as none', async () => {
    const { client, server } = await setUp(PATIENT)
    redisCli(server, 'hset', 'key', 'field', 'value')
    expect(await client.mget(['key'])).toEqual([null])
  })
})

describe('one Redis that refuses', () => {
  test('a full memory refuses writes, and reads go on: the connection is not given up', async () => {
    const { client, server } = await setUp(PATIENT, { 'maxmemory-policy': 'noeviction' })
    await client.run(PUT, ['key'], ['value'])
    redisCli(server, 'config', 'set', 'maxmemory', '1')
    for (let count = 0; count < 10; count++) {
      await expect(client.run(PUT, ['key'], ['x'])).rejects.toMatchObject({ code: 'authority-unavailable' })
    }
    expect(client.isUp()).toBe(true)
    expect((await client.mget(['key']))[0]?.toString()).toBe('value')
  })

  test('a wrong password is told, and ends nothing', async () => {
    const reasons: string[] = []
    const server = await testRedis({ requirepass: 'right' })
    cleanUps.push(() => server.stop())
    const client = opened(server.url, { onChange: (_isUp, reason) => reasons.push(reason) })
    await vi.waitFor(() => expect(reasons.join()).toMatch(/NOAUTH|Authentication/i), { timeout: 30_000 })
    await expect(client.mget(['key'])).rejects.toMatchObject({ code: 'authority-unavailable' })
  })
})

describe('one Redis, failing', () => {
  test('stopped: an error in about 40 ms, and after five of them at once', async () => {
    const { client, server } = await setUp()
    await untilAnswered(client)
    await server.signal('SIGSTOP')
    cleanUps.push(() => server.signal('SIGCONT'))

    const tookMs: number[] = []
    for (let count = 0; count < 5; count++) tookMs.push(await timeOfFailure(client))
    // On a busy machine most may be later, never all.
    expect(Math.min(...tookMs)).toBeGreaterThan(30)
    expect(Math.min(...tookMs)).toBeLessThan(300)

    expect(client.isUp()).toBe(false)
    const startedAtMs = performance.now()
    for (let count = 0; count < 200; count++) await timeOfFailure(client)
    // If each had waited, it would be 8 s.
    expect(performance.now() - startedAtMs).toBeLessThan(4_000)

    await server.signal('SIGCONT')
    await untilAnswered(client)
    expect(client.isUp()).toBe(true)
  })

  test('many waiting when it stops all get their error', async () => {
    const { client, server } = await setUp()
    await server.signal('SIGSTOP')
    cleanUps.push(() => server.signal('SIGCONT'))
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) => client.run(PUT, [`key-${index}`], ['x'])),
    )
    expect(results.every(({ status }) => status === 'rejected')).toBe(true)
  })

  test('killed: errors at once; started again: back without our doing', async () => {
    const changes: boolean[] = []
    const { client, server } = await setUp({ ...PATIENT, onChange: (isUp) => changes.push(isUp) })
    await client.run(PUT, ['key'], ['value'])
    await server.signal('SIGKILL')
    await vi.waitFor(() => expect(client.isUp()).toBe(false), { timeout: 30_000 })

    const startedAtMs = performance.now()
    for (let count = 0; count < 100; count++) await timeOfFailure(client)
    expect(performance.now() - startedAtMs).toBeLessThan(4_000)

    await server.restart()
    await untilUp(client)
    expect(await client.mget(['key'])).toEqual([null])
    await client.run(PUT, ['key'], ['again'])
    expect((await client.mget(['key']))[0]?.toString()).toBe('again')
    expect(changes).toEqual([true, false, true])
  })

  test('killed while a look-up is under way: that look-up fails, and does not hang', async () => {
    const { client, server } = await setUp({ commandTimeoutMs: 10_000 })
    await server.signal('SIGSTOP')
    const waiting = client.mget(['key'])
    waiting.catch(() => undefined)
    await new Promise((resolve) => setImmediate(resolve))
    await server.signal('SIGKILL')
    await expect(waiting).rejects.toMatchObject({ code: 'authority-unavailable' })
  })

  test('never there: every call fails at once, and closing works', async () => {
    const client = opened('unix:///tmp/no-such-folder/redis.sock')
    await expect(client.mget(['key'])).rejects.toMatchObject({ code: 'authority-unavailable' })
    expect(client.isUp()).toBe(false)
    await client.close()
    await expect(client.del(['key'])).rejects.toMatchObject({ code: 'authority-unavailable' })
  })
})

describe('a connection that garbles bytes', () => {
  const SURPLUSES = ['$-1\r\n', '+surplus\r\n', '\0\x01garbage\r\n', ':12x\r\n']

  test.each(SURPLUSES)('a reply that nobody waits for (%j) costs the connection, not the process', async (surplus) => {
    const changes: boolean[] = []
    const { client, proxy } = await setUpProxy((isUp) => changes.push(isUp))
    // Nobody may ask before it has come: it would be the reply to that.
    proxy.inject(surplus)
    await vi.waitUntil(() => changes.includes(false), { timeout: 30_000, interval: 5 })
    await untilAgreed(client)
    expect(changes).toEqual([true, false, true])
  })

  test.each(SURPLUSES)('put before the reply that somebody waits for, %j is not taken for it', async (surplus) => {
    const { client, proxy } = await setUpProxy()
    proxy.injectBeforeReply(surplus)
    await expect(client.mget(['a', 'b', 'c'])).rejects.toMatchObject({ code: 'authority-unavailable' })
    await untilAgreed(client)
  })

  /** Of three keys, each with itself as its value. */
  async function setUpProxy(onChange?: RedisOptions['onChange']) {
    const server = await testRedis()
    cleanUps.push(() => server.stop())
    const proxy = await injectingProxy(new URL(server.url).pathname)
    cleanUps.push(proxy.close)
    const client = opened(`redis://127.0.0.1:${proxy.port}`, { ...PATIENT, ...(onChange && { onChange }) })
    await untilUp(client)
    for (const key of ['a', 'b', 'c']) await client.run(PUT, [key], [key])
    return { client, proxy }
  }

  /** Until all three come back; before, they may be missing, never be something else. */
  async function untilAgreed(client: RedisClient): Promise<void> {
    const agree = async () => {
      const values = await client.mget(['a', 'b', 'c']).catch(() => [])
      for (const value of values) expect(value === null || Buffer.isBuffer(value)).toBe(true)
      return values.join() === 'a,b,c'
    }
    await vi.waitUntil(agree, { timeout: 30_000 })
  }
})

/** Passes bytes on, and puts some of its own among the replies when told to. */
async function injectingProxy(socketPath: string) {
  const clients = new Set<net.Socket>()
  let beforeReply = ''
  const server = net.createServer((client) => {
    const redis = net.connect(socketPath)
    clients.add(client)
    client.on('data', (bytes) => redis.write(bytes)).on('error', () => redis.destroy())
    redis.on('data', (bytes) => {
      client.write(Buffer.concat([Buffer.from(beforeReply), bytes]))
      beforeReply = ''
    })
    redis.on('error', () => client.destroy())
    client.on('close', () => {
      clients.delete(client)
      redis.destroy()
    })
    redis.on('close', () => client.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as net.AddressInfo).port,
    inject: (bytes: string) => {
      for (const client of clients) client.write(bytes)
    },
    injectBeforeReply: (bytes: string) => {
      beforeReply = bytes
    },
    close: () => {
      for (const client of clients) client.destroy()
      server.close()
    },
  }
}

async function setUp(options: RedisOptions = {}, settings: Readonly<Record<string, string>> = {}) {
  const server = await testRedis(settings)
  cleanUps.push(() => server.stop())
  const client = opened(server.url, options)
  await untilUp(client)
  return { server, client }
}

function opened(url: string, options: RedisOptions = {}): RedisClient {
  const client = openRedis(url, options)
  cleanUps.push(() => client.close())
  return client
}

async function untilUp(client: RedisClient): Promise<void> {
  await vi.waitFor(() => expect(client.isUp()).toBe(true), { timeout: 30_000, interval: 5 })
}

async function untilAnswered(client: RedisClient): Promise<void> {
  await vi.waitFor(async () => expect(await client.mget(['key'])).toEqual([null]), { timeout: 30_000, interval: 5 })
}

/** Milliseconds until the look-up failed. */
async function timeOfFailure(client: RedisClient): Promise<number> {
  const startedAtMs = performance.now()
  await expect(client.mget(['key'])).rejects.toMatchObject({ code: 'authority-unavailable' })
  return performance.now() - startedAtMs
}

function callsOf(server: TestRedis, command: string): number {
  const line = new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(redisCli(server, 'info', 'commandstats'))
  return Number(line?.[1] ?? 0)
}
