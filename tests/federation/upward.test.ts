/** Duties upward, between two real nodes: what is registered at one is acknowledged by the other, and shown to be. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import {
  type Enterprise,
  inDatabase,
  makeEnterprise,
  put,
  registerMany,
  type TestNode,
  testNode,
} from '../support/node.js'
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.js'
import {
  delegateTo,
  NODE,
  PATIENT,
  secondaryNode,
  stateOf,
  toldTo,
  topLevelNode,
  untilState,
  upwardPart,
} from './upward-nodes.js'

vi.setConfig({ testTimeout: 150_000 })

let top: TestNode
let line: TcpProxy
let node: TestNode
let enterprise: Enterprise
let apiKey: string
let parent: { readonly url: string; readonly apiKey: string }

beforeAll(async () => {
  top = await topLevelNode()
  line = await tcpProxy({ host: '127.0.0.1', port: Number(new URL(top.url).port) })
  apiKey = await delegateTo(top)
  parent = { url: `http://127.0.0.1:${line.port}`, apiKey }
  node = await secondaryNode(parent)
  enterprise = await makeEnterprise(node, { id: 'acme', prefix: '88.118.8' })
})

afterAll(async () => {
  await node.close()
  await line.close()
  await top.close()
})

test('a registration is queued when it is acknowledged here, and acknowledged above soon after', async () => {
  const written = await put(node, enterprise.apiKey, { identifier: '88.118.8/first', name: 'First' })
  expect([written.status, await written.json()]).toMatchObject([201, { propagation: 'queued' }])
  expect(await untilState(node, '88.118.8/first', 'acknowledged')).toEqual({ state: 'acknowledged' })
  expect(await toldTo(top)).toMatchObject({ registered: 1, refused: 0, walk: null })
  const again = await put(node, enterprise.apiKey, { identifier: '88.118.8/first', name: 'First' })
  expect(await again.json()).toMatchObject({ outcome: 'unchanged', propagation: 'acknowledged' })
})

test('with wait=acknowledged the answer comes when the node above has it', async () => {
  const written = await write('88.118.8/waited', 'wait=acknowledged')
  expect([written.status, await written.json()]).toMatchObject([201, { version: 1, propagation: 'acknowledged' }])
  const items = ['88.118.8/w1', '88.118.8/w2'].map((identifier) => ({ identifier, ...RECORD }))
  const batch = await ask(node, 'POST', '/v1/identifiers:batch?wait=acknowledged', { body: { items } })
  expect((batch.json as { results: unknown[] }).results).toMatchObject([
    { status: 201, receipt: { propagation: 'acknowledged' } },
    { status: 201, receipt: { propagation: 'acknowledged' } },
  ])
})

test('prefixes are told too, each shows its state, and a suspension reaches the node above', async () => {
  const allot = { key: node.adminKey, body: { prefix: '88.118.9', enterpriseId: 'acme' } }
  expect((await ask(node, 'POST', '/v1/prefixes?wait=acknowledged', allot)).status).toBe(201)
  const shown = await ask(node, 'GET', '/v1/prefixes/88.118.9', { key: node.adminKey })
  expect(shown.json).toMatchObject({ state: 'active', propagation: { state: 'acknowledged' } })
  const change = { key: node.adminKey, body: { state: 'suspended' } }
  await ask(node, 'PATCH', '/v1/prefixes/88.118.9?wait=acknowledged', change)
  const rows = await told<{ state: string }>(`select state from delegate_prefix where prefix = '88.118.9'`)
  expect(rows).toEqual([{ state: 'suspended' }])
})

test('withdrawals and registrations anew are counted once each', async () => {
  const before = (await toldTo(top))!.registered
  await write('88.118.8/comes-and-goes', 'wait=acknowledged')
  expect((await toldTo(top))!.registered).toBe(before + 1)
  await ask(node, 'DELETE', '/v1/identifiers/88.118.8/comes-and-goes?wait=acknowledged')
  expect((await toldTo(top))!.registered).toBe(before)
  expect(await stateOf(node, '88.118.8/comes-and-goes')).toEqual({ state: 'acknowledged' })
  await write('88.118.8/comes-and-goes', 'wait=acknowledged')
  expect((await toldTo(top))!.registered).toBe(before + 1)
  const [row] = await told<{ version: number }>(
    `select version from delegate_identifier where key = '88.118.8/comes-and-goes'`,
  )
  expect(row).toEqual({ version: 3 })
})

test('what lies outside of the prefix delegated above is refused with its reason, and holds up nothing', async () => {
  const stranger = await makeEnterprise(node, { id: 'globex', prefix: '99.7.1' })
  const refused = await write('99.7.1/pump', 'wait=acknowledged', stranger.apiKey)
  expect([refused.status, await refused.json()]).toMatchObject([
    201,
    {
      propagation: 'refused',
      refusal: { code: 'prefix-not-held', reason: expect.stringMatching(/99\.7\.1.*88\.118/) },
    },
  ])
  expect((await write('88.118.8/behind-it', 'wait=acknowledged')).status).toBe(201)
  expect(await stateOf(node, '88.118.8/behind-it')).toEqual({ state: 'acknowledged' })

  const list = (key: string, more = '') => ask(node, 'GET', `/v1/propagation?state=refused${more}`, { key })
  const all = (await list(node.adminKey)).json as { items: { name: string; kind: string }[]; next: string | null }
  expect(all.items.map(({ kind, name }) => [kind, name])).toEqual([
    ['identifier', '99.7.1/pump'],
    ['prefix', '99.7.1'],
  ])
  const first = (await list(node.adminKey, '&limit=1')).json as { items: unknown[]; next: string }
  expect([first.items.length, first.next]).toEqual([1, 'i:99.7.1/pump'])
  expect((await list(node.adminKey, `&limit=1&after=${first.next}`)).json).toMatchObject({
    items: [{ name: '99.7.1' }],
    next: null,
  })
  expect((await list(enterprise.apiKey)).json).toMatchObject({ items: [], next: null })
  expect((await list(stranger.apiKey)).json).toMatchObject({ items: [{ name: '99.7.1/pump' }, { name: '99.7.1' }] })
  expect((await list('')).status).toBe(401)
  const isSound = { failingSince: null, refused: 2 }
  await vi.waitFor(async () => expect(await upwardPart(node)).toMatchObject(isSound), PATIENT)
})

test('what was refused is tried again by itself, and taken once the prefix is delegated', async () => {
  const key = { key: top.adminKey }
  await ask(top, 'POST', '/v1/prefixes', { ...key, body: { prefix: '99.7', enterpriseId: NODE } })
  await inNode(`update propagation_refusal set next_try_at = clock_timestamp()`)
  expect(await untilState(node, '99.7.1/pump', 'acknowledged')).toEqual({ state: 'acknowledged' })
  await vi.waitFor(async () => expect(await upwardPart(node)).toMatchObject({ refused: 0 }), PATIENT)
})

test('while the node above is away nothing waits for it, all is shown to be queued, and nothing is lost', async () => {
  line.cut()
  const names = Array.from({ length: 50 }, (_, place) => `88.118.8/away-${place}`)
  await registerMany(node, enterprise.apiKey, names)
  expect(await stateOf(node, names[0]!)).toMatchObject({ state: expect.stringMatching(/^(queued|sent)$/) })
  const late = await write('88.118.8/late', 'wait=acknowledged')
  expect([late.status, late.headers.get('content-type'), late.headers.has('jiexi-token')]).toEqual([
    202,
    'application/problem+json',
    true,
  ])
  expect(await late.json()).toMatchObject({ code: 'not-yet-acknowledged', detail: expect.stringMatching(/is written/) })
  expect((await fetch(`${node.url}/v1/identifiers/88.118.8/late`)).status).toBe(200)

  await vi.waitFor(async () => {
    const part = await upwardPart(node)
    expect(part).toMatchObject({ backlog: 51, failingSince: expect.any(String) })
  }, PATIENT)
  const metrics = await (await fetch(`${node.url}/metrics`)).text()
  expect(metrics).toMatch(/^jiexi_upward_backlog_changes 51$/m)
  expect(metrics).toMatch(/^jiexi_upward_failing 1$/m)

  line.restore()
  for (const name of [...names, '88.118.8/late']) await untilState(node, name, 'acknowledged')
  await vi.waitFor(
    async () => expect(await upwardPart(node)).toMatchObject({ backlog: 0, failingSince: null }),
    PATIENT,
  )
})

test('pruning the feed keeps what the node above has not acknowledged', async () => {
  line.cut()
  await write('88.118.8/kept')
  const consumer = await inNode<{ kept: boolean }>(
    `select min(xid) <= (select xid from change_horizon) or exists (select from change c, change_consumer k where c.xid > k.xid) as kept from change_consumer`,
  )
  expect(consumer).toEqual([{ kept: true }])
  line.restore()
  await untilState(node, '88.118.8/kept', 'acknowledged')
})

test('a node above that lost what it was told is told again', async () => {
  const before = await toldTo(top)
  const [place] = await told<{ xid: number; ordinal: number }>('select xid, ordinal from delegate')
  const names = ['88.118.8/lost-1', '88.118.8/lost-2']
  for (const name of names) expect((await write(name, 'wait=acknowledged')).status).toBe(201)
  await inTop(`delete from delegate_identifier where key like '88.118.8/lost-%'`)
  await inTop(`update delegate_prefix set registered_count = registered_count - 2 where prefix = '88.118.8'`)
  await inTop(`update delegate set xid = ${place!.xid}, ordinal = ${place!.ordinal}`)
  expect((await write('88.118.8/after-the-loss', 'wait=acknowledged')).status).toBe(201)
  expect(await toldTo(top)).toMatchObject({ registered: before!.registered + 3 })
})

test('a node above that lost everything is told everything anew', async () => {
  const before = await toldTo(top)
  await inTop('delete from delegate_identifier')
  await inTop('delete from delegate_prefix')
  await inTop('delete from delegate')
  expect((await write('88.118.8/after-the-end', 'wait=acknowledged')).status).toBe(201)
  expect(await toldTo(top)).toMatchObject({ registered: before!.registered + 1, refused: 0, walk: null })
})

test('another history of the database is told anew, and what only the former one had counts no more', async () => {
  const before = await toldTo(top)
  await inTop(
    `insert into delegate_identifier select enterprise_id, '88.118.8/ghost', generation, 1, 1, '88.118.8', '', null, now() from delegate`,
  )
  await inTop(`update delegate_prefix set registered_count = registered_count + 1 where prefix = '88.118.8'`)
  await inTop(`update delegate set epoch = 'former'`)
  await inNode(`update propagation set epoch = 'former'`)
  expect((await write('88.118.8/after-failover', 'wait=acknowledged')).status).toBe(201)
  const after = await toldTo(top)
  expect(after).toMatchObject({ registered: before!.registered + 1, walk: null })
})

test('a node that starts with records of before tells of them all', async () => {
  const lone = await testNode()
  const old = await makeEnterprise(lone, { id: 'old', prefix: '88.118.70' })
  expect(await (await put(lone, old.apiKey, { identifier: '88.118.70/a', name: 'A' })).json()).toMatchObject({
    propagation: 'local',
  })
  expect(await stateOf(lone, '88.118.70/a')).toEqual({ state: 'local' })
  expect(await upwardPart(lone)).toBeUndefined()
  expect(await consumersOf(lone)).toBe(0)
  const refused = await ask(lone, 'PUT', '/v1/identifiers/88.118.70/b?wait=acknowledged', {
    key: old.apiKey,
    body: RECORD,
  })
  expect([refused.status, refused.json]).toMatchObject([400, { code: 'request-malformed' }])
  expect((await fetch(`${lone.url}/v1/identifiers/88.118.70/b`)).status).toBe(404)

  // Its feed is gone, as after a week.
  await inDatabase(lone, 'delete from change where xid < (select max(xid) from change)')
  await inDatabase(lone, 'update change_horizon set xid = (select max(xid) from change)')
  const key = await delegateTo(top, 'other-node', '88.118.70')
  const again = await secondaryNode({ url: top.url, apiKey: key }, { DATABASE_URL: lone.databaseUrl })
  await untilState(again, '88.118.70/a', 'acknowledged')
  expect(await toldTo(top, 'other-node')).toMatchObject({ registered: 1, refused: 0 })
  await again.close()

  const alone = await testNode({ environment: { DATABASE_URL: lone.databaseUrl } })
  expect([await stateOf(alone, '88.118.70/a'), await consumersOf(alone)]).toEqual([{ state: 'local' }, 0])
  await alone.close()
  await lone.close()
})

const RECORD = { template: 'part', attributes: { partNumber: 'P-1', name: 'A part' } }

interface Asked {
  readonly key?: string
  readonly body?: unknown
}

async function ask(at: TestNode, method: string, path: string, { key = enterprise.apiKey, body }: Asked = {}) {
  const response = await fetch(at.url + path, {
    method,
    headers: {
      ...(key === '' ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, json: (await response.json()) as unknown }
}

function write(identifier: string, query = '', key = enterprise.apiKey): Promise<Response> {
  return fetch(`${node.url}/v1/identifiers/${identifier}${query === '' ? '' : `?${query}`}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(RECORD),
  })
}

const told = <Row extends object>(sql: string) => inDatabase<Row>(top, sql)
const inTop = (sql: string) => inDatabase(top, sql)
const inNode = <Row extends object>(sql: string) => inDatabase<Row>(node, sql)

async function consumersOf(at: TestNode): Promise<number> {
  const [row] = await inDatabase<{ count: number }>(at, 'select count(*) as count from change_consumer')
  return row!.count
}
