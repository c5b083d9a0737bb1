/** The simulated Redis keeps and refuses entries as the real script on a real Redis does. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { luaScript, openRedis, type RedisClient } from '../../src/platform/redis.js'
import { EntryMac } from '../../src/resolution/entry-mac.js'
import { encodeEntry, PUT_ENTRY_LUA, sharedKey } from '../../src/resolution/shared-entry.js'
import { type TestRedis, testRedis } from '../support/redis.js'
import { hostileRedis } from './hostile-redis.js'
import { seededRandom } from './random.js'
import { calmed, settingsFor } from './settings.js'
import { virtualTime } from './virtual-time.js'

const KEY = '88.100.1/pump-7'
const REDIS_KEY = sharedKey('E1', KEY)
const MAC = new EntryMac(Buffer.alloc(32, 1))
const PUT = luaScript(PUT_ENTRY_LUA)
const PUTS = 200

let server: TestRedis
let real: RedisClient

beforeAll(async () => {
  server = await testRedis()
  real = openRedis(server.url, { commandTimeoutMs: 5_000 })
  await vi.waitUntil(() => real.isUp())
})

afterAll(async () => {
  await real.close()
  await server.stop()
})

test('of entries that come in any order both keep the higher version, of one version the later stamp', async () => {
  const random = seededRandom(1)
  const puts = Array.from({ length: PUTS }, () => {
    const [version, stamp] = [random.below(12), random.below(12)]
    const answer = { kind: 'absent', key: KEY, prefix: '88.100.1', version, stamp, tier: 'registry' } as const
    return [encodeEntry(MAC, REDIS_KEY, answer), version, stamp, 60_000, random.chance(0.02) ? '1' : '0'] as const
  })
  const inReality: unknown[] = []
  for (const args of puts) inReality.push(await real.run(PUT, [REDIS_KEY], args))
  expect(await simulated(puts)).toEqual(inReality)
  expect(new Set(inReality)).toEqual(new Set([0, 1]))
})

async function simulated(puts: readonly (readonly [Buffer, number, number, number, string])[]): Promise<unknown[]> {
  const time = virtualTime()
  const random = seededRandom(2)
  const settings = calmed(settingsFor(2, random))
  const { client } = hostileRedis({ time, random, settings: () => settings })
  const given: unknown[] = []
  const putAll = async () => {
    for (const args of puts) given.push(await client.run(PUT, [REDIS_KEY], args))
  }
  time.after(0, () => void putAll())
  await time.runUntil(10_000)
  return given
}
