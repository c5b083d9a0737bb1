/** Many who miss at once, on real servers: what the database is asked is counted on the wire. */
import { afterEach, expect, test, vi } from 'vitest'
import { MAX_KEYS_PER_QUERY, MAX_QUERIES_IN_FLIGHT } from '../../src/registry/records.js'
import { testDatabase } from '../support/database.js'
import { get, makeEnterprise, put, registerMany, testNode } from '../support/node.js'
import { PATIENT } from '../support/patience.js'
import { readCounter } from '../support/read-counter.js'
import { redisCli, testRedis } from '../support/redis.js'
import { tcpProxy } from '../support/tcp-proxy.js'

const CALLERS = 64
const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

test.each(['registered', 'absent'])(
  'a thousand who ask for one identifier at once are one query (%s)',
  async (kind) => {
    // Feed and flights must not grow old on a busy machine.
    const { node, enterprise, reads } = await setUp({ JIEXI_STALENESS_BOUND_MS: '20000' })
    if (kind === 'registered') await put(node, enterprise.apiKey, { identifier: '88.118.5/wanted', name: 'Wanted' })
    // Once this one is kept, so is whatever was registered before it.
    await put(node, enterprise.apiKey, { identifier: '88.118.5/later', name: 'Later' })
    await vi.waitUntil(
      async () => (await get(node, '88.118.5/later')).headers.get('cache-status')?.includes('memory'),
      PATIENT,
    )

    const before = reads.statements()
    const answers = await Promise.all(Array.from({ length: 1000 }, () => get(node, '88.118.5/wanted')))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([kind === 'registered' ? 200 : 404]))
    expect(reads.statements() - before).toBe(1)
  },
)

test('Redis emptied again and again under load: few queries, of many keys each, and no errors', async () => {
  const redis = await testRedis()
  closers.push(() => redis.stop())
  const { node, enterprise, reads } = await setUp({ REDIS_URL: redis.url, JIEXI_MEMORY_CACHE_BYTES: '0' })
  const names = Array.from({ length: 400 }, (_, at) => `88.118.5/part-${at}`)
  await registerMany(node, enterprise.apiKey, names)
  const isFromRedis = async () => (await get(node, names[0]!)).headers.get('cache-status')?.includes('redis')
  await vi.waitUntil(isFromRedis, { timeout: 30_000 })

  const before = { statements: reads.statements(), keys: reads.keys() }
  const requests = 12_000
  const flushes = 5
  const statuses = new Map<number, number>()
  let sent = 0
  const call = async () => {
    while (sent < requests) {
      sent += 1
      if (sent % (requests / flushes) === 1) redisCli(redis, 'flushall')
      const { status } = await get(node, names[sent % names.length]!)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, call))

  expect([...statuses]).toEqual([[200, requests]])
  const keys = reads.keys() - before.keys
  expect(keys).toBeGreaterThanOrEqual(flushes)
  // Each flush costs every key one read, and few that come while its entry is still on its way to Redis, or that Redis, which a
  // pause of the machine lets look silent, is left alone for a moment.
  expect(keys).toBeLessThan(flushes * names.length * 2.5)
  expect(reads.statements() - before.statements).toBeLessThan(keys / 2)
  expect(reads.mostKeys()).toBeLessThanOrEqual(MAX_KEYS_PER_QUERY)
  expect(reads.connections()).toBeLessThanOrEqual(MAX_QUERIES_IN_FLIGHT)
})

async function setUp(environment: Readonly<Record<string, string>>) {
  const database = await testDatabase({ migrated: false })
  closers.push(() => database.close())
  const url = new URL(database.url)
  const reads = readCounter()
  const proxy = await tcpProxy({ host: url.hostname, port: Number(url.port) }, reads.onRequest)
  closers.push(() => proxy.close())
  url.port = String(proxy.port)
  const node = await testNode({ environment: { DATABASE_URL: url.href, JIEXI_DEMO: 'false', ...environment } })
  closers.push(() => node.close())
  return { node, enterprise: await makeEnterprise(node, { id: 'pumps', prefix: '88.118.5' }), reads }
}
