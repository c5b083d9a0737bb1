import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ADMIN_KEY, type RestNode, restNode } from './rest-node.js'

let node: RestNode
beforeAll(async () => {
  node = await restNode()
})
afterAll(() => node.close())

const admin = { key: ADMIN_KEY }

test('an enterprise is created, found, renamed, suspended, and listed page by page', async () => {
  const created = await node.ask('POST', '/v1/enterprises', { ...admin, body: { id: 'valves', name: 'Valves & Co' } })
  expect([created.status, created.headers.get('location')]).toEqual([201, '/v1/enterprises/valves'])
  expect(created.json).toMatchObject({ id: 'valves', name: 'Valves & Co', state: 'active', version: 1 })
  expect((await node.ask('POST', '/v1/enterprises', { ...admin, body: { id: 'valves', name: 'x' } })).status).toBe(409)
  const renamed = await node.ask('PATCH', '/v1/enterprises/valves', { ...admin, body: { name: '阀门' } })
  expect(renamed.json).toMatchObject({ name: '阀门', version: 2 })
  expect((await node.ask('GET', '/v1/enterprises/valves', admin)).json).toEqual(renamed.json)
  expect((await node.ask('GET', '/v1/enterprises/nobody', admin)).json.code).toBe('not-found')

  const ids: string[] = []
  let path = '/v1/enterprises?limit=2'
  for (;;) {
    const { json } = await node.ask('GET', path, admin)
    ids.push(...json.items.map((one: { id: string }) => one.id))
    if (json.next === null) break
    path = `/v1/enterprises?limit=2&after=${json.next}`
  }
  expect(ids).toEqual(['acme', 'other', 'valves'])
})

test.each([
  ['POST', '/v1/enterprises', {}, 'name'],
  ['POST', '/v1/enterprises', { name: 'x', colour: 1 }, 'colour'],
  ['POST', '/v1/enterprises', [], 'body'],
  ['POST', '/v1/enterprises', { name: 5 }, 'name'],
  ['POST', '/v1/enterprises', { name: 'x', id: 'Not An Id' }, 'id'],
  ['PATCH', '/v1/enterprises/acme', { state: 'gone' }, 'state'],
  ['PATCH', '/v1/enterprises/acme', {}, 'body'],
  ['POST', '/v1/prefixes', { prefix: 'not/a/prefix' }, 'prefix'],
  ['POST', '/v1/enterprises/acme/keys', { scopes: [] }, 'scopes'],
  ['POST', '/v1/enterprises/acme/keys', { scopes: ['read'], expiresAt: 'tomorrow' }, 'expiresAt'],
])('%s %s %j is refused, naming %s', async (method, path, body, field) => {
  const { status, json } = await node.ask(method, path, { ...admin, body })
  expect([status, json.code]).toEqual([400, 'request-malformed'])
  expect(json.faults.map((fault: { field: string }) => fault.field)).toContain(field)
})

test('all faults of a request are told at once, each with its field, what is expected, and an example', async () => {
  const faults = async (path: string, body: unknown) =>
    (await node.ask('POST', path, { ...admin, body })).json.faults.map(
      ({ field, reason }: { field: string; reason: string }) => `${field}: ${reason}`,
    )
  const unknown = Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`x${at}`, 1]))
  expect(await faults('/v1/enterprises', { id: 'A B', name: '', nmae: 1, ...unknown })).toEqual(
    expect.arrayContaining([
      'nmae: unknown; did you mean name?',
      'x8: unknown; known are: id, name',
      'id: must be 1 to 64 of a-z, 0-9 and "-", not starting with "-", such as "acme"',
      'name: is empty',
    ]),
  )
  expect(
    await faults('/v1/enterprises/acme/keys', { scopes: ['read', 'wirte'], expiresAt: '2026-02-30T00:00:00Z' }),
  ).toEqual([
    'scopes[1]: must be one of "read", "write", "keys"',
    'expiresAt: must be a time such as 2026-01-31T12:00:00Z',
  ])
})

test.each(['limit=0', 'limit=1001', 'limit=x', 'colour=red', 'after='])('a list refuses ?%s', async (query) => {
  const { status, json } = await node.ask('GET', `/v1/enterprises?${query}`, admin)
  expect([status, json.code]).toEqual([400, 'request-malformed'])
})

test('a prefix is allotted, listed, suspended and handed over', async () => {
  const allotted = await node.ask('POST', '/v1/prefixes', {
    ...admin,
    body: { prefix: '88.300.1', enterpriseId: 'acme' },
  })
  expect([allotted.status, allotted.headers.get('location')]).toEqual([201, '/v1/prefixes/88.300.1'])
  expect((await node.ask('POST', '/v1/prefixes', { ...admin, body: { prefix: '88.300.1' } })).status).toBe(409)
  const names = async (key: string, query = '') =>
    (await node.ask('GET', `/v1/prefixes${query}`, { key })).json.items.map((one: { prefix: string }) => one.prefix)
  expect(await names(ADMIN_KEY)).toEqual(['88.118.8', '88.200.1', '88.300.1'])
  expect(await names(ADMIN_KEY, '?enterpriseId=other')).toEqual(['88.200.1'])
  expect(await names(node.acmeKey)).toEqual(['88.118.8', '88.300.1'])
  expect((await node.ask('GET', '/v1/prefixes?enterpriseId=other', { key: node.acmeKey })).status).toBe(403)
  expect((await node.ask('GET', '/v1/prefixes/88.200.1', { key: node.acmeKey })).status).toBe(404)

  const path = '/v1/identifiers/88.300.1/x'
  await node.ask('PUT', path, { key: node.acmeKey, body: { values: [] } })
  expect((await node.ask('GET', path)).status).toBe(200)
  const suspended = await node.ask('PATCH', '/v1/prefixes/88.300.1', { ...admin, body: { state: 'suspended' } })
  expect(suspended.json).toMatchObject({ state: 'suspended', version: 2 })
  expect((await node.ask('GET', path)).json).toMatchObject({ code: 'prefix-not-served', status: 404 })
  expect((await node.ask('GET', `${path}?version=1`)).json.code).toBe('prefix-not-served')
  const moved = { state: 'active', enterpriseId: 'other' }
  await node.ask('PATCH', '/v1/prefixes/88.300.1', { ...admin, body: moved })
  expect((await node.ask('GET', path)).status).toBe(200)
  expect((await node.ask('PUT', path, { key: node.acmeKey, body: { values: [] } })).json.code).toBe('prefix-not-held')
  expect((await node.ask('GET', '/v1/prefixes/88.300.1', { key: node.otherKey })).json.enterpriseId).toBe('other')
})

test('an API key is issued once, listed without its secret, and useless once revoked', async () => {
  const body = { scopes: ['read', 'write'], label: 'line 3', expiresAt: '2999-01-01T00:00:00Z' }
  const issued = await node.ask('POST', '/v1/enterprises/acme/keys', { key: node.acmeKey, body })
  expect(issued.status).toBe(201)
  expect(issued.headers.get('cache-control')).toBe('no-store')
  expect(issued.json).toMatchObject({
    apiKey: expect.stringMatching(/^jx_/),
    label: 'line 3',
    scopes: ['read', 'write'],
  })
  const listed = await node.ask('GET', '/v1/enterprises/acme/keys', { key: node.acmeKey })
  expect(listed.json.items.map((one: { id: string }) => one.id)).toContain(issued.json.id)
  expect(listed.text).not.toMatch(/jx_|secret/)

  const key = issued.json.apiKey as string
  expect((await node.ask('GET', '/v1/whoami', { key })).json).toMatchObject({
    kind: 'enterprise',
    enterpriseId: 'acme',
    scopes: ['read', 'write'],
    prefixes: ['88.118.8'],
  })
  expect((await node.ask('DELETE', `/v1/keys/${issued.json.id}`, { key: node.otherKey })).status).toBe(403)
  expect((await node.ask('DELETE', `/v1/keys/${issued.json.id}`, { key: node.acmeKey })).status).toBe(200)
  expect((await node.ask('GET', '/v1/whoami', { key })).status).toBe(401)
  expect((await node.ask('DELETE', '/v1/keys/nosuchkey', { key: node.acmeKey })).json.code).toBe('not-found')
})

test.each([
  ['POST', '/v1/enterprises', { name: 'x' }],
  ['GET', '/v1/enterprises', undefined],
  ['GET', '/v1/enterprises/other', undefined],
  ['PATCH', '/v1/enterprises/acme', { name: 'x' }],
  ['POST', '/v1/enterprises/other/keys', { scopes: ['read'] }],
  ['GET', '/v1/enterprises/other/keys', undefined],
  ['POST', '/v1/prefixes', { prefix: '88.9.9' }],
  ['PATCH', '/v1/prefixes/88.118.8', { state: 'suspended' }],
  ['GET', '/v1/identifiers?prefix=88.200.1', undefined],
  ['GET', '/v1/identifiers?prefix=99.1.1', undefined],
])('%s %s is not for another enterprise, nor for strangers', async (method, path, body) => {
  const sent = body === undefined ? {} : { body }
  expect((await node.ask(method, path, { ...sent, key: node.acmeKey })).status).toBe(403)
  expect((await node.ask(method, path, sent)).status).toBe(401)
})

test('identifiers below a prefix are listed for its holder, page by page', async () => {
  for (const name of ['c', 'a', 'b']) {
    await node.ask('PUT', `/v1/identifiers/88.200.1/${name}`, { key: node.otherKey, body: { values: [] } })
  }
  await node.ask('DELETE', '/v1/identifiers/88.200.1/b', { key: node.otherKey })
  const list = async (query: string) =>
    (await node.ask('GET', `/v1/identifiers?prefix=88.200.1${query}`, { key: node.otherKey })).json
  const first = await list('&limit=2')
  expect(first).toMatchObject({
    items: [{ key: '88.200.1/a', state: 'registered' }, { state: 'withdrawn' }],
    next: '88.200.1/b',
  })
  expect(await list(`&limit=2&after=${first.next}`)).toMatchObject({
    items: [{ key: '88.200.1/c', version: 1 }],
    next: null,
  })
  const bad = await node.ask('GET', '/v1/identifiers?prefix=a/b', { key: node.otherKey })
  expect(bad.json).toMatchObject({ code: 'request-malformed', faults: [{ field: 'prefix' }] })
  expect((await node.ask('GET', '/v1/identifiers', { key: node.otherKey })).status).toBe(400)
})

test('the history of an identifier is public, who wrote it is not', async () => {
  const path = '88.200.1/history%2Fx'
  for (const data of ['1', '2', '3']) {
    const body = { values: [{ index: 1, type: 'NOTE', data }] }
    await node.ask('PUT', `/v1/identifiers/${path}`, { key: node.otherKey, body })
  }
  await node.ask('DELETE', `/v1/identifiers/${path}`, { key: node.otherKey, body: { reason: 'over' } })
  const all = (await node.ask('GET', `/v1/history/${path}`)).json
  expect(all.items.map((one: { version: number }) => one.version)).toEqual([4, 3, 2, 1])
  expect(all.items[0]).toMatchObject({ state: 'withdrawn', reason: 'over', contentSha256: null })
  expect(JSON.stringify(all)).not.toContain('recordedBy')
  const page = (await node.ask('GET', `/v1/history/${path}?limit=2`, { key: node.otherKey })).json
  expect(page).toMatchObject({ items: [{ version: 4, recordedBy: expect.any(String) }, { version: 3 }], next: '3' })
  expect((await node.ask('GET', `/v1/history/${path}?before=3`)).json).toMatchObject({
    items: [{ version: 2 }, { version: 1 }],
    next: null,
  })
  expect((await node.ask('GET', '/v1/history/88.200.1/never')).json.code).toBe('identifier-absent')
  expect((await node.ask('GET', '/v1/history/nonsense')).json.code).toBe('identifier-malformed')
  expect((await node.ask('GET', '/v1/history/88.200.1/%C0%AF')).json.code).toBe('identifier-malformed')
})

test('changes come in order, once each; an enterprise sees its own', async () => {
  // What is newer than the oldest transaction under way on the server, in whatever database, is told when that has ended.
  await vi.waitUntil(async () => (await changes(node.otherKey)).length > 3, { timeout: 30_000 })
  const everything = await changes(ADMIN_KEY)
  expect(new Set(everything.map(({ cursor }) => cursor)).size).toBe(everything.length)
  expect(everything.some(({ kind }) => kind === 'api-key')).toBe(true)
  const own = await changes(node.otherKey)
  expect(own.length).toBeGreaterThan(3)
  expect(own.every(({ prefix }) => prefix === '88.200.1' || prefix === '88.300.1')).toBe(true)
  expect((await node.ask('GET', '/v1/changes')).status).toBe(401)
  expect((await node.ask('GET', '/v1/changes?after=x', admin)).json).toMatchObject({ faults: [{ field: 'after' }] })
})

test('templates are described, and an unknown one is 404', async () => {
  const { json } = await node.ask('GET', '/v1/templates')
  expect(json.items.map((one: { name: string }) => one.name)).toContain('product')
  expect((await node.ask('GET', '/v1/templates/product')).json.attributes[0]).toMatchObject({
    name: 'name',
    required: true,
  })
  expect((await node.ask('GET', '/v1/templates/nope')).json.code).toBe('not-found')
})

test('whoami without a key is anonymous', async () => {
  expect((await node.ask('GET', '/v1/whoami')).json).toEqual({ kind: 'anonymous' })
  expect((await node.ask('GET', '/v1/whoami', admin)).json).toMatchObject({ kind: 'administrator' })
})

async function changes(key: string): Promise<{ cursor: string; kind: string; prefix?: string }[]> {
  const seen: { cursor: string; kind: string; prefix?: string }[] = []
  for (let path = '/v1/changes?limit=3'; ; ) {
    const { json } = await node.ask('GET', path, { key })
    seen.push(...json.items)
    if (!json.more) return seen
    path = `/v1/changes?limit=3&after=${json.next}`
  }
}
