import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestRedis, testRedis } from '../support/redis.js'
import { seededRandom } from './random.js'
import { attackRedis, type Loot } from './redis-attack.js'
import { type RedisPair, startRedisPair } from './redis-pair.js'
import { askRedis } from './resp-line.js'

let redis: TestRedis
let pair: RedisPair

beforeAll(async () => {
  redis = await testRedis()
  pair = await startRedisPair()
})

afterAll(async () => {
  await redis.stop()
  await pair.stop()
})

test('commands get their replies in order: texts, octets, numbers, nothing, lists and errors', async () => {
  const bytes = Buffer.from([0, 13, 10, 255])
  const replies = await askRedis(redis.url.replace('unix://', ''), [
    ['SET', 'a', bytes],
    ['GET', 'a'],
    ['STRLEN', 'a'],
    ['GET', 'nothing'],
    ['MGET', 'a', 'nothing'],
    ['HGET', 'a', 'field'],
  ])
  expect(replies.slice(0, 5)).toEqual([Buffer.from('OK'), bytes, 4, null, [bytes, null]])
  expect(String(replies[5])).toContain('WRONGTYPE')
})

test('a server that hangs is told as an error', async () => {
  await redis.signal('SIGSTOP')
  await expect(askRedis(redis.url.replace('unix://', ''), [['PING']])).rejects.toThrow(/no answer in 2000 ms/)
  await redis.signal('SIGCONT')
})

test('the replica keeps what the primary had when the copy was taken, and takes over with that', async () => {
  await pair.primary.ask(['SET', 'kept', 'old'], ['SET', 'deleted', 'x'])
  await pair.refreshReplica()
  await pair.primary.ask(['SET', 'kept', 'new'], ['DEL', 'deleted'])
  pair.swap()
  expect(await pair.primary.ask(['MGET', 'kept', 'deleted'])).toEqual([[Buffer.from('old'), Buffer.from('x')]])
})

test('an attack leaves no entry as it was for long, and touches no other keys', async () => {
  const { primary } = pair
  const genuine = Buffer.from(`J1${'0'.repeat(31)}7${'x'.repeat(80)}`)
  await primary.ask(['SET', 'other', 'untouched'], ...names(40).map((key) => ['SET', key, genuine]))
  const loot: Loot = new Map()
  await attackRedis(primary, seededRandom(5), loot)
  const replies = await primary.ask(...names(40).map((key) => ['GET', key]))
  const hit = replies.filter((reply) => !Buffer.isBuffer(reply) || !reply.equals(genuine))
  expect(hit.length).toBeGreaterThan(15)
  expect(hit.some((reply) => reply instanceof Error)).toBe(true)
  expect(loot.size).toBe(40)
  for (let again = 0; again < 20; again += 1) await attackRedis(primary, seededRandom(again), loot)
  expect(await primary.ask(['GET', 'other'])).toEqual([Buffer.from('untouched')])
})

function names(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `e:epoch:88.300.1/x-${at}`)
}
