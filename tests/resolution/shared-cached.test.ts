/** The Redis tier on a real Redis: what it may do is make things faster. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { luaScript, openRedis, type RedisClient } from '../../src/platform/redis.js'
import { changeKnowledge } from '../../src/resolution/change-knowledge.js'
import { compose } from '../../src/resolution/resolve.js'
import { type Rejection, sharedStore } from '../../src/resolution/shared-cached.js'
import { sharedKey } from '../../src/resolution/shared-entry.js'
import { manualClock } from '../support/manual-clock.js'
import { PATIENT } from '../support/patience.js'
import { queryFor } from '../support/query-for.js'
import { type TestRedis, testRedis } from '../support/redis.js'
import { scriptedAuthority } from '../support/scripted-authority.js'

const PUMP = '88.100.1/pump-7'
const MAC_KEY = randomBytes(32)

let server: TestRedis
let redis: RedisClient

beforeAll(async () => {
  server = await testRedis()
  redis = openRedis(server.url, { commandTimeoutMs: 5_000 })
  await vi.waitUntil(() => redis.isUp(), PATIENT)
})

afterAll(async () => {
  await redis.close()
  await server.stop()
})

beforeEach(async () => {
  await redis.run(luaScript("return redis.call('FLUSHALL')"), [], [])
})

test('what one process looked up another gets from Redis', async () => {
  const { authority, poll, process } = setUp()
  const [one, two] = [process(), process()]
  authority.holds(PUMP, 'v1')
  poll()
  await one(queryFor(PUMP))
  await untilStored()
  expect(await two(queryFor(PUMP))).toMatchObject({ kind: 'found', tier: 'redis', version: 1 })
  expect(authority.asked()).toBe(1)
})

test('absent answers and tombstones are shared too', async () => {
  const { authority, poll, process } = setUp()
  const resolve = process()
  poll()
  await resolve(queryFor(PUMP))
  await untilStored()
  expect(await resolve(queryFor(PUMP))).toMatchObject({ kind: 'absent', tier: 'redis' })
  authority.holds(PUMP, 'v1')
  authority.withdraws(PUMP)
  poll()
  expect(await resolve(queryFor(PUMP))).toMatchObject({ kind: 'withdrawn', tier: 'registry' })
  await expect.poll(async () => (await resolve(queryFor(PUMP))).tier).toBe('redis')
  expect(await resolve(queryFor(PUMP))).toMatchObject({ kind: 'withdrawn', version: 2, reason: 'scrapped' })
})

test('an entry that Redis resurrects after a change is rejected', async () => {
  const { authority, poll, process, rejections } = setUp()
  const resolve = process()
  authority.holds(PUMP, 'v1')
  poll()
  await resolve(queryFor(PUMP))
  const old = await untilStored()
  authority.holds(PUMP, 'v2')
  poll()
  await write(old)
  expect(await resolve(queryFor(PUMP))).toMatchObject({ version: 2, tier: 'registry' })
  expect(rejections).toEqual(['outdated'])
})

test('an entry that was altered, or moved from another identifier, is rejected and replaced', async () => {
  const { authority, poll, process, rejections } = setUp()
  const resolve = process()
  authority.holds(PUMP, 'v1')
  authority.holds('88.100.1/valve', 'w1')
  poll()
  await resolve(queryFor('88.100.1/valve'))
  const moved = await untilStored('88.100.1/valve')
  await write(moved)
  expect(await resolve(queryFor(PUMP))).toMatchObject({ record: { key: PUMP } })
  const stored = await untilStored(PUMP, moved)
  for (const at of [0, 5, 20, 40, stored.length - 1]) {
    const altered = Buffer.from(stored)
    altered[at]! ^= 1
    await write(altered)
    expect(await resolve(queryFor(PUMP))).toMatchObject({ kind: 'found', tier: 'registry', version: 1 })
    await untilStored(PUMP, altered)
  }
  await write(Buffer.from('J19999999999999999' + '9999999999999999'))
  expect(await resolve(queryFor(PUMP))).toMatchObject({ tier: 'registry' })
  expect(new Set(rejections)).toEqual(new Set(['mac']))
  await expect.poll(async () => (await resolve(queryFor(PUMP))).tier).toBe('redis')
})

test('a late writer with an older version does not replace a newer entry', async () => {
  const { authority, poll, process } = setUp()
  const [slow, quick] = [process(), process()]
  authority.holds(PUMP, 'v1')
  poll()
  const release = authority.delaysReplies()
  const late = slow(queryFor(PUMP))
  await expect.poll(() => authority.asked()).toBe(1)
  release()
  authority.holds(PUMP, 'v2')
  expect(await late).toMatchObject({ version: 1 })
  poll()
  expect(await quick(queryFor(PUMP))).toMatchObject({ version: 2 })
  await expect.poll(async () => (await quick(queryFor(PUMP))).tier).toBe('redis')
})

test('while the authority is down an entry past the bound is given, marked stale', async () => {
  const { clock, authority, poll, process } = setUp()
  const resolve = process()
  authority.holds(PUMP, 'v1')
  poll()
  await resolve(queryFor(PUMP))
  await untilStored()
  clock.advanceMs(3_000)
  expect(await resolve(queryFor(PUMP))).toMatchObject({ tier: 'registry' })
  authority.goesDown()
  expect(await resolve(queryFor(PUMP))).toMatchObject({ tier: 'redis', stale: { reason: 'authority-unavailable' } })
  await expect(resolve(queryFor('88.100.1/unknown'))).rejects.toMatchObject({ code: 'authority-unavailable' })
})

test('look-ups of one tick share one MGET', async () => {
  const { poll, process } = setUp()
  const resolve = process()
  poll()
  const before = await commandCalls('mget')
  await Promise.all(Array.from({ length: 100 }, (_, n) => resolve(queryFor(`88.100.1/part-${n}`))))
  expect((await commandCalls('mget')) - before).toBe(1)
})

test('forgetting removes the entry', async () => {
  const { authority, poll, process, store } = setUp()
  const resolve = process()
  authority.holds(PUMP, 'v1')
  poll()
  await resolve(queryFor(PUMP))
  await untilStored()
  store.forget([PUMP])
  await expect.poll(() => read(PUMP)).toBeNull()
})

function setUp() {
  const clock = manualClock()
  const knowledge = changeKnowledge({ clock, boundMs: 1000 })
  const authority = scriptedAuthority(() => knowledge)
  const rejections: Rejection[] = []
  const store = sharedStore({
    redis,
    knowledge,
    clock,
    maxStaleSeconds: 60,
    macKey: MAC_KEY,
    keepMs: 60_000,
    onRejected: (why) => rejections.push(why),
  })
  const poll = () => knowledge.apply(authority.poll(), clock.monotonicMs())
  return { clock, authority, rejections, store, poll, process: () => compose([store.layer], authority.resolve) }
}

async function read(key: string): Promise<Buffer | null> {
  const [entry] = await redis.mget([sharedKey('E1', key)])
  return entry ?? null
}

async function write(entry: Buffer, key = PUMP): Promise<void> {
  await redis.run(luaScript("return redis.call('SET', KEYS[1], ARGV[1])"), [sharedKey('E1', key)], [entry])
}

/** Fills are written behind the answer: waits until one is there that is not `other`. */
async function untilStored(key = PUMP, other?: Buffer): Promise<Buffer> {
  let entry: Buffer | null = null
  await expect
    .poll(async () => {
      entry = await read(key)
      return entry !== null && (other === undefined || !entry.equals(other))
    })
    .toBe(true)
  return entry!
}

async function commandCalls(command: string): Promise<number> {
  const stats = String(await redis.run(luaScript("return redis.call('INFO', 'commandstats')"), [], []))
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}
