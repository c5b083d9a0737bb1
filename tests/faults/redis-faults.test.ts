/** What is done to Redis is what the faults say: on real servers, with entries put there by hand. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openRedis } from '../../src/platform/redis.js'
import { PATIENT } from '../support/patience.js'
import { entryKeys, restoreEntries, squeeze } from './redis-entries.js'
import { type RedisPair, startRedisPair } from './redis-pair.js'
import { refusingRedis } from './refusing-redis.js'
import type { RespCommand } from './resp-line.js'

let pair: RedisPair

beforeEach(async () => {
  pair = await startRedisPair()
})

afterEach(() => pair.stop())

test('restored, entries are in place what they were when the replica took its copy', async () => {
  const { primary, replica } = pair
  await primary.ask(['SET', 'e:1', 'old'], ['SET', 'e:2', 'deleted since'], ['SET', 'other', 'old'])
  await pair.refreshReplica()
  await primary.ask(['SET', 'e:1', 'new'], ['DEL', 'e:2'], ['SET', 'e:3', 'made since'], ['SET', 'other', 'new'])
  expect(await restoreEntries(replica, primary)).toBe(2)
  const [values] = await primary.ask(['MGET', 'e:1', 'e:2', 'e:3', 'other'])
  expect((values as Buffer[]).map(String)).toEqual(['old', 'deleted since', 'made since', 'new'])
})

test('demoted, it has what the replica had, and refuses writes until it is promoted', async () => {
  const { primary } = pair
  await primary.ask(['SET', 'e:1', 'old'])
  await pair.refreshReplica()
  await primary.ask(['SET', 'e:1', 'new'])
  await pair.demote()
  await vi.waitUntil(async () => String((await primary.ask(['GET', 'e:1']))[0]) === 'old', { timeout: 30_000 })
  // Were the replica to follow its follower now, both would be empty.
  await pair.refreshReplica()
  expect(String((await primary.ask(['SET', 'e:1', 'x']))[0])).toContain('READONLY')
  await pair.promote()
  const replies = await primary.ask(['GET', 'e:1'], ['SET', 'e:1', 'x'])
  expect(replies.map(String)).toEqual(['old', 'OK'])
})

test('a replica that follows until the primary is killed has nearly everything, and takes over', async () => {
  const { primary, replica } = pair
  await primary.ask(['SET', 'e:1', 'kept'])
  await pair.whileFollowing(() => primary.process.signal('SIGKILL'))
  pair.swap()
  expect(pair.primary).toBe(replica)
  expect((await pair.primary.ask(['GET', 'e:1'], ['SET', 'e:2', 'taken'])).map(String)).toEqual(['kept', 'OK'])
})

test('squeezed, it drives entries out and takes new ones all the same', async () => {
  const { primary } = pair
  const puts = (from: number) =>
    Array.from({ length: 500 }, (_, at): RespCommand => ['SET', `e:${from + at}`, Buffer.alloc(700)])
  await primary.ask(...puts(0))
  await squeeze(primary)
  const replies = await primary.ask(...puts(1_000))
  expect(replies.filter((reply) => reply instanceof Error)).toEqual([])
  const left = await entryKeys(primary)
  expect(left.length).toBeLessThan(700)
  expect(left.length).toBeGreaterThan(100)
})

test('refused in every way, our client asks on, and knows nothing', async () => {
  const refusing = await refusingRedis()
  const client = openRedis(`unix://${refusing.socketPath}`)
  await vi.waitUntil(() => client.isUp(), PATIENT)
  const before = refusing.refused()
  await vi.waitUntil(
    async () => {
      await expect(client.mget(['e:1'])).rejects.toMatchObject({ code: 'authority-unavailable' })
      return refusing.refused() - before >= 12
    },
    { ...PATIENT, interval: 1 },
  )
  await client.close()
  await refusing.close()
})
