/** Two replicas of two workers each, over one Postgres and one Redis, as real processes; and how such a node begins and ends. */
import { once } from 'node:events'
import net from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { isAlive } from '../../src/platform/process-facts.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { type Machine, machine, startMachine } from '../support/machine.js'
import { type Enterprise, get, makeEnterprise, put } from '../support/node.js'
import { type TestRedis, testRedis } from '../support/redis.js'

/** For what starts processes, on a machine that is busy with other things. */
const timeout = 180_000

let database: TestDatabase
let redis: TestRedis
let replicas: readonly Machine[]
let enterprise: Enterprise

beforeAll(async () => {
  database = await testDatabase({ migrated: false })
  redis = await testRedis()
  const options = { databaseUrl: database.url, redisUrl: redis.url, workers: 2 }
  // At the same time, on an empty database.
  replicas = await Promise.all([machine(options), machine(options)])
  enterprise = await makeEnterprise(replicas[0]!, { id: 'pumps', prefix: '88.118.5' })
}, timeout)

afterAll(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()))
  await redis.stop()
  await database.close()
}, timeout)

test('of four processes none gives an older answer to whoever has the token of a write', async () => {
  const identifier = '88.118.5/everywhere'
  const asked = new Set<string>()
  for (let version = 1; version <= 15; version += 1) {
    const at = replicas[version % 2]!
    const written = await put(at, enterprise.apiKey, { identifier, name: `version ${version}` })
    const token = written.headers.get('jiexi-token')!
    const answers = await Promise.all(
      replicas.flatMap((replica) => [1, 2, 3].map(() => versionFrom(replica, identifier, token))),
    )
    expect(answers).toEqual(answers.map(() => version))
    // Without the token they are remembered by all, to be outdated by the next round.
    for (const [number, replica] of replicas.entries())
      for (let times = 0; times < 4; times += 1) asked.add(`${number}/${await workerOf(replica)}`)
  }
  expect([...asked].sort()).toEqual(['0/1', '0/2', '1/1', '1/2'])
})

test('told to stop, all workers answer what they have, and the node ends with 0', { timeout }, async () => {
  const [, leaving] = replicas
  const workers = [...leaving!.workers().values()]
  const idle = await connect(leaving!)
  expect(await ask(idle)).toContain('Connection: keep-alive')
  const asking = await connect(leaving!)
  const body = '{"identifiers":["88.118.5/everywhere"]}'
  asking.write(
    `POST /v1/resolve HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n{`,
  )

  leaving!.signal('SIGTERM')
  await leaving!.child.line(/SIGTERM: stopping/)
  // At the latest by now each worker has been told.
  await vi.waitUntil(async () => (await ask(idle)).includes('Connection: close'), { timeout: 30_000 })
  const answered = once(asking, 'data')
  asking.write(body.slice(1))
  expect(String((await answered)[0])).toContain('HTTP/1.1 200')
  expect(await leaving!.child.ended).toBe(0)
  expect(workers.filter(isAlive)).toEqual([])
})

test('a second signal ends all at once', { timeout }, async () => {
  const [leaving] = replicas
  const workers = [...leaving!.workers().values()]
  // It would be waited for as long as its keep-alive time runs.
  const idle = await connect(leaving!)
  idle.on('error', () => undefined)
  await ask(idle)
  leaving!.signal('SIGINT')
  await leaving!.child.line(/SIGINT: stopping/)
  leaving!.signal('SIGINT')
  expect(await leaving!.child.ended).toBe(130)
  await expect.poll(() => workers.filter(isAlive)).toEqual([])
})

test('a port that is taken ends the start before any worker is started', { timeout }, async () => {
  const taken = net.createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as net.AddressInfo
  const environment = { PORT: String(port) }
  const child = startMachine({ databaseUrl: database.url, redisUrl: redis.url, workers: 2, environment })
  expect(await child.ended).toBe(1)
  expect(child.output()).toContain(`port ${port} is taken`)
  expect(child.output()).not.toContain('Worker')
  taken.close()
})

async function versionFrom(replica: Machine, identifier: string, token: string): Promise<number> {
  const answer = await get(replica, identifier, { connection: 'close', 'jiexi-token': token })
  return ((await answer.json()) as { version: number }).version
}

async function workerOf(replica: Machine): Promise<number> {
  await (await get(replica, '88.118.5/everywhere', { connection: 'close' })).arrayBuffer()
  const ready = await fetch(`${replica.url}/readyz`, { headers: { connection: 'close' } })
  return ((await ready.json()) as { workers: { answering: number } }).workers.answering
}

async function connect({ url }: Machine): Promise<net.Socket> {
  const { hostname, port } = new URL(url)
  const socket = net.connect(Number(port), hostname)
  await once(socket, 'connect')
  return socket
}

async function ask(socket: net.Socket): Promise<string> {
  const answered = once(socket, 'data')
  socket.write('GET /livez HTTP/1.1\r\nHost: node\r\n\r\n')
  return String((await answered)[0])
}
