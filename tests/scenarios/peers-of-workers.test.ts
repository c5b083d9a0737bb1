/** A node of several worker processes that asks another: whichever worker is asked tells what all of them know of it. */
import http from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { type Machine, machine } from '../support/machine.js'
import { type TestNode, testNode } from '../support/node.js'

const timeout = 180_000
const LOOKUPS = 24

let database: TestDatabase
let above: TestNode
let node: Machine

beforeAll(async () => {
  above = await testNode()
  database = await testDatabase({ migrated: false })
  node = await machine({
    databaseUrl: database.url,
    redisUrl: 'none',
    workers: 2,
    environment: {
      JIEXI_PARENT: above.url,
      JIEXI_PEER_NETWORKS: `parent=127.0.0.1/32:${new URL(above.url).port}`,
      JIEXI_PROBE_SECONDS: '0',
    },
  })
}, timeout)

afterAll(async () => {
  await node?.stop()
  await database?.close()
  await above?.close()
}, timeout)

interface PeerJson {
  readonly peer: string
  readonly role: string
  readonly state: string
  readonly requests: number
}

test('the answer is the same from every worker, and tells of the requests of all', { timeout }, async () => {
  expect(await workersThatAnswer()).toBe(2)
  const before = await peersAnew()
  expect(before).toMatchObject([{ peer: above.url, role: 'parent', state: 'unknown', requests: 0 }])
  for (let place = 0; place < LOOKUPS; place += 1) await anew(`/v1/identifiers/99.1/x-${place}?authoritative=1`)
  const [first] = await peersAnew()
  expect(first).toMatchObject({ peer: above.url, role: 'parent', state: 'up', requests: LOOKUPS })
  for (let round = 0; round < 8; round += 1) expect(await peersAnew()).toMatchObject([{ requests: LOOKUPS }])
})

test('a worker that is ended takes what it knew along, and the others still tell', { timeout }, async () => {
  const [victim] = node.workers().values()
  process.kill(victim!, 'SIGKILL')
  await node.replaced(victim!)
  const [peer] = await peersAnew()
  expect(peer!.requests).toBeLessThanOrEqual(LOOKUPS)
  expect(peer).toMatchObject({ peer: above.url, role: 'parent' })
})

test('whoever is no administrator is told nothing', async () => {
  expect(await anew('/v1/peers', {})).toMatchObject({ code: 'not-authenticated' })
})

/** Of 16 connections. */
async function workersThatAnswer(): Promise<number> {
  const ready = Array.from({ length: 16 }, () => anew('/readyz') as Promise<{ workers: { answering: number } }>)
  return new Set((await Promise.all(ready)).map(({ workers }) => workers.answering)).size
}

async function peersAnew(): Promise<readonly PeerJson[]> {
  const { items } = (await anew('/v1/peers', { authorization: `Bearer ${node.adminKey}` })) as { items: PeerJson[] }
  return items
}

/** Over a connection of its own, so that any worker may get it. */
function anew(path: string, headers: http.OutgoingHttpHeaders = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    http
      .get(node.url + path, { agent: false, headers }, async (response) => {
        let body = ''
        for await (const chunk of response) body += String(chunk)
        resolve(JSON.parse(body))
      })
      .once('error', reject)
  })
}
