/** Whatever happens to Redis, or is done to what it holds: every answer is right, and none fails. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { luaScript, openRedis, type RedisClient } from '../../src/platform/redis.js'
import { decodeAnswer } from '../../src/record/codec.js'
import { EntryMac } from '../../src/resolution/entry-mac.js'
import { encodeEntry } from '../../src/resolution/shared-entry.js'
import { type Enterprise, get, makeEnterprise, put, registerMany, type TestNode, testNode } from '../support/node.js'
import { redisCli, type TestRedis, testRedis } from '../support/redis.js'

const KNOWN = Array.from({ length: 20 }, (_, at) => `88.118.5/part-${at}`)
const ABSENT = Array.from({ length: 5 }, (_, at) => `88.118.5/none-${at}`)
/** Before the body of an entry, and after it (shared-entry.ts). */
const HEAD_OCTETS = 34
const MAC_OCTETS = 16

let redis: TestRedis
let attacker: RedisClient
let node: TestNode
let enterprise: Enterprise

beforeAll(async () => {
  redis = await testRedis({ 'maxmemory-policy': 'noeviction' })
  attacker = openRedis(redis.url, { commandTimeoutMs: 5_000 })
  // Without the memory cache every look-up asks Redis.
  const environment = { REDIS_URL: redis.url, JIEXI_MEMORY_CACHE_BYTES: '0', JIEXI_DEMO: 'false' }
  node = await testNode({ environment })
  enterprise = await makeEnterprise(node, { id: 'pumps', prefix: '88.118.5' })
  await registerMany(node, enterprise.apiKey, KNOWN)
  await untilServedByRedis()
})

afterAll(async () => {
  await attacker.close()
  await node.close()
  await redis.stop()
})

interface Fault {
  begin(): unknown
  end?(): unknown
}

const server: Readonly<Record<string, Fault>> = {
  hung: { begin: () => redis.signal('SIGSTOP'), end: () => redis.signal('SIGCONT') },
  dead: { begin: () => redis.signal('SIGKILL'), end: () => redis.restart() },
  emptied: { begin: () => cli('flushall') },
  full: { begin: () => cli('config', 'set', 'maxmemory', '1'), end: () => cli('config', 'set', 'maxmemory', '0') },
  'full and empty': {
    begin: () => [cli('flushall'), cli('config', 'set', 'maxmemory', '1')],
    end: () => cli('config', 'set', 'maxmemory', '0'),
  },
  'read-only, being the replica of a server that is gone': {
    begin: () => [cli('flushall'), cli('replicaof', '127.0.0.1', '1')],
    end: () => cli('replicaof', 'no', 'one'),
  },
}

test.each(Object.entries(server))('a Redis that is %s changes no answer', async (_, fault) => {
  await fault.begin()
  try {
    await expectRightAnswers()
    await expectRightAnswers()
  } finally {
    await fault.end?.()
  }
  await expectRightAnswers()
  await untilServedByRedis()
})

const contents: Readonly<Record<string, () => Promise<unknown>>> = {
  'lists in place of entries': () => eachEntry(() => undefined, "redis.call('RPUSH', KEYS[1], 'x')"),
  'nothing but garbage': () => eachEntry(() => randomBytes(200)),
  'empty texts': () => eachEntry(() => Buffer.alloc(0)),
  'entries cut short': () => eachEntry((entry) => entry.subarray(0, entry.length - 7)),
  'entries without their MAC': () => eachEntry((entry) => entry.subarray(0, entry.length - MAC_OCTETS)),
  'entries with an octet more': () => eachEntry((entry) => Buffer.concat([entry, Buffer.from([0])])),
  'entries with one bit flipped': () => eachEntry(flipped),
  'entries of other identifiers': () => eachEntry((_, at, all) => all[(at + 1) % all.length]!),
  'entries that somebody without the key made up': () => eachEntry(forged),
}

test.each(Object.entries(contents))('%s change no answer', async (_, tamper) => {
  expect(await tamper()).toBeGreaterThanOrEqual(KNOWN.length)
  await expectRightAnswers()
  await untilServedByRedis()
})

test('entries from before a change, put back, change no answer', async () => {
  const before = await entries()
  for (const identifier of KNOWN) {
    await put(node, enterprise.apiKey, { identifier, name: `${identifier} again` })
  }
  cli('flushall')
  for (const { key, entry } of before) await write(key, entry)
  for (const identifier of KNOWN) expect(await nameOf(identifier)).toBe(`${identifier} again`)
  await vi.waitUntil(async () => (await tiers()).every((tier) => tier.includes('redis')), { timeout: 30_000 })
  for (const identifier of KNOWN) expect(await nameOf(identifier)).toBe(`${identifier} again`)
  // As it was, for whatever test comes next.
  await registerMany(node, enterprise.apiKey, KNOWN)
  await untilServedByRedis()
})

async function expectRightAnswers(): Promise<void> {
  const names = await Promise.all(KNOWN.map(nameOf))
  expect(names).toEqual(KNOWN)
  const absent = await Promise.all(ABSENT.map((identifier) => get(node, identifier)))
  expect(absent.map(({ status }) => status)).toEqual(ABSENT.map(() => 404))
}

async function nameOf(identifier: string): Promise<unknown> {
  const response = await get(node, identifier)
  expect(response.status).toBe(200)
  expect(response.headers.has('jiexi-stale')).toBe(false)
  const { key, attributes } = (await response.json()) as { key: string; attributes: { name: string } }
  expect(key).toBe(identifier)
  return attributes.name
}

/** Redis is of use again, for every identifier. */
async function untilServedByRedis(): Promise<void> {
  await vi.waitUntil(async () => (await tiers()).every((tier) => tier.includes('redis')), { timeout: 30_000 })
}

async function tiers(): Promise<string[]> {
  const answers = await Promise.all([...KNOWN, ...ABSENT].map((identifier) => get(node, identifier)))
  return answers.map(({ headers }) => headers.get('cache-status') ?? '')
}

function flipped(entry: Buffer): Buffer {
  const altered = Buffer.from(entry)
  const at = Math.floor(Math.random() * altered.length)
  altered[at] = altered[at]! ^ (1 << Math.floor(Math.random() * 8))
  return altered
}

/** Newer than anything, saying something else, and sealed with another key. */
function forged(entry: Buffer, _at: number, _all: readonly Buffer[], redisKey: string): Buffer {
  const answer = decodeAnswer(entry.subarray(HEAD_OCTETS, entry.length - MAC_OCTETS))
  const lie = { kind: 'absent', key: answer.key, prefix: answer.prefix, tier: 'redis' } as const
  return encodeEntry(new EntryMac(randomBytes(32)), redisKey, {
    ...lie,
    version: 9_999,
    stamp: Number.MAX_SAFE_INTEGER,
  })
}

interface Held {
  readonly key: string
  readonly entry: Buffer
}

async function entries(): Promise<Held[]> {
  await vi.waitUntil(() => attacker.isUp(), { timeout: 30_000 })
  const keys = cli('--raw', 'keys', 'e:*').trim().split('\n')
  const values = await attacker.mget(keys)
  return keys.map((key, at) => ({ key, entry: values[at]! }))
}

type Change = (entry: Buffer, at: number, all: readonly Buffer[], redisKey: string) => Buffer | undefined

/** Gives how many there were. `otherwise`: what is done after the deletion of one that becomes nothing. */
async function eachEntry(change: Change, otherwise = ''): Promise<number> {
  const held = await entries()
  const all = held.map(({ entry }) => entry)
  for (const [at, { key, entry }] of held.entries()) {
    const changed = change(entry, at, all, key)
    if (changed !== undefined) await write(key, changed)
    else await attacker.run(luaScript(`redis.call('DEL', KEYS[1]) ${otherwise} return 1`), [key], [])
  }
  return held.length
}

async function write(key: string, entry: Buffer): Promise<void> {
  await attacker.run(luaScript("return redis.call('SET', KEYS[1], ARGV[1])"), [key], [entry])
}

function cli(...command: string[]): string {
  return redisCli(redis, ...command)
}
