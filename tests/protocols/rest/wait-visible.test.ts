/** `?wait=visible` over HTTP: when a write is acknowledged, and what is left of those who do not wait for it. */
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { noteStalenessBound } from '../../../src/registry/staleness-bounds.js'
import { PATIENT } from '../../support/patience.js'
import { ADMIN_KEY, BOUND_MS, type Reply, type RestNode, restNode } from './rest-node.js'

let node: RestNode
let count = 0
beforeAll(async () => {
  node = await restNode()
})
afterAll(() => node.close())

const record = (name: string) => ({ template: 'product', attributes: { name } })

test('PUT, PATCH and DELETE are acknowledged when the bound has passed, and say so in their receipt', async () => {
  const path = fresh()
  for (const [method, body] of [
    ['PUT', record('Pump')],
    ['PATCH', { attributes: { name: 'Pump 2' } }],
    ['DELETE', { reason: 'scrapped' }],
  ] as const) {
    const { answer, tookMs } = await timed(() =>
      node.ask(method, `${path}?wait=visible`, { key: node.acmeKey, body, headers: jsonOr(method) }),
    )
    expect(answer.status).toBeLessThan(300)
    expect(answer.json).toMatchObject({ visible: true })
    expect(answer.headers.get('jiexi-token')).toBe(answer.json.token)
    expect(tookMs).toBeGreaterThan(BOUND_MS)
  }
  const plain = await node.ask('PUT', fresh(), { key: node.acmeKey, body: record('Pump') })
  expect(plain.json).not.toHaveProperty('visible')
})

test('a batch waits once, and each of its receipts says so', async () => {
  const items = Array.from({ length: 5 }, () => ({ identifier: fresh().slice(16), ...record('Pump') }))
  const { answer, tookMs } = await timed(() =>
    node.ask('POST', '/v1/identifiers:batch?wait=visible', {
      key: node.acmeKey,
      body: { items: [...items, { identifier: 'nonsense' }] },
    }),
  )
  expect(answer.json.results.map((one: { receipt?: { visible: boolean } }) => one.receipt?.visible)).toEqual([
    ...Array(5).fill(true),
    undefined,
  ])
  expect(tookMs).toBeGreaterThan(BOUND_MS)
  expect(tookMs).toBeLessThan(4 * BOUND_MS)
})

test('a retry waits too, for it cannot know whether the first try was waited for', async () => {
  const path = fresh()
  const lost = await write(path, 'Pump')
  const { answer, tookMs } = await timed(() => write(`${path}?wait=visible`, 'Pump'))
  expect(answer.json).toMatchObject({ outcome: 'unchanged', token: lost.json.token, visible: true })
  expect(tookMs).toBeGreaterThan(BOUND_MS)

  const other = fresh()
  const once = () => write(`${other}?wait=visible`, 'Pump', { 'idempotency-key': `retry-${other}` })
  const first = once()
  const second = await timed(once)
  expect(second.tookMs).toBeGreaterThan(BOUND_MS)
  expect(second.answer.json).toEqual((await first).json)

  const third = fresh()
  const key = { 'idempotency-key': `retry-${third}` }
  const { visible: _, ...unseen } = (await write(third, 'Pump', key)).json
  const seen = await timed(() => write(`${third}?wait=visible`, 'Pump', key))
  expect(seen.tookMs).toBeGreaterThan(BOUND_MS)
  expect(seen.answer.json).toEqual({ ...unseen, visible: true })
})

test('what has been there for long is not waited for, nor is a write that is refused', async () => {
  const path = fresh()
  const old = await write(path, 'Pump')
  // Others must write, or nothing tells this process that the first write's transaction is long over.
  await vi.waitUntil(
    async () => {
      await write(fresh(), 'Other')
      const { tookMs } = await timed(() => write(`${path}?wait=visible`, 'Pump'))
      return tookMs < BOUND_MS
    },
    { timeout: 30_000, interval: 1 },
  )
  const { answer } = await timed(() => write(`${path}?wait=visible`, 'Pump'))
  expect(answer.json).toMatchObject({ outcome: 'unchanged', token: old.json.token, visible: true })

  const refused = await timed(() => write(`${path}?wait=visible`, 'Pump 2', { 'if-match': '"v9"' }))
  expect(refused.answer.status).toBe(412)
  expect(refused.tookMs).toBeLessThan(BOUND_MS)
})

test.each([
  ['PATCH', '/v1/prefixes/88.200.1', { state: 'suspended' }, 'suspended'],
  ['PATCH', '/v1/prefixes/88.200.1', { state: 'active' }, 'active'],
  ['PATCH', '/v1/enterprises/other', { state: 'suspended' }, 'suspended'],
  ['PATCH', '/v1/enterprises/other', { state: 'active' }, 'active'],
  ['POST', '/v1/prefixes', { prefix: '88.200.2' }, 'active'],
])('%s %s %j is waited for as well', async (method, path, body, state) => {
  const { answer, tookMs } = await timed(() => node.ask(method, `${path}?wait=visible`, { key: ADMIN_KEY, body }))
  expect([answer.status < 300, answer.json.state]).toEqual([true, state])
  expect(tookMs).toBeGreaterThan(BOUND_MS)
})

test('so is the end of an API key', async () => {
  const id = (await node.keyFor('other', ['read'])).split('_')[1]
  const { answer, tookMs } = await timed(() => node.ask('DELETE', `/v1/keys/${id}?wait=visible`, { key: ADMIN_KEY }))
  expect(answer.json).toMatchObject({ id, revokedAt: expect.any(String) })
  expect(tookMs).toBeGreaterThan(BOUND_MS)
})

test('another wait than for visible is refused before anything is written', async () => {
  const path = fresh()
  for (const query of ['wait=', 'wait=Visible', 'wait=durable', 'wait=visible&wait=visible', 'waits=visible']) {
    const { status, json } = await write(`${path}?${query}`, 'Pump')
    expect([status, json.code]).toEqual([400, 'request-malformed'])
    expect(json.detail).toMatch(/wait=visible|may stand once|known are wait/)
  }
  expect((await node.ask('GET', path)).status).toBe(404)
  const admin = await node.ask('PATCH', '/v1/prefixes/88.200.1?wait=durable', {
    key: ADMIN_KEY,
    body: { state: 'suspended' },
  })
  expect(admin.json.faults).toEqual([{ field: 'wait', reason: 'must be one of "visible", "acknowledged"' }])
})

test('a client that hangs up leaves nobody waiting', async () => {
  const { hostname, port } = new URL(node.url)
  const body = JSON.stringify(record('Pump'))
  const paths = Array.from({ length: 20 }, fresh)
  // Longer than this test takes, on any machine.
  await noteStalenessBound(node.registry.db, 60_000)
  const sockets = paths.map((path) => {
    const socket = connect(Number(port), hostname)
    socket.write(
      `PUT ${path}?wait=visible HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${node.acmeKey}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    return socket
  })
  for (const path of paths) await vi.waitUntil(async () => (await node.ask('GET', path)).status === 200, PATIENT)
  expect(node.waits.taken).toBe(20)
  for (const socket of sockets) socket.destroy()
  await vi.waitUntil(() => node.waits.taken === 0, { timeout: 30_000, interval: 5 })
  await node.registry.db.query('delete from staleness_bound where bound_ms = 60000')
})

function fresh(): string {
  count += 1
  return `/v1/identifiers/88.118.8/waited-${count}`
}

function write(path: string, name: string, headers: Readonly<Record<string, string>> = {}): Promise<Reply> {
  return node.ask('PUT', path, { key: node.acmeKey, body: record(name), headers })
}

function jsonOr(method: string): Record<string, string> {
  return method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {}
}

async function timed(ask: () => Promise<Reply>): Promise<{ readonly answer: Reply; readonly tookMs: number }> {
  const startedAtMs = performance.now()
  const answer = await ask()
  return { answer, tookMs: performance.now() - startedAtMs }
}
