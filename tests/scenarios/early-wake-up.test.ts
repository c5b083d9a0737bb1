/** Two nodes that would poll the change feed every ten seconds only: what they tell each other makes them poll early. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { type Enterprise, get, makeEnterprise, put, type TestNode, testNode } from '../support/node.js'

const LAZY = { JIEXI_STALENESS_BOUND_MS: '60000', JIEXI_POLL_INTERVAL_MS: '10000' }
/** Much longer than a wake-up takes on any machine, much shorter than the pause between polls. */
const SOON = { timeout: 8_000, interval: 2 }

let database: TestDatabase
let one: TestNode
let two: TestNode
let enterprise: Enterprise

beforeAll(async () => {
  database = await testDatabase({ migrated: false })
  one = await testNode({ environment: { ...LAZY, DATABASE_URL: database.url } })
  two = await testNode({ environment: { ...LAZY, DATABASE_URL: database.url } })
  enterprise = await makeEnterprise(one, { id: 'pumps', prefix: '88.118.5' })
})
afterAll(async () => {
  await two.close()
  await one.close()
  await database.close()
})

test('a change is seen on the other node long before that one would have polled by itself', async () => {
  const identifier = '88.118.5/woken'
  await vi.waitUntil(async () => (await codeOf(await get(two, identifier))) === 'identifier-absent', SOON)
  for (let version = 1; version <= 6; version += 1) {
    await put(one, enterprise.apiKey, { identifier, name: `version ${version}` })
    await vi.waitUntil(async () => (await get(two, identifier)).headers.get('jiexi-version') === String(version), SOON)
    // From memory, so that the next change has something to end.
    await vi.waitUntil(async () => (await get(two, identifier)).headers.get('cache-status')?.includes('memory'), SOON)
  }
})

test('so is the suspension of a prefix, and the end of an API key', async () => {
  const held = await makeEnterprise(one, { id: 'valves', prefix: '88.118.6' })
  const identifier = '88.118.6/valve'
  await put(one, held.apiKey, { identifier, name: 'Valve' })
  await vi.waitUntil(async () => (await get(two, identifier)).ok, SOON)
  const whoami = () => fetch(`${two.url}/v1/whoami`, { headers: { authorization: `Bearer ${held.apiKey}` } })
  expect((await whoami()).status).toBe(200)

  const admin = { authorization: `Bearer ${one.adminKey}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ state: 'suspended' })
  await fetch(`${one.url}/v1/prefixes/88.118.6`, { method: 'PATCH', headers: admin, body })
  await vi.waitUntil(async () => (await get(two, identifier)).status === 404, SOON)
  await fetch(`${one.url}/v1/keys/${held.apiKey.split('_')[1]}`, {
    method: 'DELETE',
    headers: { authorization: admin.authorization },
  })
  await vi.waitUntil(async () => (await whoami()).status === 401, SOON)
})

async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { code: string }).code
}
