/**
 * A secondary node of two replicas, and an enterprise with a node of its own: when that stops it is told once as abnormal,
 * and when it is back as recovered, whichever of the replicas is there; each day is counted by one of them.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { freePort } from '../../src/platform/free-port.js'
import { periodAt } from '../../src/reporting/periods.js'
import { inDatabase, makeEnterprise, type TestNode, testNode } from '../support/node.js'

const timeout = 120_000
let port: number
let folder: string
let enterprise: TestNode | undefined
let one: TestNode
let other: TestNode | undefined

const startEnterprise = () => testNode({ environment: { JIEXI_HANDLE_PORT: String(port) } })

beforeAll(async () => {
  port = await freePort()
  enterprise = await startEnterprise()
  folder = await mkdtemp(path.join(os.tmpdir(), 'jiexi-reports-'))
  const environment = {
    JIEXI_PROBE_SECONDS: '2',
    JIEXI_PEER_NETWORKS: `88.118.8=127.0.0.1/32:${port}`,
    JIEXI_NODE_PREFIX: '88.118',
    JIEXI_REPORTS: folder,
  }
  one = await testNode({ environment })
  await makeEnterprise(one, { id: 'pumps', prefix: '88.118.8' })
  other = await testNode({ environment: { ...environment, DATABASE_URL: one.databaseUrl } })
  const response = await fetch(`${one.url}/v1/prefixes/88.118.8?wait=visible`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${one.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ service: 'self-built', sites: [{ address: '127.0.0.1', port }] }),
  })
  expect(response.status).toBe(200)
}, timeout)

afterAll(async () => {
  await other?.close()
  await one?.close()
  await enterprise?.close()
  await rm(folder, { recursive: true, force: true })
})

interface Told {
  readonly number: number
  readonly state: string
  readonly [name: string]: unknown
}

async function events(): Promise<Told[]> {
  const response = await fetch(`${one.url}/v1/events`, { headers: administrator() })
  return ((await response.json()) as { items: Told[] }).items
}

const untilEvents = (count: number) =>
  vi.waitUntil(async () => ((now) => now.length >= count && now)(await events()), { timeout: 60_000, interval: 200 })

async function counted(): Promise<{ probes: number; answered: number }> {
  const [row] = await inDatabase<{ probes: number; answered: number }>(
    one,
    `select coalesce(sum(probes), 0)::bigint as probes, coalesce(sum(answered), 0)::bigint as answered
     from node_probe_hour where prefix = '88.118.8'`,
  )
  return row!
}

test('probes of one replica are counted', { timeout }, async () => {
  await vi.waitUntil(async () => (await counted()).answered >= 3, { timeout: 60_000, interval: 200 })
  expect(await inDatabase(one, 'select holder from probe_watch')).toEqual([{ holder: expect.any(String) }])
  expect(await events()).toEqual([])
})

test('an enterprise node that stops is told once, also when a replica stops meanwhile, and its return with it', {
  timeout,
}, async () => {
  await enterprise!.close()
  enterprise = undefined
  const [abnormal] = await untilEvents(1)
  expect(abnormal).toMatchObject({ subject: 'pumps', prefix: '88.118.8', state: 'abnormal', type: 1 })
  await other!.close()
  other = undefined
  enterprise = await startEnterprise()
  const [, recovered, ...more] = await untilEvents(2)
  expect(recovered).toMatchObject({ subject: 'pumps', prefix: '88.118.8', state: 'recovered', ends: abnormal!.number })
  expect(more).toEqual([])
  const { probes, answered } = await counted()
  expect(answered).toBeLessThan(probes)
})

test('the day’s monitoring of enterprise nodes is a report', { timeout }, async () => {
  const day = await twoDaysLater()
  const asked = await fetch(`${one.url}/v1/reports/enterprise-performance/${day}/resend`, {
    method: 'POST',
    headers: { ...administrator(), 'content-type': 'application/json' },
    body: JSON.stringify({ anew: true }),
  })
  expect(asked.status).toBe(202)
  const read = async (path: string) => (await fetch(one.url + path, { headers: administrator() })).json()
  const { id } = await vi.waitUntil(
    async () => ((await read('/v1/reports?table=enterprise-performance')) as { items: { id: number }[] }).items.at(0),
    { timeout: 60_000, interval: 200 },
  )
  const { data } = (await read(`/v1/reports/${id}`)) as { data: { items: unknown[] } }
  const extreme = { tookMs: expect.any(Number), at: expect.any(String) }
  expect(data.items).toMatchObject([
    {
      enterpriseId: 'pumps',
      prefix: '88.118.8',
      resolution: { count: expect.any(Number), meanMs: expect.any(Number), fastest: extreme, slowest: extreme },
      availability: { percent: expect.any(Number) },
    },
  ])
})

/** Only days that have ended are collected: what was counted moves back. Gives the day that it is of now. */
async function twoDaysLater(): Promise<string> {
  const before = (time: string) => `${time} = ${time} - interval '2 days'`
  await inDatabase(one, `update prefix set ${before('created_at')}`)
  const [row] = await inDatabase<{ hour: Date }>(
    one,
    `with moved as (
       update node_probe_hour set ${['hour', 'min_at', 'max_at'].map(before).join(', ')} returning hour, answered
     ) select hour from moved where answered > 0 limit 1`,
  )
  return periodAt('daily', row!.hour.getTime(), 'Asia/Shanghai').key
}

function administrator(): Record<string, string> {
  return { authorization: `Bearer ${one.adminKey}` }
}
