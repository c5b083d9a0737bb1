/**
 * A top-level node, a secondary node below it, and nodes that ask them: by the native protocol and by the API, over real
 * sockets. Whatever is registered at one is found from each of the others, with how old it is and where it came from.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { freePort } from '../../src/platform/free-port.js'
import { type Enterprise, get, makeEnterprise, put, type TestNode, testNode } from '../support/node.js'

let top: TestNode
let secondary: TestNode
let native: TestNode
let byApi: TestNode
let pumps: Enterprise
let secondaryPort: number

const started: TestNode[] = []
async function nodeWith(environment: Readonly<Record<string, string>>): Promise<TestNode> {
  const node = await testNode({ environment: { JIEXI_HANDLE_PORT: '0', JIEXI_PROBE_SECONDS: '1', ...environment } })
  started.push(node)
  return node
}

beforeAll(async () => {
  secondaryPort = await freePort()
  const allowed = (peer: string) => `${peer}=127.0.0.1/32:${secondaryPort}`
  secondary = await nodeWith({ JIEXI_HANDLE_PORT: String(secondaryPort) })
  pumps = await makeEnterprise(secondary, { id: 'pumps', prefix: '88.118.8' })
  top = await nodeWith({
    JIEXI_PEER_NETWORKS: `${allowed('88.118')},${allowed('88.119')}`,
    JIEXI_PROXIED_PREFIXES: '88.118,88.119',
  })
  await makeEnterprise(top, { id: 'province', prefix: '88.118' })
  await serveElsewhere(secondaryPort)
  native = await nodeWith({
    JIEXI_PARENT: `tcp://127.0.0.1:${top.handle.port}`,
    JIEXI_PEER_NETWORKS: allowed('parent'),
    JIEXI_FOREIGN_TTL_SECONDS: '5',
  })
  byApi = await nodeWith({ JIEXI_PARENT: top.url, JIEXI_PEER_NETWORKS: allowed('parent') })
  await put(secondary, pumps.apiKey, { identifier: '88.118.8/pump', name: 'Pump', wait: 'visible' })
}, 120_000)

afterAll(async () => {
  for (const node of started.reverse()) await node.close()
})

describe.each([
  ['by the native protocol', () => native],
  ['by the API, of a node that asks the enterprise itself', () => byApi],
  ['downward, where the operator wants it', () => top],
])('%s', (_way, node) => {
  test('an identifier of another node is found, with its source and age', async () => {
    const response = await get(node(), '88.118.8/pump?authoritative=1')
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-status')).toContain('detail=upstream')
    expect(response.headers.get('jiexi-stale')).toBeNull()
    const record = (await response.json()) as { key: string; values: { type: string; data: string }[] }
    expect(record.key).toBe('88.118.8/pump')
    expect(JSON.stringify(record)).toContain('Pump')

    const again = await get(node(), '88.118.8/pump')
    expect(again.headers.get('cache-status')).toContain('detail=remembered')
    expect(again.headers.get('etag')).toBe(response.headers.get('etag'))
    expect(Number(again.headers.get('age'))).toBeLessThan(5)
  })

  test('one that is not registered there is absent, by the word of its node', async () => {
    const response = await get(node(), '88.118.8/none')
    expect([response.status, await codeOf(response)]).toEqual([404, 'identifier-absent'])
  })

  test('a prefix that nobody has is not "not registered"', async () => {
    const response = await get(node(), '99.1/none')
    expect([response.status, await codeOf(response)]).toEqual([404, 'prefix-not-served'])
  })

  test.each(['', '?values=all'])(
    'a look-up that has passed too many nodes ends here, however plain (%s)',
    async (query) => {
      const passage = { 'jiexi-via': 'a', 'jiexi-hops': '0', 'jiexi-sends': '9', 'jiexi-deadline-ms': '900' }
      const response = await get(node(), `88.118.8/passed-on${query}`, passage)
      expect([response.status, ((await response.json()) as { detail: string }).detail]).toEqual([
        503,
        expect.stringContaining('passed 8 nodes'),
      ])
    },
  )

  test('every step is explained', async () => {
    const response = await get(node(), '88.118.8/pump?explain=1&authoritative=1')
    const { steps, ...said } = (await response.json()) as { steps: { layer: string; outcome: string }[]; tier: string }
    expect(said.tier).toBe('upstream')
    // Whether the node above knows of it is for the other node to say.
    expect(said).not.toHaveProperty('propagation')
    expect(steps.filter(({ layer }) => layer === 'peer').length).toBeGreaterThan(0)
    expect(steps).toContainEqual(expect.objectContaining({ layer: 'upstream', outcome: 'found' }))
  })
})

test('a holder that is known by a handle alone is asked where its record says', async () => {
  const valves = await makeEnterprise(secondary, { id: 'valves', prefix: '88.119' })
  await put(secondary, valves.apiKey, { identifier: '88.119/valve', name: 'Valve', wait: 'visible' })
  const services = await makeEnterprise(top, { id: 'services', prefix: '88.120' })
  const { values } = (await (await get(secondary, '0.NA/88.119')).json()) as {
    values: { type: string; data: unknown }[]
  }
  const sites = values.filter(({ type }) => type === 'HS_SITE').map(({ type, data }) => ({ index: 1, type, data }))
  const headers = { authorization: `Bearer ${services.apiKey}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ values: sites })
  const written = await fetch(`${top.url}/v1/identifiers/88.120/service?wait=visible`, { method: 'PUT', headers, body })
  expect(written.status).toBe(201)
  const served = await fetch(`${top.url}/v1/prefixes?wait=visible`, {
    method: 'POST',
    headers: { ...headers, authorization: `Bearer ${top.adminKey}` },
    body: JSON.stringify({ prefix: '88.119', service: 'self-built', serviceHandle: '88.120/service' }),
  })
  expect(served.status).toBe(201)
  expect(await (await get(top, '88.119/valve')).text()).toContain('Valve')
  expect((await get(top, '88.119/none')).status).toBe(404)
})

test('the record of a prefix is found, too', async () => {
  const response = await get(native, '0.NA/88.118.8')
  expect(response.status).toBe(200)
  expect(JSON.stringify(await response.json())).toContain('HS_SITE')
})

test('every node that belongs to this one is probed, and told by the API and in metrics', async () => {
  const name = `tcp://127.0.0.1:${secondaryPort}`
  await vi.waitUntil(async () => (await peersOf(top)).some(({ peer, state }) => peer === name && state === 'up'), {
    timeout: 30_000,
  })
  const peer = (await peersOf(top)).find((one) => one.peer === name)
  expect(peer).toMatchObject({ role: 'enterprise', prefixes: ['88.118'], latencyMs: expect.any(Number) })
  expect(await peersOf(native)).toContainEqual(expect.objectContaining({ role: 'parent', state: 'up' }))
  const metrics = await (await fetch(`${top.url}/metrics`)).text()
  expect(metrics).toContain(`jiexi_peer_up{peer="${name}",role="enterprise"} 1`)
  expect((await fetch(`${top.url}/v1/peers`)).status).toBe(401)
})

test('a node that cannot be asked: what is known is given, marked stale; what is not is an error, and local look-ups go on', async () => {
  const own = await makeEnterprise(native, { id: 'own', prefix: '88.200.1' })
  await put(native, own.apiKey, { identifier: '88.200.1/own', name: 'Own', wait: 'visible' })
  await get(native, '88.118.8/pump?authoritative=1')
  await secondary.close()
  started.splice(started.indexOf(secondary), 1)

  const stale = await get(native, '88.118.8/pump?authoritative=1')
  expect(stale.status).toBe(200)
  expect(stale.headers.get('jiexi-stale')).toMatch(/^authority-unavailable; asof=/)
  const unknown = await get(native, '88.118.8/never-seen')
  expect([unknown.status, await codeOf(unknown)]).toEqual([503, 'authority-unavailable'])
  expect((await get(native, '88.200.1/own')).status).toBe(200)
  await vi.waitUntil(
    async () => (await peersOf(top)).some(({ role, state }) => role === 'enterprise' && state !== 'up'),
    {
      timeout: 30_000,
    },
  )
})

test('a revoked delegation is not used any more, whatever is remembered of it', async () => {
  expect((await get(top, '88.118.8/pump')).status).toBe(200)
  await fetch(`${top.url}/v1/prefixes/88.118?wait=visible`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${top.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ service: 'hosted' }),
  })
  const response = await get(top, '88.118.8/pump')
  expect([response.status, await codeOf(response)]).toEqual([404, 'identifier-absent'])
})

async function serveElsewhere(port: number): Promise<void> {
  const response = await fetch(`${top.url}/v1/prefixes/88.118?wait=visible`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${top.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ service: 'self-built', sites: [{ address: '127.0.0.1', port }] }),
  })
  expect([response.status, response.ok ? '' : await response.text()]).toEqual([200, ''])
}

interface PeerJson {
  readonly peer: string
  readonly role: string
  readonly state: string
  readonly prefixes: readonly string[]
}

async function peersOf(node: TestNode): Promise<PeerJson[]> {
  const response = await fetch(`${node.url}/v1/peers`, { headers: { authorization: `Bearer ${node.adminKey}` } })
  return ((await response.json()) as { items: PeerJson[] }).items
}

async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { code: string }).code
}
