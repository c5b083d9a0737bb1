/** Several worker processes behind one port, as real processes: shared load, deaths, and restarts that nobody notices. */
import http from 'node:http'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { isAlive } from '../../src/platform/process-facts.js'
import { type ClientLoad, clientLoad } from '../support/client-load.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { type Machine, machine } from '../support/machine.js'
import { type Enterprise, makeEnterprise, put } from '../support/node.js'
import { type TestRedis, testRedis } from '../support/redis.js'

/** For what starts processes, on a machine that is busy with other things. */
const timeout = 180_000

let database: TestDatabase
let redis: TestRedis
let node: Machine
let enterprise: Enterprise

beforeAll(async () => {
  database = await testDatabase({ migrated: false })
  redis = await testRedis()
  node = await machine({ databaseUrl: database.url, redisUrl: redis.url, workers: 2 })
  enterprise = await makeEnterprise(node, { id: 'pumps', prefix: '88.118.5' })
  await put(node, enterprise.apiKey, { identifier: '88.118.5/known', name: 'Known' })
}, timeout)

afterAll(async () => {
  await node.stop()
  await redis.stop()
  await database.close()
}, timeout)

test('both workers answer, and each has half of the connections that stay', async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 })
  const answering = await Promise.all(Array.from({ length: 64 }, () => answeringWorker(agent)))
  agent.destroy()
  const ofOne = answering.filter((worker) => worker === 1).length
  // Besides, there are a few connections of this file's own.
  expect(ofOne).toBeGreaterThan(27)
  expect(ofOne).toBeLessThan(37)
  const ready = (await (await fetch(`${node.url}/readyz`)).json()) as { workers: unknown }
  expect(ready.workers).toMatchObject({ up: 2, wanted: 2 })
})

test('with the token of the receipt, whichever worker is asked has read the write', async () => {
  const identifier = '88.118.5/token'
  for (let version = 1; version <= 20; version += 1) {
    const written = await put(node, enterprise.apiKey, { identifier, name: `version ${version}` })
    const token = written.headers.get('jiexi-token')!
    const answers = await Promise.all([1, 2, 3, 4].map(() => getAnew(identifier, token)))
    expect(answers.map((answer) => answer.version)).toEqual([version, version, version, version])
  }
})

test('an idempotency key is one for all workers', async () => {
  const send = () =>
    fetch(`${node.url}/v1/identifiers/88.118.5/once`, {
      method: 'PUT',
      headers: {
        connection: 'close',
        authorization: `Bearer ${enterprise.apiKey}`,
        'content-type': 'application/json',
        'idempotency-key': 'once',
      },
      body: JSON.stringify({ template: 'part', attributes: { partNumber: 'once', name: 'Once' } }),
    })
  const receipts = await Promise.all([1, 2, 3, 4, 5, 6].map(async () => (await send()).json()))
  expect(receipts).toEqual(receipts.map(() => receipts[0]))
})

test('any worker tells the metrics of all, and what a killed one counted stays in the sum', { timeout }, async () => {
  const before = await lookups()
  for (let n = 0; n < 10; n += 1) await getAnew('88.118.5/known')
  const after = await lookups()
  expect(after - before).toBe(10)
  expect(new Set(await Promise.all(Array.from({ length: 8 }, lookups)))).toEqual(new Set([after]))

  const [victim] = node.workers().values()
  process.kill(victim!, 'SIGKILL')
  await node.replaced(victim!)
  expect(await lookups()).toBe(after)
  const text = await metricsText()
  expect(text).toMatch(/^jiexi_workers_up 2$/m)
  expect(text).toMatch(/^jiexi_workers_lost_total 1$/m)
  for (const worker of ['1', '2', 'supervisor'])
    expect(text).toMatch(new RegExp(`^process_resident_memory_bytes\\{worker="${worker}"\\} \\d`, 'm'))
  const capacity = /^jiexi_memory_cache_capacity_bytes (\d+)$/m.exec(text)![1]
  expect(Number(capacity)).toBeLessThanOrEqual(256 * 2 ** 20)
})

test('a killed worker is replaced; with one retry every request is answered meanwhile', { timeout }, async () => {
  const load = clientLoad(known(), { keeping: 10, fresh: 10, retries: 1 })
  await answers(load, 200)
  for (const victim of [...node.workers().values()]) {
    process.kill(victim, 'SIGKILL')
    await node.child.line(new RegExp(`process ${victim}\\) was ended by SIGKILL`))
    await node.replaced(victim)
  }
  await load.stop()
  expect(load.failures).toEqual([])
})

test('connections on their way to a worker that dies are answered by another', { timeout }, async () => {
  const [, victim] = [...node.workers().values()]
  process.kill(victim!, 'SIGSTOP')
  let answered = 0
  // More than the connections that the other one may have kept from before, so that both are given some of them.
  const asking = Array.from({ length: 300 }, async () => {
    await getAnew('88.118.5/known')
    answered += 1
  })
  // Some of them wait for the one that does nothing.
  await vi.waitUntil(() => answered >= 5, { timeout: 30_000 })
  expect(answered).toBeLessThan(300)
  process.kill(victim!, 'SIGKILL')
  await Promise.all(asking)
  await node.replaced(victim!)
})

test('a rolling restart under load fails no request, without any retry', { timeout }, async () => {
  const old = node.workers()
  const load = clientLoad(known(), { keeping: 100, fresh: 20 })
  await answers(load, 1_000)
  node.signal('SIGHUP')
  await node.child.line(/All workers have been replaced/)
  await answers(load, load.answered() + 1_000)
  await load.stop()
  expect(load.failures).toEqual([])
  expect([...old.values()].filter(isAlive)).toEqual([])
  const output = node.child.output()
  for (const [slot, pid] of node.workers()) {
    const successorServes = output.indexOf(`(process ${pid}) serves`)
    expect(successorServes).toBeLessThan(output.indexOf(`(process ${old.get(slot)}) ended with code 0 after its drain`))
  }
  expect(await (await fetch(`${node.url}/readyz`)).json()).toMatchObject({ workers: { up: 2 } })
})

test('when the supervisor is killed, no worker is left behind', async () => {
  const workers = [...node.workers().values()]
  expect(workers.filter(isAlive)).toHaveLength(2)
  node.signal('SIGKILL')
  await vi.waitUntil(() => workers.filter(isAlive).length === 0, { timeout: 30_000 })
})

function known(): string {
  return `${node.url}/v1/identifiers/88.118.5/known`
}

function answers(load: ClientLoad, count: number): Promise<unknown> {
  return vi.waitUntil(() => load.answered() >= count, { timeout: 60_000 })
}

async function answeringWorker(agent: http.Agent): Promise<number> {
  const ready = (await askJson('/readyz', { agent })) as { workers: { answering: number } }
  return ready.workers.answering
}

/** Over a connection of its own, so that any worker may get it. */
async function getAnew(identifier: string, token?: string): Promise<{ version: number }> {
  const headers = token === undefined ? {} : { 'jiexi-token': token }
  return (await askJson(`/v1/identifiers/${identifier}`, { agent: false, headers })) as { version: number }
}

function askJson(path: string, options: http.RequestOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    http
      .get(node.url + path, options, async (response) => {
        let body = ''
        for await (const chunk of response) body += String(chunk)
        resolve(JSON.parse(body))
      })
      .once('error', reject)
  })
}

async function metricsText(): Promise<string> {
  return (await fetch(`${node.url}/metrics`, { headers: { connection: 'close' } })).text()
}

async function lookups(): Promise<number> {
  const counts = [...(await metricsText()).matchAll(/^jiexi_lookups_total\{.*\} (\d+)$/gm)]
  return counts.reduce((sum, [, count]) => sum + Number(count), 0)
}
