import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { decodeRecordMessage } from '../../../src/protocols/protobuf/messages.js'
import { parseAnswer, sendRaw } from '../http/raw-socket.js'
import { ADMIN_KEY, type RestNode, restNode } from './rest-node.js'

const PUMP = '/v1/identifiers/88.118.8/Pump-7'
let node: RestNode

beforeAll(async () => {
  node = await restNode()
  await register('88.118.8/Pump-7', {
    template: 'product',
    attributes: { name: '离心泵', model: 'P7' },
    values: [
      { index: 1, type: 'URL', data: 'https://example.com/p7' },
      { index: 2, type: 'EMAIL', data: 'x@example.com' },
      { index: 3, type: 'URL.manual', data: 'https://example.com/p7.pdf' },
      { index: 9, type: 'COST', data: '12.50', permissions: '1100' },
      { index: 10, type: 'KEY', data: { format: 'base64', value: 'AAH/' } },
    ],
  })
  await register('88.118.8/gone', { values: [{ index: 1, type: 'URL', data: 'https://example.com' }] })
  await node.ask('DELETE', '/v1/identifiers/88.118.8/gone?reason=scrapped%20in%20fire', { key: node.acmeKey })
})
afterAll(() => node.close())

test('a record is given with its version, age, source and tag, the second time from memory', async () => {
  const first = await node.ask('GET', PUMP)
  const fromMemory = async () => {
    const again = await node.ask('GET', '/v1/identifiers/88.118.8/PUMP-7')
    return again.headers.get('cache-status')?.includes('memory') ? again : undefined
  }
  // Once the feed has told this process of the registration.
  const second = await vi.waitUntil(fromMemory, { timeout: 30_000 })
  expect(first.status).toBe(200)
  expect(Object.fromEntries(second.headers)).toMatchObject({
    'content-type': 'application/json',
    etag: '"v1"',
    'cache-control': 'no-cache',
    age: '0',
    'cache-status': 'jiexi; hit; detail=memory',
    'jiexi-version': '1',
    vary: 'Accept',
    'content-length': String(second.bytes.length),
  })
  expect(second.bytes).toEqual(first.bytes)
  expect(second.json).toMatchObject({
    identifier: '88.118.8/Pump-7',
    key: '88.118.8/pump-7',
    prefix: '88.118.8',
    state: 'registered',
    version: 1,
    template: 'product',
    attributes: { name: '离心泵', model: 'P7' },
    values: [
      { index: 1, type: 'URL', data: 'https://example.com/p7', ttlSeconds: 86_400, permissions: '1110' },
      { index: 2 },
      { index: 3 },
      { index: 10, data: { format: 'base64', value: 'AAH/' } },
    ],
    registeredAt: expect.stringMatching(/^\d{4}-.*Z$/),
  })
  expect(second.json.values[0].timestamp).toMatch(/T\d\d:\d\d:\d\dZ$/)
})

test('HEAD has the head of GET and no body; a known tag gives 304 without one', async () => {
  const get = await node.ask('GET', PUMP)
  const head = await node.ask('HEAD', PUMP)
  for (const name of ['etag', 'content-length', 'content-type', 'jiexi-version'])
    expect(head.headers.get(name)).toBe(get.headers.get(name))
  expect(head.bytes.length).toBe(0)
  for (const known of ['"v1"', 'W/"v1"', '"v0", "v1"', '*']) {
    const again = await node.ask('GET', PUMP, { headers: { 'if-none-match': known } })
    expect([known, again.status, again.bytes.length, again.headers.get('etag')]).toEqual([known, 304, 0, '"v1"'])
  }
  expect((await node.ask('GET', PUMP, { headers: { 'if-none-match': '"v2"' } })).status).toBe(200)
  expect((await node.ask('GET', PUMP, { headers: { 'if-none-match': 'v1' } })).json).toMatchObject({
    code: 'request-malformed',
    faults: [{ field: 'If-None-Match', position: 0 }],
  })
})

test.each([
  ['88.118.8/never', 404, 'identifier-absent', /not registered/],
  ['88.118.8/gone', 410, 'identifier-withdrawn', /withdrawn on 20\d\d-.*Reason: scrapped in fire/],
  ['77.1.1/x', 404, 'prefix-not-served', /77\.1\.1/],
  ['no-slash', 400, 'identifier-malformed', /./],
  ['', 400, 'identifier-malformed', /./],
  ['88.118.8/', 400, 'identifier-malformed', /./],
  [`88.118.8/${'x'.repeat(300)}`, 400, 'identifier-malformed', /255/],
  [`88.118.8/${'%E6%B3%B5'.repeat(100)}`, 400, 'identifier-malformed', /255/],
  ['88.118.8/a%00b', 400, 'identifier-malformed', /./],
  ['88.118.8/%C0%AF', 400, 'identifier-malformed', /UTF-8/],
  ['88.118.8/%ED%A0%80', 400, 'identifier-malformed', /UTF-8/],
  ['88.118.8/%zz', 400, 'identifier-malformed', /%25/],
  ['88.118.8/a%252Fb', 400, 'identifier-malformed', /twice/],
])('%s gives %i %s, with and without a query', async (path, status, code, detail) => {
  for (const query of ['', '?values=all']) {
    const { json, ...answer } = await node.ask('GET', `/v1/identifiers/${path}${query}`)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'application/problem+json'])
    expect(json).toMatchObject({ code, status, detail: expect.stringMatching(detail) })
    if (code === 'identifier-malformed') expect(json.faults[0]).toMatchObject({ position: expect.any(Number) })
    expect(answer.headers.get('x-request-id')).toBeTruthy()
  }
})

test('a refusal tells version and source like an answer does', async () => {
  const gone = await node.ask('GET', '/v1/identifiers/88.118.8/gone')
  expect(Object.fromEntries(gone.headers)).toMatchObject({
    'jiexi-version': '2',
    age: '0',
    'cache-control': 'no-cache',
    'cache-status': expect.stringMatching(/^jiexi; /),
  })
})

test.each([
  '88.118.8/a/b//c',
  '88.118.8/dots/../../etc/passwd',
  "88.118.8/'; drop table identifier; --",
  '88.118.8/<script>alert(1)</script>',
  '88.118.8/100%',
  '88.118.8/a?b#c',
  '88.118.8/泵 7',
  `88.118.8/${'long'.repeat(40)}`,
  '88.118.8/..',
  '88.118.8/a+b&c=d;e',
])('%s is registered and found under exactly that, its slashes raw or encoded', async (identifier) => {
  const encoded = encodeURIComponent(identifier)
  const data = '"\'<b>{{x}}</b>; drop table identifier; --\\'
  const path = (text: string) => `/v1/identifiers/${text}`
  const put = await node.ask('PUT', path(encoded), {
    key: node.acmeKey,
    body: { template: 'product', attributes: { name: data }, values: [{ index: 1, type: 'NOTE', data }] },
  })
  expect(put.status).toBe(201)
  const { host } = new URL(node.url)
  for (const spelling of [encoded, encoded.replaceAll('%2F', '/'), encoded.replaceAll('.', '%2e')]) {
    // Not fetch: it would resolve the dots.
    const octets = await sendRaw(
      node.url,
      `GET ${path(spelling)} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    )
    const answer = parseAnswer(octets)
    expect([spelling, answer.status]).toEqual([spelling, 200])
    const record = JSON.parse(Buffer.from(answer.body, 'latin1').toString('utf8'))
    expect(record).toMatchObject({ identifier, attributes: { name: data }, values: [{ data }] })
  }
  const location = await node.ask('GET', put.headers.get('location')!)
  if (!/\.\.|\/\//.test(identifier)) expect(location.json).toMatchObject({ identifier })
})

test('a "#" or a raw octet above ASCII in the path is refused, an absolute address is understood', async () => {
  const { host } = new URL(node.url)
  const status = async (target: string) =>
    parseAnswer(
      await sendRaw(node.url, Buffer.from(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)),
    ).status
  expect(await status('/v1/identifiers/88.118.8/a#b')).toBe(400)
  expect(await status('/v1/identifiers/88.118.8/泵')).toBe(400)
  expect(await status(`http://${host}${PUMP}`)).toBe(200)
  expect(await status('/v1/%69dentifiers/88.118.8/pump-7')).toBe(400)
})

test('values are chosen by index or type, attributes by name', async () => {
  const indexes = async (query: string) => {
    const { json } = await node.ask('GET', `${PUMP}?${query}`)
    return json.values.map((value: { index: number }) => value.index)
  }
  expect(await indexes('index=2')).toEqual([2])
  expect(await indexes('index=2&type=url')).toEqual([1, 2])
  expect(await indexes('type=url.')).toEqual([1, 3])
  expect(await indexes('index=2000')).toEqual([2000])
  expect(await indexes('values=all')).toEqual([1, 2, 3, 10, 2000, 2003])
})

test('part of a record is that part only, in JSON as in protobuf', async () => {
  const parts = async (query: string) => {
    const { json } = await node.ask('GET', `${PUMP}?${query}`)
    const answer = await node.ask('GET', `${PUMP}?${query}`, { headers: { accept: 'application/x-protobuf' } })
    const message = decodeRecordMessage(answer.bytes)
    const indexes = json.values.map((value: { index: number }) => value.index)
    expect(Object.fromEntries(message.attributes)).toEqual(json.attributes)
    expect(message.values.map(({ index }) => index)).toEqual(indexes)
    return [json.attributes, indexes]
  }
  const name = '离心泵'
  expect(await parts('attribute=model')).toEqual([{ model: 'P7' }, []])
  expect(await parts('attribute=brand')).toEqual([{}, []])
  expect(await parts('index=2')).toEqual([{}, [2]])
  expect(await parts('type=url')).toEqual([{}, [1]])
  expect(await parts('index=2000')).toEqual([{ name }, [2000]])
  expect(await parts('type=MODEL&index=1')).toEqual([{ model: 'P7' }, [1, 2003]])
  expect(await parts('attribute=name&index=2')).toEqual([{ name }, [2]])
  expect(await parts('attribute=name&values=all')).toEqual([{ name }, [1, 2, 3, 10, 2000, 2003]])
  expect(await parts('index=9')).toEqual([{}, []])
})

test('an attribute that the template does not have is refused, naming the nearest', async () => {
  for (const headers of [{}, { accept: 'application/x-protobuf' }, { 'if-none-match': '*' }]) {
    const { status, json } = await node.ask('GET', `${PUMP}?attribute=name&attribute=modle`, { headers })
    expect([status, json.code]).toEqual([400, 'request-malformed'])
    expect(json.faults).toEqual([{ field: 'attribute', reason: expect.stringMatching(/modle .*did you mean model/) }])
  }
  const free = await register('88.118.8/free', { values: [{ index: 1, type: 'URL', data: 'https://x' }] })
  expect((await node.ask('GET', `${free}?attribute=nosuch`)).json).toMatchObject({ attributes: {}, values: [] })
})

test('each representation has a tag of its own, and each its 304', async () => {
  const tags = new Set<string>()
  for (const [query, headers] of [
    ['', {}],
    ['?index=1', {}],
    ['?type=URL', {}],
    ['?attribute=name', {}],
    ['?values=all', {}],
    ['', { accept: 'application/x-protobuf' }],
    ['', { authorization: `Bearer ${node.acmeKey}` }],
  ] as const) {
    const answer = await node.ask('GET', `${PUMP}${query}`, { headers })
    const tag = answer.headers.get('etag')!
    expect(tag).toMatch(/^"v1(-[\w-]{11})?"$/)
    tags.add(tag)
    expect((await node.ask('GET', `${PUMP}${query}`, { headers: { ...headers, 'if-none-match': tag } })).status).toBe(
      304,
    )
  }
  expect(tags.size).toBe(7)
})

test('protobuf and JSON tell the same; what is not offered is 406', async () => {
  const json = (await node.ask('GET', PUMP)).json
  const answer = await node.ask('GET', PUMP, { headers: { accept: 'application/x-protobuf' } })
  expect(answer.headers.get('content-type')).toBe('application/x-protobuf')
  const message = decodeRecordMessage(answer.bytes)
  expect(message).toMatchObject({ identifier: json.identifier, key: json.key, version: 1, template: 'product' })
  expect(Object.fromEntries(message.attributes)).toEqual(json.attributes)
  expect(message.values.map((value) => value.index)).toEqual([1, 2, 3, 10])
  const refused = await node.ask('GET', PUMP, { headers: { accept: 'text/turtle' } })
  expect([refused.status, refused.json.code]).toEqual([406, 'not-acceptable'])
  expect((await node.ask('GET', PUMP, { headers: { accept: 'text/html,*/*;q=0.8' } })).status).toBe(200)
})

test('values that are not public are for the holder of the prefix and the administrator', async () => {
  const seen = async (key?: string) => {
    const { json, headers } = await node.ask('GET', PUMP, key === undefined ? {} : { key })
    if (key !== undefined) expect(headers.get('cache-control')).toBe('private, no-cache')
    return json.values.some((value: { index: number }) => value.index === 9)
  }
  expect(await seen()).toBe(false)
  expect(await seen(node.otherKey)).toBe(false)
  expect(await seen(node.acmeKey)).toBe(true)
  expect(await seen(ADMIN_KEY)).toBe(true)
  expect(await seen(await node.keyFor('acme', ['write']))).toBe(false)
  expect((await node.ask('GET', PUMP, { key: 'jx_nobody' })).json.code).toBe('not-authenticated')
})

test('a version or a time gives what was then', async () => {
  const path = await register('88.118.8/changing', { values: [{ index: 1, type: 'URL', data: 'https://one' }] })
  const { recordedAt } = (await node.ask('GET', path)).json
  await new Promise((resolve) => setTimeout(resolve, 20))
  await register('88.118.8/changing', { values: [{ index: 1, type: 'URL', data: 'https://two' }] })
  await node.ask('DELETE', path, { key: node.acmeKey, body: { reason: 'done' } })

  expect((await node.ask('GET', `${path}?version=1`)).json.values[0].data).toBe('https://one')
  expect((await node.ask('GET', `${path}?version=2`)).json.values[0].data).toBe('https://two')
  expect((await node.ask('GET', `${path}?at=${recordedAt}`)).json.version).toBe(1)
  expect((await node.ask('GET', `${path}?version=3`)).status).toBe(410)
  expect((await node.ask('GET', `${path}?version=4`)).json).toMatchObject({ code: 'version-absent', status: 404 })
  expect((await node.ask('GET', `${path}?at=2024-02-29`)).json.code).toBe('version-absent')
  expect((await node.ask('GET', `${path}?at=2001-01-01`)).json.code).toBe('version-absent')
  expect((await node.ask('GET', '/v1/identifiers/88.118.8/never?version=1')).json.code).toBe('identifier-absent')
  expect((await node.ask('GET', `${path}?at=${encodeURIComponent('2999-01-01T08:00:00+08:00')}`)).status).toBe(410)
})

test.each([
  'color=red',
  'version=0',
  'version=x',
  'version=1&version=2',
  'version=1&at=2026-01-01',
  'at=yesterday',
  'at=2026-02-30T00:00:00Z',
  'at=2026-02-29',
  'at=2026-04-31T10:00:00%2B08:00',
  'at=2026-13-01',
  'index=-1',
  'index=4294967296',
  'values=some',
  'explain=yes',
  'min-version=',
  'min-version=0',
  'minVersion=1',
])('?%s is refused, naming the parameter', async (query) => {
  const { json } = await node.ask('GET', `${PUMP}?${query}`)
  expect(json).toMatchObject({ code: 'request-malformed', status: 400 })
  expect(query).toContain(json.faults[0].field)
})

test('explain tells key, scheme, steps with their times, tier and authority, for refusals too', async () => {
  const found = await node.ask('GET', '/v1/identifiers/88.118.8/PUMP-7?explain=1&authoritative=1')
  expect(found.json).toMatchObject({
    identifier: '88.118.8/PUMP-7',
    key: '88.118.8/pump-7',
    scheme: 'handle',
    prefixes: ['88.118.8', '88.118', '88'],
    authority: { prefix: '88.118.8', kind: 'registry', state: 'active' },
    steps: [
      { layer: 'memory', outcome: 'skipped', atMs: expect.any(Number) },
      { layer: 'feed', outcome: 'caught up', atMs: expect.any(Number) },
      { layer: 'registry', outcome: 'found', atMs: expect.any(Number) },
    ],
    status: 200,
    outcome: 'found',
    tier: 'registry',
    version: 1,
    record: { identifier: '88.118.8/Pump-7' },
  })
  const gone = await node.ask('GET', '/v1/identifiers/88.118.8/gone?explain=1')
  expect([gone.status, gone.json.status, gone.json.problem.code]).toEqual([200, 410, 'identifier-withdrawn'])
  const foreign = await node.ask('GET', '/v1/identifiers/77.1.1/x?explain=1')
  expect(foreign.json).toMatchObject({ status: 404, outcome: 'failed', problem: { code: 'prefix-not-served' } })
  expect(foreign.json).not.toHaveProperty('authority')
})

test('a request id that a client sends comes back with a good answer too', async () => {
  for (const query of ['', '?index=1']) {
    const answer = await node.ask('GET', `${PUMP}${query}`, { headers: { 'x-request-id': 'r-1' } })
    expect(answer.headers.get('x-request-id')).toBe('r-1')
  }
})

async function register(identifier: string, body: unknown): Promise<string> {
  const path = `/v1/identifiers/${identifier}`
  const { status, text } = await node.ask('PUT', path, { key: node.acmeKey, body })
  if (status > 201) throw new Error(text)
  return path
}
