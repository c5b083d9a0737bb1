/** Two nodes over one Postgres and one Redis: what is acknowledged on one is soon, or at once, the truth on the other. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Enterprise, get, makeEnterprise, put, type TestNode, testNode } from '../support/node.js'
import { PATIENT } from '../support/patience.js'
import { type TestRedis, testRedis } from '../support/redis.js'

let redis: TestRedis
let one: TestNode
let two: TestNode
let enterprise: Enterprise

beforeAll(async () => {
  redis = await testRedis()
  one = await testNode({ environment: { REDIS_URL: redis.url } })
  two = await testNode({ environment: { REDIS_URL: redis.url, DATABASE_URL: one.databaseUrl } })
  enterprise = await makeEnterprise(one, { id: 'pumps', prefix: '88.118.5' })
  await routeKnown(two, '88.118.5/any')
})

afterAll(async () => {
  await two.close()
  await one.close()
  await redis.stop()
})

test("the other node's cached answer ends within the bound after a change was acknowledged", async () => {
  const identifier = '88.118.5/bounded'
  await put(one, enterprise.apiKey, { identifier, name: 'version 1' })
  for (let version = 2; version <= 12; version += 1) {
    await inMemory(two, identifier)
    await put(one, enterprise.apiKey, { identifier, name: `version ${version}` })
    const acknowledgedAtMs = performance.now()
    for (;;) {
      const startedAtMs = performance.now()
      const { version: seen } = (await (await get(two, identifier)).json()) as { version: number }
      if (seen === version) break
      expect(startedAtMs - acknowledgedAtMs, 'an unmarked answer older than the bound').toBeLessThanOrEqual(1000)
    }
  }
})

test('what was written with wait=visible is nowhere answered older after its acknowledgement', async () => {
  const identifier = '88.118.5/waited'
  await put(one, enterprise.apiKey, { identifier, name: 'version 1' })
  for (let version = 2; version <= 6; version += 1) {
    await inMemory(two, identifier)
    const written = await put(one, enterprise.apiKey, { identifier, name: `version ${version}`, wait: 'visible' })
    expect(await written.json()).toMatchObject({ version, visible: true })
    const seen = await get(two, identifier)
    expect(seen.headers.has('jiexi-stale')).toBe(false)
    expect(await seen.json()).toMatchObject({ version })
  }
})

test('what is waited for is the largest bound of all nodes, whichever node is asked', async () => {
  const slow = await testNode({
    environment: { DATABASE_URL: one.databaseUrl, JIEXI_STALENESS_BOUND_MS: '2500' },
  })
  try {
    const startedAtMs = performance.now()
    await put(one, enterprise.apiKey, { identifier: '88.118.5/slow', name: 'Slow', wait: 'visible' })
    expect(performance.now() - startedAtMs).toBeGreaterThan(2_500)
  } finally {
    await slow.close()
  }
})

test('a node that is told to stop still acknowledges the writes that wait, or says that it could not', async () => {
  const waitOn = async (name: string, settings: Readonly<Record<string, string>>) => {
    const node = await testNode({ environment: { DATABASE_URL: one.databaseUrl, ...settings } })
    const identifier = `88.118.5/${name}`
    const written = put(node, enterprise.apiKey, { identifier, name, wait: 'visible' })
    await vi.waitUntil(async () => (await get(one, identifier)).ok, PATIENT)
    await node.close()
    return written
  }
  const drained = await waitOn('drained', { JIEXI_DRAIN_SECONDS: '10' })
  expect([drained.status, await drained.json()]).toMatchObject([201, { visible: true }])

  const hurried = await waitOn('hurried', { JIEXI_DRAIN_SECONDS: '0', JIEXI_STALENESS_BOUND_MS: '10000' })
  expect([hurried.status, hurried.headers.get('retry-after')]).toEqual([503, '1'])
  expect(hurried.headers.get('jiexi-token')).toMatch(/^\d+/)
  expect(await hurried.json()).toMatchObject({
    code: 'not-yet-visible',
    detail: expect.stringMatching(/It is written/),
  })
})

test('a node reads its own writes at once', async () => {
  const identifier = '88.118.5/own'
  for (let version = 1; version <= 20; version += 1) {
    await put(one, enterprise.apiKey, { identifier, name: `version ${version}` })
    expect(await (await get(one, identifier)).json()).toMatchObject({ version })
  }
})

test('with the token of the receipt any node reads the write at once', async () => {
  const identifier = '88.118.5/token'
  await put(one, enterprise.apiKey, { identifier, name: 'version 1' })
  for (let version = 2; version <= 20; version += 1) {
    await inMemory(two, identifier)
    const written = await put(one, enterprise.apiKey, { identifier, name: `version ${version}` })
    const token = written.headers.get('jiexi-token')!
    expect(await (await get(two, identifier, { 'jiexi-token': token })).json()).toMatchObject({ version })
  }
})

test('a token of a prefix demands its routes too: what lies below a new prefix resolves anywhere at once', async () => {
  const admin = { authorization: `Bearer ${one.adminKey}`, 'content-type': 'application/json' }
  for (let round = 1; round <= 5; round += 1) {
    const prefix = `88.118.5${round}`
    const identifier = `${prefix}/first`
    const allot = { method: 'POST', headers: admin, body: JSON.stringify({ prefix, enterpriseId: 'pumps' }) }
    expect((await fetch(`${one.url}/v1/prefixes`, allot)).status).toBe(201)
    const written = await put(one, enterprise.apiKey, { identifier, name: 'First' })
    const token = { 'jiexi-token': written.headers.get('jiexi-token')! }
    expect((await get(two, identifier, token)).status).toBe(200)

    const body = JSON.stringify({ state: 'suspended' })
    const suspended = await fetch(`${one.url}/v1/prefixes/${prefix}`, { method: 'PATCH', headers: admin, body })
    const after = { 'jiexi-token': suspended.headers.get('jiexi-token')! }
    expect(await (await get(two, identifier, after)).json()).toMatchObject({ code: 'prefix-not-served' })
  }
})

test('"not registered", remembered by the other node, ends with the registration', async () => {
  const identifier = '88.118.5/later'
  expect((await get(two, identifier)).status).toBe(404)
  await put(one, enterprise.apiKey, { identifier, name: 'Later' })
  await seenInTime(async () => (await get(two, identifier)).status === 200)
})

test('a withdrawal reaches the other node, and stays', async () => {
  const identifier = '88.118.5/gone'
  await put(one, enterprise.apiKey, { identifier, name: 'Gone' })
  await inMemory(two, identifier)
  const withdrawn = await fetch(`${one.url}/v1/identifiers/${identifier}?reason=scrapped`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${enterprise.apiKey}` },
  })
  expect(withdrawn.status).toBe(200)
  await seenInTime(async () => (await get(two, identifier)).status === 410)
  expect(await (await get(two, identifier)).json()).toMatchObject({ code: 'identifier-withdrawn' })
})

test('suspending a prefix ends its look-ups on the other node, resuming brings them back', async () => {
  const held = await makeEnterprise(one, { id: 'valves', prefix: '88.118.6' })
  const identifier = '88.118.6/valve'
  await put(one, held.apiKey, { identifier, name: 'Valve' })
  await routeKnown(two, identifier)
  await inMemory(two, identifier)
  await patchPrefix(held.prefix, { state: 'suspended' })
  await seenInTime(async () => (await get(two, identifier)).status === 404)
  expect((await put(two, held.apiKey, { identifier, name: 'Again' })).status).toBe(403)
  await patchPrefix(held.prefix, { state: 'active' })
  await seenInTime(async () => (await get(two, identifier)).status === 200)
})

test('a revoked key ends on the other node', async () => {
  const held = await makeEnterprise(one, { id: 'seals', prefix: '88.118.7' })
  await vi.waitUntil(async () => (await whoami(two, held.apiKey)) === 200, PATIENT)
  const id = held.apiKey.split('_')[1]
  await fetch(`${one.url}/v1/keys/${id}`, { method: 'DELETE', headers: { authorization: `Bearer ${one.adminKey}` } })
  expect((await put(two, held.apiKey, { identifier: '88.118.7/x', name: 'X' })).status).toBe(401)
  await seenInTime(async () => (await whoami(two, held.apiKey)) === 401)
})

/** Whoever asks when the bound is over, and half a second more, is told of the change, however slow the machine is. */
async function seenInTime(isSeen: () => Promise<boolean>): Promise<void> {
  const acknowledgedAtMs = performance.now()
  for (;;) {
    const askedAtMs = performance.now()
    if (await isSeen()) return
    expect(askedAtMs - acknowledgedAtMs).toBeLessThanOrEqual(1_500)
  }
}

async function inMemory(node: TestNode, identifier: string): Promise<void> {
  await vi.waitUntil(async () => (await get(node, identifier)).headers.get('cache-status')?.includes('memory'), {
    ...PATIENT,
    interval: 5,
  })
}

async function routeKnown(node: TestNode, identifier: string): Promise<void> {
  const known = async () => {
    const response = await get(node, identifier)
    return response.ok || ((await response.json()) as { code: string }).code === 'identifier-absent'
  }
  await vi.waitUntil(known, PATIENT)
}

async function patchPrefix(prefix: string, change: unknown): Promise<void> {
  const response = await fetch(`${one.url}/v1/prefixes/${prefix}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${one.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(change),
  })
  expect(response.status).toBe(200)
}

async function whoami(node: TestNode, apiKey: string): Promise<number> {
  return (await fetch(`${node.url}/v1/whoami`, { headers: { authorization: `Bearer ${apiKey}` } })).status
}
