/** What look-ups give while Postgres or Redis is away, on real servers behind proxies that can be cut. */
import { afterEach, expect, test, vi } from 'vitest'
import { testDatabase } from '../support/database.js'
import { get, makeEnterprise, put, type TestNode, testNode } from '../support/node.js'
import { PATIENT } from '../support/patience.js'
import { testRedis } from '../support/redis.js'
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.js'

const closers: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

test.each(['cut', 'hang'] as const)(
  'with Postgres gone (%s), known answers are stale and marked, others 503, never 404',
  async (fault) => {
    const { node, postgres, enterprise } = await setUp()
    await put(node, enterprise.apiKey, { identifier: '88.118.5/known', name: 'Known' })
    await vi.waitUntil(
      async () => (await get(node, '88.118.5/known')).headers.get('cache-status')?.includes('memory'),
      PATIENT,
    )

    postgres[fault]()
    await vi.waitUntil(async () => (await get(node, '88.118.5/known')).headers.has('jiexi-stale'), { timeout: 30_000 })
    const stale = await get(node, '88.118.5/known')
    expect(stale.status).toBe(200)
    expect(stale.headers.get('jiexi-stale')).toMatch(/^authority-unavailable; asof=\d{4}-/)
    expect(await stale.json()).toMatchObject({ version: 1, attributes: { name: 'Known' } })

    const startedAtMs = performance.now()
    const unknown = await get(node, '88.118.5/unknown')
    expect(unknown.status).toBe(503)
    expect(performance.now() - startedAtMs).toBeLessThan(15_000)
    expect(unknown.headers.get('retry-after')).toBeTruthy()
    expect(await unknown.json()).toMatchObject({ code: 'authority-unavailable' })
    expect((await put(node, enterprise.apiKey, { identifier: '88.118.5/new', name: 'New' })).status).toBe(503)

    postgres.restore()
    await vi.waitUntil(async () => (await get(node, '88.118.5/unknown')).status === 404, { timeout: 30_000 })
    await vi.waitUntil(async () => !(await get(node, '88.118.5/known')).headers.has('jiexi-stale'), { timeout: 30_000 })
  },
)

test.each(['cut', 'hang'] as const)(
  'while Postgres is gone (%s) nobody waits for it, and it is used again by itself',
  async (fault) => {
    const { node, postgres, enterprise } = await setUp()
    await put(node, enterprise.apiKey, { identifier: '88.118.5/known', name: 'Known' })
    await vi.waitUntil(
      async () => (await get(node, '88.118.5/known')).headers.get('cache-status')?.includes('memory'),
      PATIENT,
    )

    postgres[fault]()
    const isKnownToBeGone = async () => (await get(node, '88.118.5/unknown')).status === 503
    await vi.waitUntil(isKnownToBeGone, { timeout: 30_000 })
    await vi.waitUntil(async () => (await get(node, '88.118.5/known')).headers.has('jiexi-stale'), { timeout: 30_000 })

    // One after the other: with a time-out of 700 ms for each, these would take minutes.
    const startedAtMs = performance.now()
    for (let count = 0; count < 100; count += 1) {
      const stale = await get(node, '88.118.5/known')
      expect([stale.status, stale.headers.has('jiexi-stale')]).toEqual([200, true])
      const unknown = await get(node, `88.118.5/unknown-${count}`)
      expect([unknown.status, await unknown.json()]).toMatchObject([503, { code: 'authority-unavailable' }])
      const own = await get(node, '88.118.5/known', { authorization: `Bearer ${enterprise.apiKey}` })
      expect(own.status).toBe(503)
      const write = await put(node, enterprise.apiKey, { identifier: '88.118.5/new', name: 'New' })
      expect(write.status).toBe(503)
    }
    expect(performance.now() - startedAtMs).toBeLessThan(30_000)

    postgres.restore()
    await vi.waitUntil(async () => (await get(node, '88.118.5/unknown')).status === 404, { timeout: 30_000 })
    await vi.waitUntil(async () => !(await get(node, '88.118.5/known')).headers.has('jiexi-stale'), { timeout: 30_000 })
    expect((await put(node, enterprise.apiKey, { identifier: '88.118.5/new', name: 'New' })).status).toBe(201)
  },
)

test('an answer that only Redis has is given stale while Postgres is away', async () => {
  const { node, postgres, redis, enterprise } = await setUp({ withRedis: true })
  await put(node, enterprise.apiKey, { identifier: '88.118.5/known', name: 'Known' })
  const second = await sibling(node, redis!)
  await get(node, '88.118.5/known')
  await vi.waitUntil(
    async () => (await get(node, '88.118.5/known')).headers.get('cache-status')?.includes('memory'),
    PATIENT,
  )

  postgres.cut()
  const stale = await vi.waitUntil(async () => {
    const answer = await get(second, '88.118.5/known')
    return answer.headers.has('jiexi-stale') && answer
  }, PATIENT)
  expect(stale.status).toBe(200)
  expect(await stale.json()).toMatchObject({ attributes: { name: 'Known' } })
})

test.each(['cut', 'hang'] as const)('with Redis gone (%s) every answer stays right', async (fault) => {
  const { node, redis, enterprise } = await setUp({ withRedis: true })
  await put(node, enterprise.apiKey, { identifier: '88.118.5/known', name: 'Known' })
  redis![fault]()
  for (let n = 0; n < 20; n += 1) {
    expect((await get(node, '88.118.5/known')).status).toBe(200)
    expect((await get(node, `88.118.5/unknown-${n}`)).status).toBe(404)
  }
  expect((await put(node, enterprise.apiKey, { identifier: '88.118.5/known', name: 'Changed' })).status).toBe(200)
  expect(await (await get(node, '88.118.5/known')).json()).toMatchObject({ attributes: { name: 'Changed' } })
  expect((await fetch(`${node.url}/readyz`)).status).toBe(200)
})

test('a node that starts in the middle of an outage waits for its end', async () => {
  const database = await testDatabase({ migrated: false })
  closers.push(() => database.close())
  const direct = new URL(database.url)
  const postgres = await tcpProxy({ host: direct.hostname, port: Number(direct.port) })
  closers.push(() => postgres.close())
  direct.port = String(postgres.port)

  postgres.cut()
  const starting = testNode({ environment: { DATABASE_URL: direct.href, JIEXI_DEMO: 'false' } })
  // Let in for a moment only, so that it gets some way and is cut off again in the middle.
  for (const openMs of [30, 60, 120]) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    postgres.restore()
    await new Promise((resolve) => setTimeout(resolve, openMs))
    postgres.cut()
  }
  postgres.restore()
  const node = await starting
  closers.push(() => node.close())
  expect((await fetch(`${node.url}/readyz`)).status).toBe(200)
})

async function setUp({ withRedis = false } = {}) {
  const database = await testDatabase({ migrated: false })
  closers.push(() => database.close())
  const direct = new URL(database.url)
  const postgres = await tcpProxy({ host: direct.hostname, port: Number(direct.port) })
  closers.push(() => postgres.close())
  direct.port = String(postgres.port)

  const redis = withRedis ? await redisBehindProxy() : undefined
  const node = await testNode({
    environment: {
      DATABASE_URL: direct.href,
      REDIS_URL: redis ? `redis://127.0.0.1:${redis.port}` : 'none',
      JIEXI_DEMO: 'false',
    },
  })
  closers.push(() => node.close())
  if (redis) await untilRedisIsUp(node)
  const enterprise = await makeEnterprise(node, { id: 'pumps', prefix: '88.118.5' })
  return { node, postgres, redis, enterprise }
}

async function sibling(node: TestNode, redis: TcpProxy): Promise<TestNode> {
  const second = await testNode({
    environment: {
      DATABASE_URL: node.databaseUrl,
      REDIS_URL: `redis://127.0.0.1:${redis.port}`,
      JIEXI_DEMO: 'false',
    },
  })
  closers.push(() => second.close())
  await untilRedisIsUp(second)
  return second
}

async function untilRedisIsUp(node: TestNode): Promise<void> {
  const isUp = async () => ((await (await fetch(`${node.url}/readyz`)).json()) as { redis: { up: boolean } }).redis.up
  await vi.waitUntil(isUp, { timeout: 30_000 })
}

async function redisBehindProxy(): Promise<TcpProxy> {
  const server = await testRedis()
  closers.push(() => server.stop())
  const proxy = await tcpProxy({ path: server.url.replace('unix://', '') })
  closers.push(() => proxy.close())
  return proxy
}
