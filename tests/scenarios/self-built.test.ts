/**
 * Two nodes over one Postgres and one Redis, and a prefix that changes hands between this node and its holder's own server:
 * what either has cached of before the change ends as everything cached does.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/platform/clock.js'
import { decodeSite } from '../../src/record/value-types/hs-site.js'
import { type Enterprise, get, inDatabase, makeEnterprise, put, type TestNode, testNode } from '../support/node.js'
import { PATIENT } from '../support/patience.js'
import { type TestRedis, testRedis } from '../support/redis.js'

const PREFIX = '88.118.6'
const SELF_BUILT = { service: 'self-built', sites: [{ address: '203.0.113.7', port: 1304 }] }
const HOSTED = { service: 'hosted' }
const PARENT = '198.51.100.9:2641'

let redis: TestRedis
let one: TestNode
let two: TestNode
let enterprise: Enterprise

beforeAll(async () => {
  redis = await testRedis()
  const environment = {
    REDIS_URL: redis.url,
    JIEXI_PARENT_SITE: PARENT,
    JIEXI_HANDLE_PORT: '0',
    JIEXI_HANDLE_PUBLIC_ADDRESS: '198.51.100.1',
  }
  one = await testNode({ environment })
  two = await testNode({ environment: { ...environment, DATABASE_URL: one.databaseUrl } })
  enterprise = await makeEnterprise(one, { id: 'pumps', prefix: PREFIX })
}, 60_000)

afterAll(async () => {
  await two.close()
  await one.close()
  await redis.stop()
})

test('a cached record does not outlive the change to a server of its own, nor a cached referral the way back', async () => {
  const identifier = `${PREFIX}/pump`
  await put(one, enterprise.apiKey, { identifier, name: 'Pump', wait: 'visible' })
  for (const [service, status] of [
    [SELF_BUILT, 421],
    [HOSTED, 200],
    [SELF_BUILT, 421],
    [HOSTED, 200],
  ] as const) {
    await inMemory(two, identifier)
    await inMemory(two, `0.NA/${PREFIX}`)
    await serve(service)
    const acknowledgedAtMs = performance.now()
    for (;;) {
      const startedAtMs = performance.now()
      const answer = await get(two, identifier)
      if (answer.status === status) break
      expect(startedAtMs - acknowledgedAtMs, 'an unmarked answer older than the bound').toBeLessThanOrEqual(1000)
    }
  }
})

test('with wait=visible the change is true everywhere once it is acknowledged', async () => {
  const identifier = `${PREFIX}/waited`
  await put(one, enterprise.apiKey, { identifier, name: 'Pump', wait: 'visible' })
  for (const [service, status] of [
    [SELF_BUILT, 421],
    [HOSTED, 200],
  ] as const) {
    await inMemory(two, identifier)
    await serve(service, '?wait=visible')
    expect((await get(two, identifier)).status).toBe(status)
    const record = (await (await get(two, `0.NA/${PREFIX}`)).json()) as { values: { type: string; data: unknown }[] }
    expect(addressOf(record.values)).toBe(status === 421 ? '203.0.113.7' : '198.51.100.1')
  }
})

test('a referral is answered from memory, and an outage of the database does not end it', async () => {
  await serve(SELF_BUILT, '?wait=visible')
  const identifier = `${PREFIX}/referred`
  expect((await inMemory(two, identifier)).status).toBe(421)
  await serve(HOSTED, '?wait=visible')
})

test('a suspended prefix refers to nobody, and its record is gone with it, also where both were cached', async () => {
  await serve(SELF_BUILT, '?wait=visible')
  await inMemory(two, `${PREFIX}/x`)
  await inMemory(two, `0.NA/${PREFIX}`)
  await serve({ state: 'suspended' }, '?wait=visible')
  for (const identifier of [`${PREFIX}/x`, `0.NA/${PREFIX}`]) {
    const answer = await get(two, identifier)
    const { code, referral } = (await answer.json()) as { code: string; referral?: unknown }
    expect([answer.status, code, referral]).toEqual([404, 'prefix-not-served', undefined])
  }
  await serve({ state: 'active', ...HOSTED }, '?wait=visible')
})

test('for a prefix that is not this node’s its parent is named', async () => {
  const answer = await get(one, '10.1000/182')
  expect(answer.status).toBe(404)
  expect(await answer.json()).toMatchObject({
    code: 'prefix-not-served',
    referral: { prefix: '10.1000', locations: [{ address: '198.51.100.9', port: 2641, transport: 'tcp' }, {}] },
  })
})

test('a start with another address changes the records of hosted prefixes, and both nodes answer so', async () => {
  const environment = {
    REDIS_URL: redis.url,
    DATABASE_URL: one.databaseUrl,
    JIEXI_HANDLE_PORT: '0',
    JIEXI_HANDLE_PUBLIC_ADDRESS: '198.51.100.2',
  }
  await inMemory(one, `0.NA/${PREFIX}`)
  const three = await testNode({ environment })
  try {
    await vi.waitUntil(async () => {
      const answer = await get(one, `0.NA/${PREFIX}`)
      const { values } = (await answer.json()) as { values: { type: string; data: unknown }[] }
      return addressOf(values) === '198.51.100.2'
    }, PATIENT)
    const left = 'select count(*) as count from prefix, node_site where recorded_site < change'
    expect(await inDatabase(one, left)).toEqual([{ count: 0 }])
  } finally {
    await three.close()
  }
})

test('the key that signs and the secrets of records are in no log', () => {
  for (const { logLines } of [one, two]) expect(logLines.join('\n')).not.toMatch(/PRIVATE KEY|handle-signing-key/)
})

function serve(body: object, query = ''): Promise<Response> {
  return fetch(`${one.url}/v1/prefixes/${PREFIX}${query}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${one.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }).then((answer) => {
    if (answer.ok) return answer
    throw new Error(`${answer.status} at ${systemClock.nowMs()}`)
  })
}

function addressOf(values: readonly { readonly type: string; readonly data: unknown }[]): string | undefined {
  const site = values.find(({ type }) => type === 'HS_SITE')?.data as { value: string } | undefined
  const decoded = site && decodeSite(Buffer.from(site.value, 'base64'))
  return decoded?.ok ? decoded.value.servers[0]?.address : undefined
}

/** The first answer that comes from memory. */
function inMemory(node: TestNode, identifier: string): Promise<Response> {
  return vi.waitUntil(async () => {
    const answer = await get(node, identifier)
    return answer.headers.get('cache-status') === 'jiexi; hit; detail=memory' && answer
  }, PATIENT)
}
