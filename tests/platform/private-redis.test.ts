import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { type PrivateRedis, startPrivateRedis } from '../../src/platform/private-redis.js'
import { isAlive } from '../../src/platform/process-facts.js'
import { openRedis, type RedisClient } from '../../src/platform/redis.js'
import { runTypeScript } from '../support/child.js'
import { PATIENT } from '../support/patience.js'

const NODE = path.join(import.meta.dirname, 'children/private-redis.ts')

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (let cleanUp = cleanUps.pop(); cleanUp; cleanUp = cleanUps.pop()) await cleanUp()
})

test('it is memory only, bounded, and listens on a socket alone', async () => {
  const redis = await started(freshFolder())
  expect(redis.url).toMatch(/^unix:\/\//)
  const wanted = {
    save: '',
    appendonly: 'no',
    port: '0',
    maxmemory: String(256 * 2 ** 20),
    'maxmemory-policy': 'allkeys-lru',
  }
  for (const [name, value] of Object.entries(wanted)) {
    const socket = new URL(redis.url).pathname
    expect(execFileSync('redis-cli', ['-s', socket, 'config', 'get', name], { encoding: 'utf8' })).toBe(
      `${name}\n${value}\n`,
    )
  }
})

test('below a path too long for a socket it takes a port, and a password', async () => {
  const redis = await started(path.join(freshFolder(), 'long'.repeat(30)))
  expect(redis.url).toMatch(/^redis:\/\/:[\w-]{32}@127\.0\.0\.1:\d+$/)
  const client = await connected(redis.url)
  expect(await client.mget(['key'])).toEqual([null])

  const url = new URL(redis.url)
  url.password = 'guessed'
  const stranger = openRedis(url.href)
  cleanUps.push(() => stranger.close())
  await expect(connected(url.href, 300)).rejects.toThrow()
})

test('a path with blanks and non-ASCII letters works', async () => {
  const redis = await started(path.join(freshFolder(), 'mein knoten ü 解析'))
  expect(await (await connected(redis.url)).mget(['key'])).toEqual([null])
})

test('no redis-server on PATH: there is none, and no error', async () => {
  expect(await startPrivateRedis({ dataFolder: freshFolder(), searchPath: '/nowhere' })).toBeUndefined()
})

test('stopping ends it and leaves nothing behind', async () => {
  const dataFolder = freshFolder()
  const redis = await started(dataFolder)
  const pid = redis.pid()!
  await redis.stop()
  expect(isAlive(pid)).toBe(false)
  expect(readdirSync(path.join(dataFolder, 'redis'))).toEqual([])
})

test('killed, it comes back under the same address', async () => {
  const redis = await started(freshFolder())
  const client = await connected(redis.url)
  const before = redis.pid()!
  process.kill(before, 'SIGKILL')
  await vi.waitFor(() => expect(redis.pid() ?? before).not.toBe(before), { timeout: 30_000 })
  await vi.waitFor(() => expect(client.isUp()).toBe(true), { timeout: 30_000 })
})

test('the orphan of a killed node is ended; the server of a living one is left alone', async () => {
  const dataFolder = freshFolder()
  const [killed, living] = [runTypeScript(NODE, [dataFolder]), runTypeScript(NODE, [dataFolder])]
  const [orphan, other] = (await Promise.all([killed.line(/^ready/), living.line(/^ready/)])).map(serverPidOf)
  cleanUps.push(async () => {
    living.process.kill('SIGTERM')
    await living.ended
  })
  killed.process.kill('SIGKILL')
  await killed.ended
  expect(isAlive(orphan!)).toBe(true)

  await started(dataFolder)
  await vi.waitFor(() => expect(isAlive(orphan!)).toBe(false), PATIENT)
  expect(isAlive(other!)).toBe(true)
})

test('a stale file that names some other process kills nobody', async () => {
  const dataFolder = freshFolder()
  const stranger = runTypeScript(path.join(import.meta.dirname, 'children/idle.ts'))
  await stranger.line(/idle/)
  mkdirSync(path.join(dataFolder, 'redis'), { recursive: true })
  writeFileSync(path.join(dataFolder, 'redis/1.pid'), String(stranger.process.pid))

  await started(dataFolder)
  expect(isAlive(stranger.process.pid!)).toBe(true)
  stranger.process.kill()
  await stranger.ended
})

function freshFolder(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'jiexi-private-redis-'))
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function started(dataFolder: string): Promise<PrivateRedis> {
  const redis = await startPrivateRedis({ dataFolder })
  cleanUps.push(() => redis?.stop())
  return redis!
}

async function connected(url: string, withinMs = 30_000): Promise<RedisClient> {
  const client = openRedis(url, { commandTimeoutMs: 5_000 })
  cleanUps.push(() => client.close())
  await vi.waitFor(() => expect(client.isUp()).toBe(true), { timeout: withinMs, interval: 10 })
  return client
}

function serverPidOf(line: string): number {
  return (JSON.parse(line.replace('ready ', '')) as { serverPid: number }).serverPid
}
