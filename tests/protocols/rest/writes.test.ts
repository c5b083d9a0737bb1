import { afterAll, beforeAll, expect, test } from 'vitest'
import { ADMIN_KEY, type RestNode, restNode } from './rest-node.js'

let node: RestNode
let count = 0
beforeAll(async () => {
  node = await restNode()
})
afterAll(() => node.close())

const RECORD = {
  template: 'product',
  attributes: { name: 'Pump' },
  values: [{ index: 1, type: 'URL', data: 'https://a' }],
}

function fresh(): string {
  count += 1
  return `/v1/identifiers/88.118.8/item-${count}`
}

function put(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}) {
  return node.ask('PUT', path, { key: node.acmeKey, body, headers })
}

test('PUT registers with 201, replaces with 200, and repeats without a new version', async () => {
  const path = fresh()
  const created = await put(path, RECORD)
  expect(created.status).toBe(201)
  expect(Object.fromEntries(created.headers)).toMatchObject({
    location: path,
    etag: '"v1"',
    'jiexi-version': '1',
    'jiexi-token': created.json.token,
    'cache-control': 'no-store',
  })
  expect(created.json).toMatchObject({
    outcome: 'created',
    version: 1,
    contentSha256: expect.stringMatching(/^[\da-f]{64}$/),
    token: expect.stringMatching(/^\d+-[\da-f]{8}$/),
    propagation: 'local',
  })
  const again = await put(path, RECORD)
  expect([again.status, again.json.outcome, again.json.version]).toEqual([200, 'unchanged', 1])
  const replaced = await put(path, { ...RECORD, attributes: { name: 'Pump 2' } })
  expect([replaced.status, replaced.json.outcome, replaced.headers.get('etag')]).toEqual([200, 'replaced', '"v2"'])
})

test('Location keeps the spelling it was registered with', async () => {
  const path = '/v1/identifiers/88.118.8/Valve%20%E9%98%80-A'
  expect((await put(path, RECORD)).headers.get('location')).toBe(path)
})

test('an empty body is told as that', async () => {
  for (const method of ['PUT', 'PATCH']) {
    const { status, json } = await node.ask(method, fresh(), { key: node.acmeKey, body: '' })
    expect([status, json.code, json.faults]).toEqual([
      400,
      'request-malformed',
      [{ field: 'body', reason: 'the body is empty' }],
    ])
  }
})

test('what was written is read at once, on the same node', async () => {
  const path = fresh()
  for (let version = 1; version <= 20; version += 1) {
    await put(path, { ...RECORD, attributes: { name: `Pump ${version}` } })
    expect((await node.ask('GET', path)).json.attributes.name).toBe(`Pump ${version}`)
  }
})

test('what GET gives can be edited and put back', async () => {
  const path = fresh()
  await put(path, RECORD)
  const { json, headers } = await node.ask('GET', path)
  const edited = { ...json, attributes: { ...json.attributes, model: 'M1' } }
  expect((await put(path, edited, { 'if-match': headers.get('etag')! })).json.version).toBe(2)
  expect((await node.ask('GET', path)).json).toMatchObject({
    attributes: { name: 'Pump', model: 'M1' },
    values: json.values,
  })
})

test('the tag of what the holder sees is good for If-Match too', async () => {
  const path = fresh()
  await put(path, RECORD)
  const tag = (await node.ask('GET', path, { key: node.acmeKey })).headers.get('etag')!
  expect(tag).toMatch(/^"v1-/)
  expect((await put(path, { ...RECORD, ttlSeconds: 60 }, { 'if-match': tag })).json.version).toBe(2)
})

test('conditions decide: If-Match, If-None-Match, lists, *, weak tags', async () => {
  const path = fresh()
  const change = (headers: Readonly<Record<string, string>>) =>
    put(path, { ...RECORD, attributes: { name: `n${Math.random()}` } }, headers)
  const status = async (headers: Readonly<Record<string, string>>) => (await change(headers)).status

  expect(await status({ 'if-match': '"v1"' })).toBe(412)
  expect(await status({ 'if-match': '*' })).toBe(412)
  expect(await status({ 'if-none-match': '*' })).toBe(201)
  expect(await status({ 'if-none-match': '*' })).toBe(412)
  expect(await status({ 'if-match': '"v1"' })).toBe(200)
  expect(await status({ 'if-match': '"v1"' })).toBe(412)
  expect(await status({ 'if-match': '"v1", "v2"' })).toBe(200)
  expect(await status({ 'if-match': 'W/"v3"' })).toBe(412)
  expect(await status({ 'if-match': '*' })).toBe(200)
  expect(await status({ 'if-none-match': '"v4"' })).toBe(412)
  expect(await status({ 'if-none-match': '"v3"' })).toBe(200)
  expect(await status({ 'if-match': 'v5' })).toBe(400)
  expect(await status({ 'if-match': '"v5"', 'if-none-match': '*' })).toBe(400)
  expect((await change({ 'if-match': '"v9"' })).json).toMatchObject({ code: 'precondition-failed', status: 412 })
})

test('PATCH merges, as application/merge-patch+json or plain JSON', async () => {
  const path = fresh()
  await put(path, { ...RECORD, attributes: { name: 'Pump', model: 'M', brand: 'B' } })
  const merge = { 'content-type': 'application/merge-patch+json' }
  const patched = await node.ask('PATCH', path, {
    key: node.acmeKey,
    body: { attributes: { model: null, origin: 'Suzhou' } },
    headers: merge,
  })
  expect([patched.status, patched.json.version, patched.headers.get('etag')]).toEqual([200, 2, '"v2"'])
  expect((await node.ask('GET', path)).json.attributes).toEqual({ name: 'Pump', brand: 'B', origin: 'Suzhou' })
  const stale = await node.ask('PATCH', path, {
    key: node.acmeKey,
    body: { values: [] },
    headers: { 'if-match': '"v1"' },
  })
  expect(stale.status).toBe(412)
  const absent = await node.ask('PATCH', fresh(), { key: node.acmeKey, body: { values: [] } })
  expect([absent.status, absent.json.code]).toEqual([404, 'identifier-absent'])
  const removesRequired = await node.ask('PATCH', path, { key: node.acmeKey, body: { attributes: { name: null } } })
  expect(removesRequired.json).toMatchObject({ code: 'record-invalid', faults: [{ field: 'attributes.name' }] })
})

test('DELETE withdraws with its reason, and PUT registers anew', async () => {
  const path = fresh()
  expect((await node.ask('DELETE', path, { key: node.acmeKey })).status).toBe(404)
  await put(path, RECORD)
  const withdrawn = await node.ask('DELETE', path, { key: node.acmeKey, body: { reason: '报废' } })
  expect([withdrawn.status, withdrawn.json]).toMatchObject([
    200,
    { outcome: 'withdrawn', version: 2, contentSha256: null },
  ])
  expect((await node.ask('GET', path)).json).toMatchObject({ status: 410, detail: expect.stringContaining('报废') })
  expect((await node.ask('DELETE', path, { key: node.acmeKey })).json.code).toBe('identifier-withdrawn')
  expect((await put(path, RECORD, { 'if-none-match': '*' })).json).toMatchObject({ outcome: 'created', version: 3 })
  expect((await node.ask('DELETE', path, { key: node.acmeKey, body: { why: 1 } })).status).toBe(400)
  expect((await node.ask('DELETE', `${path}?x=1`, { key: node.acmeKey })).status).toBe(400)
})

test('a retry with its idempotency key gets the same receipt; another request with it is refused', async () => {
  const path = fresh()
  const headers = { 'idempotency-key': 'order-1' }
  const first = await put(path, RECORD, headers)
  await put(path, { ...RECORD, attributes: { name: 'later' } })
  const retry = await put(path, RECORD, headers)
  expect([retry.status, retry.json]).toEqual([first.status, first.json])
  expect((await node.ask('GET', path)).json.attributes.name).toBe('later')
  const other = await put(path, { ...RECORD, attributes: { name: 'other' } }, headers)
  expect([other.status, other.json.code]).toEqual([422, 'idempotency-key-reused'])
  expect((await put(fresh(), RECORD, headers)).status).toBe(422)
  expect((await put(path, RECORD, { 'idempotency-key': 'x'.repeat(300) })).status).toBe(400)
})

test.each([
  [{ template: 'nope' }, 422, 'template-unknown', 'template'],
  [{ template: 'product', attributes: {} }, 422, 'record-invalid', 'attributes.name'],
  [
    { template: 'product', attributes: { name: 'x', gtin: '04006381333932' } },
    422,
    'record-invalid',
    'attributes.gtin',
  ],
  [{ template: 'product', attributes: { name: 'x', nmae: 'y' } }, 422, 'record-invalid', 'attributes.nmae'],
  [{ values: [{ index: 1, type: 'URL', data: 5 }] }, 422, 'record-invalid', 'values[0].data'],
  [{ colour: 'red' }, 422, 'record-invalid', 'colour'],
  ['{"values":[],"values":[]}', 400, 'request-malformed', 'values'],
  [`{"a":${'['.repeat(40)}${']'.repeat(40)}}`, 400, 'request-malformed', /^a/],
  ['{"attributes":{"name":"\\ud800"}}', 400, 'request-malformed', 'attributes.name'],
  [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 400, 'request-malformed', 'body'],
  ['', 400, 'request-malformed', 'body'],
  ['[]', 422, 'record-invalid', 'body'],
])('%s is refused with %i %s at %s', async (body, status, code, field) => {
  const answer = await put(fresh(), body)
  expect([answer.status, answer.json.code]).toEqual([status, code])
  expect(answer.json.faults[0].field).toEqual(typeof field === 'string' ? field : expect.stringMatching(field))
})

test.each([
  ['PUT', 'text/plain'],
  ['PUT', 'application/x-ndjson'],
  ['PUT', 'application/x-protobuf'],
  ['PUT', 'application/xml'],
  ['PUT', 'application/merge-patch+json'],
  ['PUT', 'application/json; charset=iso-8859-1'],
  ['PUT', 'application/json; a=b; CHARSET = "utf-16"'],
  ['PATCH', 'text/plain'],
])('%s with Content-Type %s gives 415 and says what it takes', async (method, type) => {
  const headers = { 'content-type': type }
  const { status, json } = await node.ask(method, fresh(), { key: node.acmeKey, body: JSON.stringify(RECORD), headers })
  expect([status, json.code]).toEqual([415, 'media-type-unsupported'])
  expect(json.detail).toMatch(type.includes('harset') || type.includes('CHARSET') ? /as UTF-8/ : /takes application\//)
})

test.each(['application/json;charset=UTF-8', 'application/json; charset="utf8"', 'Application/JSON'])(
  'PUT takes %s',
  async (type) => {
    expect((await put(fresh(), JSON.stringify(RECORD), { 'content-type': type })).status).toBe(201)
  },
)

test('413 names the bound of the address', async () => {
  expect((await put(fresh(), JSON.stringify({ values: 'x'.repeat(2 ** 20) }))).json.detail).toContain('1 MiB')
  const body = JSON.stringify({ items: 'x'.repeat(2 ** 24) })
  const batch = await node.ask('POST', '/v1/identifiers:batch', { key: node.acmeKey, body })
  expect([batch.status, batch.json.detail]).toEqual([413, expect.stringContaining('16 MiB')])
})

test('bodies of 10 MB are refused with a problem document', async () => {
  const answer = await put(fresh(), JSON.stringify({ values: 'x'.repeat(10_000_000) }))
  expect([answer.status, answer.json.code]).toEqual([413, 'too-large'])
})

test('who may write what', async () => {
  const path = fresh()
  const asked = async (key: string | undefined, to = path) =>
    (await node.ask('PUT', to, { ...(key === undefined ? {} : { key }), body: RECORD })).json.code ?? 'written'
  expect(await asked(undefined)).toBe('not-authenticated')
  expect(await asked('jx_unknown')).toBe('not-authenticated')
  expect(await asked(node.otherKey)).toBe('prefix-not-held')
  expect(await asked(await node.keyFor('acme', ['read']))).toBe('not-permitted')
  expect(await asked(node.acmeKey, '/v1/identifiers/77.1.1/x')).toBe('prefix-not-served')
  expect(await asked(node.acmeKey, '/v1/identifiers/88.200.1/x')).toBe('prefix-not-held')
  const refused = await node.ask('PUT', path, { key: node.otherKey, body: RECORD })
  expect(refused.status).toBe(403)
  expect((await node.ask('GET', path)).status).toBe(404)

  await node.ask('PATCH', '/v1/prefixes/88.200.1', { key: ADMIN_KEY, body: { state: 'suspended' } })
  const suspended = await node.ask('PUT', '/v1/identifiers/88.200.1/x', { key: node.otherKey, body: RECORD })
  expect([suspended.status, suspended.json.code]).toEqual([403, 'prefix-suspended'])
})
