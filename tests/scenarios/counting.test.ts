/** What is asked through every door of several worker processes is counted together, and stays so over a death and a restart. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { type Machine, machine } from '../support/machine.js'
import { get, makeEnterprise, put } from '../support/node.js'

const timeout = 180_000

let database: TestDatabase
let folder: string

beforeAll(async () => {
  database = await testDatabase({ migrated: false })
  folder = await mkdtemp(path.join(os.tmpdir(), 'jiexi-counting-'))
}, timeout)
afterAll(async () => {
  await database.close()
  await rm(folder, { recursive: true, force: true })
}, timeout)

test(
  'requests to two workers add up, and go on after a restart; the machine reports once',
  async () => {
    const first = await started()
    const { apiKey } = await makeEnterprise(first, { id: 'pumps', prefix: '88.118.5' })
    await put(first, apiKey, { identifier: '88.118.5/known', name: 'Known', wait: 'visible' })
    await askOften(first, 40)
    // Stopping stores what is counted.
    await first.stop()
    expect(await requests()).toBe(40)

    const second = await started()
    await askOften(second, 25)
    const [worker] = second.workers().values()
    await vi.waitUntil(async () => (await requests()) === 65, { timeout: 60_000, interval: 200 })
    process.kill(worker!, 'SIGKILL')
    await second.replaced(worker!)
    await askOften(second, 10)
    await vi.waitUntil(async () => (await readdir(folder)).includes('T1'), { timeout: 60_000, interval: 200 })
    await second.stop()
    expect(await requests()).toBe(75)
    const [{ made }] = (await database.db.query<{ made: number }>(
      `select count(*) as made from report where table_name = 'T1'`,
    )) as [{ made: number }]
    expect(made).toBe(1)
    const sources = await database.db.query(`select distinct pair->>0 as source
      from lookup_hour, jsonb_array_elements(sources->'counts') as pair`)
    expect(sources).toEqual([{ source: '127.0.0.1' }])
  },
  timeout,
)

function started(): Promise<Machine> {
  const environment = { JIEXI_NODE_PREFIX: '88.118', JIEXI_REPORTS: folder, JIEXI_DEMO: 'false' }
  return machine({ databaseUrl: database.url, redisUrl: 'none', workers: 2, environment })
}

/** A connection each, so that both workers are asked. */
async function askOften(node: Machine, times: number): Promise<void> {
  for (let at = 0; at < times; at++) {
    const answer = await get(node, '88.118.5/known', { connection: 'close' })
    expect(answer.status).toBe(200)
  }
}

async function requests(): Promise<number> {
  const [row] = await database.db.query<{ requests: number }>(
    `select coalesce(sum(requests), 0)::bigint as requests from lookup_hour where prefix = '88.118.5'`,
  )
  return row!.requests
}
