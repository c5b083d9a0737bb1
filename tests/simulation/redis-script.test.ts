/** The simulated Redis keeps and refuses entries as the real script on a real Redis does. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { luaScript, openRedis, type RedisClient } from '../../src/platform/redis.js'
import { EntryMac } from '../../src/resolution/entry-mac.js'
import { encodeEntry, PUT_ENTRIES_LUA, sharedKey } from '../../src/resolution/shared-entry.js'
import { PATIENT } from '../support/patience.js'
import { type TestRedis, testRedis } from '../support/redis.js'
import { hostileRedis } from './hostile-redis.js'
import { seededRandom } from './random.js'
import { calmed, settingsFor } from './settings.js'
import { virtualTime } from './virtual-time.js'

const KEY = '88.100.1/pump-7'
const KEYS = [KEY, '88.100.1/valve', '88.100.1/seal'].map((key) => sharedKey('E1', key))
const MAC = new EntryMac(Buffer.alloc(32, 1))
const PUT = luaScript(PUT_ENTRIES_LUA)
const PUTS = 200

let server: TestRedis
let real: RedisClient

beforeAll(async () => {
  server = await testRedis()
  real = openRedis(server.url, { commandTimeoutMs: 5_000 })
  await vi.waitUntil(() => real.isUp(), PATIENT)
})

afterAll(async () => {
  await real.close()
  await server.stop()
})

test('of entries that come in any order both keep the higher version, of one version the later stamp', async () => {
  const random = seededRandom(1)
  const puts = Array.from({ length: PUTS }, () => putOf(KEYS.slice(0, 1 + random.below(KEYS.length)), random))
  const inReality: unknown[] = []
  for (const { keys, args } of puts) inReality.push(await real.run(PUT, keys, args))
  const { given, values } = await simulated(puts)
  expect(given).toEqual(inReality)
  expect(new Set(inReality)).toEqual(new Set([0, 1, 2, 3]))
  expect(await real.mget(KEYS)).toEqual(values)
})

test('what is of another type or no entry at all gives way, and keeps nothing else from being put', async () => {
  const run = (lua: string, key: string) => real.run(luaScript(lua), [key], [])
  await run("return redis.call('DEL', KEYS[1]) and redis.call('HSET', KEYS[1], 'field', 'value')", KEYS[0]!)
  await run("return redis.call('SET', KEYS[1], 'garbage')", KEYS[1]!)
  const { keys, args } = putOf(KEYS, seededRandom(3))
  expect(await real.run(PUT, keys, args)).toBeGreaterThanOrEqual(2)
  const [first, second] = await real.mget(KEYS)
  expect([first, second]).toEqual([args[1], args[3]])
})

interface Puts {
  readonly keys: readonly string[]
  readonly args: readonly (string | Buffer | number)[]
}

function putOf(keys: readonly string[], random: ReturnType<typeof seededRandom>): Puts {
  const entries = keys.flatMap((redisKey) => {
    const [version, stamp] = [random.below(12), random.below(12)]
    const answer = { kind: 'absent', key: KEY, prefix: '88.100.1', version, stamp, tier: 'registry' } as const
    return [encodeEntry(MAC, redisKey, answer), random.chance(0.02) ? '1' : '0']
  })
  return { keys, args: [60_000, ...entries] }
}

async function simulated(puts: readonly Puts[]) {
  const random = seededRandom(2)
  const time = virtualTime(random)
  const settings = calmed(settingsFor(2, random))
  const { client } = hostileRedis({ time, random, settings: () => settings })
  const given: unknown[] = []
  let values: readonly (Buffer | null)[] = []
  const putAll = async () => {
    for (const { keys, args } of puts) given.push(await client.run(PUT, keys, args))
    values = await client.mget(KEYS)
  }
  time.after(0, () => void putAll())
  await time.runUntil(10_000)
  return { given, values }
}
