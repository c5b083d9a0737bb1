/** Records written and read through the Handle HTTP API by those who may. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  type AdministeredNode,
  AS_JSON,
  administeredNode,
  BY_ADDER,
  BY_PASSWORD,
  basic,
  PREFIX,
} from './administered-node.js'
import { OVER_TLS } from './handle-rest-node.js'

let node: AdministeredNode
beforeAll(async () => {
  node = await administeredNode()
})
afterAll(() => node?.close())

const URL_1 = { index: 1, type: 'URL', data: { format: 'string', value: 'https://a.example/1' } }
const DESC_2 = { index: 2, type: 'DESC', data: 'two' }
const OWNER = {
  index: 100,
  type: 'HS_ADMIN',
  data: { format: 'admin', value: { handle: PREFIX, index: 301, permissions: '011111110011' } },
}

const put = (handle: string, values: unknown, query = '', headers: Record<string, string> = BY_PASSWORD) =>
  node.askSecurely(`/api/handles/${handle}${query}`, {
    method: 'PUT',
    headers: { ...AS_JSON, ...headers },
    body: typeof values === 'string' ? values : JSON.stringify(values),
  })
const drop = (handle: string, query = '', headers: Record<string, string> = BY_PASSWORD) =>
  node.askSecurely(`/api/handles/${handle}${query}`, { method: 'DELETE', headers })
const get = (handle: string, query = '', headers: Record<string, string> = {}) =>
  node.askSecurely(`/api/handles/${handle}${query}`, { headers })
const indexes = async (handle: string) =>
  ((await get(handle)).json.values as { index: number }[]).map(({ index }) => index)

let count = 0
let handle: string
beforeEach(() => {
  count += 1
  handle = `88.118.8/Written-${count}`
})

describe('PUT', () => {
  test('registers a handle as pyhandle does, and replaces it', async () => {
    const created = await put(handle, { values: [URL_1, OWNER] }, '?overwrite=false')
    expect([created.status, created.text]).toEqual([201, JSON.stringify({ responseCode: 1, handle })])
    expect((await get(handle)).json.values).toMatchObject([URL_1, OWNER])

    const again = await put(handle, { values: [URL_1] }, '?overwrite=false')
    expect([again.status, again.json.responseCode]).toEqual([409, 101])

    const replaced = await put(handle, [DESC_2, OWNER])
    expect([replaced.status, replaced.json]).toEqual([200, { responseCode: 1, handle }])
    expect(await indexes(handle)).toEqual([2, 100])
  })

  test('is seen by every other door', async () => {
    await put(handle, URL_1)
    const { json } = await node.rest.ask('GET', `/v1/identifiers/${handle}`)
    expect(json).toMatchObject({ identifier: handle, version: 1, values: [{ index: 1, data: 'https://a.example/1' }] })
    expect((await node.ask(`/${handle}`)).headers.location).toBe('https://a.example/1')
  })

  test('with indexes adds and replaces values, and leaves the others', async () => {
    await put(handle, [URL_1, DESC_2, OWNER])
    const changed = await put(
      handle,
      [
        { index: 2, type: 'DESC', data: 'changed' },
        { index: 3, type: 'DESC', data: 'three' },
      ],
      '?index=various',
    )
    expect([changed.status, changed.json.responseCode]).toEqual([200, 1])
    expect((await get(handle, '?index=2&index=3')).json.values).toMatchObject([
      { data: { value: 'changed' } },
      { data: { value: 'three' } },
    ])
    const added = await put(
      handle,
      [
        { index: 4, type: 'DESC', data: 'four' },
        { index: 5, type: 'X', data: 'no' },
      ],
      '?index=4',
    )
    expect([added.status, added.json.responseCode]).toEqual([201, 1])
    expect(await indexes(handle)).toEqual([1, 2, 3, 4, 100])
    const refused = await put(handle, [DESC_2], '?index=2&overwrite=false')
    expect([refused.status, refused.json.responseCode]).toEqual([409, 201])
    expect((await put(handle, [DESC_2], '?index=9')).json).toMatchObject({ responseCode: 202 })
    expect((await put('88.118.8/nothing-there', [DESC_2], '?index=2')).status).toBe(404)
  })

  test('mints a suffix behind the slash, or behind the first part of one', async () => {
    for (const start of ['88.118.8/', '88.118.8/batch-']) {
      const { status, json } = await put(start, [URL_1], '?mintNewSuffix')
      expect(status).toBe(201)
      expect(json.handle).toMatch(
        /^88\.118\.8\/(?:batch-)?[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
      )
      expect(json.handle.startsWith(start)).toBe(true)
      expect((await get(json.handle)).json.responseCode).toBe(1)
    }
    expect((await put('88.118.8', [URL_1], '?mintNewSuffix=true')).json.responseCode).toBe(102)
  })

  test.each<[string, unknown, Record<string, string>, number, string]>([
    ['no body', '', {}, 4, 'JSON'],
    ['no JSON', '{', {}, 4, 'JSON'],
    ['members twice', '[{"index":1,"index":2}]', {}, 4, 'twice'],
    ['another media type', JSON.stringify([URL_1]), { 'content-type': 'text/plain' }, 4, 'application/json'],
    ['an index twice', [URL_1, URL_1], {}, 201, ''],
    ['a fault in a value', [{ ...URL_1, permissions: 'x' }], {}, 202, 'values[0].permissions'],
    ['a value that ends at a time', [{ ...URL_1, ttl: '2030-01-01T00:00:00Z' }], {}, 202, 'seconds'],
    ['nesting without end', '['.repeat(10_000), {}, 4, 'nested'],
  ])('is refused with 400 for %s', async (_name, values, headers, responseCode, told) => {
    const { status, json } = await put(handle, values, '', { ...BY_PASSWORD, ...headers })
    if (responseCode === 201) expect(status).toBe(409)
    else expect(status).toBe(400)
    expect(json.responseCode).toBe(responseCode)
    expect(json.message).toContain(told)
    expect((await get(handle)).status).toBe(404)
  })

  test('of more than a record can hold is refused while it comes', async () => {
    const { status, json } = await put(handle, `"${'x'.repeat(1_100_000)}"`)
    expect([status, json.responseCode]).toEqual([413, 4])
  })

  test('is refused to whoever may not, and asks whoever has not said who he is', async () => {
    const nobody = await put(handle, [URL_1], '', {})
    expect([nobody.status, nobody.json]).toMatchObject([401, { responseCode: 402, handle }])
    const [first, second] = [nobody.headers['www-authenticate']].flat()
    expect(first).toMatch(/^Basic realm="handle"/)
    expect(`${first}, ${second ?? ''}`).toMatch(/Handle sessionId="[\w-]+", nonce="[\w+/]{22}=="/)

    const wrong = await put(handle, [URL_1], '', basic(`301%3A${PREFIX}`, 'wrong'))
    expect([wrong.status, wrong.json.responseCode]).toEqual([401, 402])
    expect([wrong.headers['www-authenticate']].flat().join()).toContain('error="')

    await put(handle, [URL_1, OWNER], '', BY_ADDER)
    const adder = await put(handle, [DESC_2], '', BY_ADDER)
    expect([adder.status, adder.json.responseCode]).toEqual([403, 401])
    const abroad = await put('88.200.1/x', [URL_1])
    expect(abroad.status).toBe(403)
    const elsewhere = await put('10.1045/x', [URL_1])
    expect([elsewhere.status, elsewhere.json.responseCode]).toEqual([400, 301])
  })

  test('over plain HTTP is refused, with credentials and without, unless a proxy has ended TLS', async () => {
    const path = `/api/handles/${handle}`
    const asked = { method: 'PUT', body: JSON.stringify([URL_1]) }
    for (const headers of [AS_JSON, { ...AS_JSON, ...BY_PASSWORD }]) {
      const { status, json } = await node.ask(path, { ...asked, headers })
      expect([status, json.responseCode]).toEqual([403, 402])
    }
    const proxied = await node.ask(path, { ...asked, headers: { ...AS_JSON, ...BY_PASSWORD, ...OVER_TLS } })
    expect([proxied.status, proxied.json.responseCode]).toEqual([201, 1])
  })
})

test('a write tells its version and a token, by which any look-up can demand to see it', async () => {
  const written = await put(handle, [URL_1, OWNER])
  expect(written.headers['jiexi-version']).toBe('1')
  const token = String(written.headers['jiexi-token'])
  expect(token).toMatch(/^\d+-[\da-f]{8}$/)
  expect((await get(handle, '', { 'jiexi-token': token })).json.responseCode).toBe(1)
  expect((await node.ask(`/${handle}`, { headers: { 'jiexi-token': token } })).status).toBe(302)
  const unknown = await get(handle, '', { 'jiexi-token': token.replace(/.{8}$/, '00000000') })
  expect([unknown.status, unknown.json.responseCode]).toEqual([412, 2])
  expect((await get(handle, '', { 'jiexi-token': 'x' })).json.responseCode).toBe(4)
  expect((await drop(handle)).headers['jiexi-token']).toMatch(/^\d+-/)
})

describe('DELETE', () => {
  test('withdraws the handle', async () => {
    await put(handle, [URL_1, OWNER])
    const { status, json } = await drop(handle)
    expect([status, json]).toEqual([200, { responseCode: 1, handle }])
    expect((await get(handle)).json).toMatchObject({ responseCode: 100, handle })
    expect((await drop(handle)).json.responseCode).toBe(100)
  })

  test('with indexes removes values, and says when none was there', async () => {
    await put(handle, [URL_1, DESC_2, OWNER])
    expect((await drop(handle, '?index=2&index=77')).json).toEqual({ responseCode: 1, handle })
    expect(await indexes(handle)).toEqual([1, 100])
    const none = await drop(handle, '?index=77')
    expect([none.status, none.json.responseCode]).toEqual([400, 200])
    expect((await drop(handle, '?index=x')).status).toBe(400)
  })

  test('is for those who may', async () => {
    await put(handle, [URL_1, OWNER])
    expect((await drop(handle, '', {})).status).toBe(401)
    expect((await drop(handle, '', BY_ADDER)).status).toBe(403)
    expect((await get(handle)).status).toBe(200)
  })
})

describe('values that are not for everybody', () => {
  beforeEach(() => put(handle, [URL_1, { ...DESC_2, permissions: '1100' }, OWNER]))

  test('are given to whoever may read them, and to nobody else', async () => {
    const { headers, json } = await get(handle, '', BY_PASSWORD)
    expect(json.values).toHaveLength(3)
    expect(json.values[1]).toMatchObject({ index: 2, permissions: '1100' })
    expect(headers['cache-control']).toBe('private, no-store')
    expect((await get(handle, '?publicOnly', BY_PASSWORD)).json.values).toHaveLength(2)
    expect((await get(handle)).json.values).toHaveLength(2)

    const asked = await get(handle, '?publicOnly=false')
    expect([asked.status, asked.json.responseCode]).toEqual([401, 402])
    const adder = await get(handle, '', BY_ADDER)
    expect([adder.status, adder.json.responseCode]).toEqual([403, 401])
  })

  test('that nobody may read are given to nobody', async () => {
    await put(handle, [{ ...DESC_2, permissions: '0100' }], '?index=2')
    expect((await get(handle, '?index=2', BY_PASSWORD)).json.responseCode).toBe(401)
    for (const headers of [{}, BY_PASSWORD]) expect((await get(handle, '', headers)).json.values).toHaveLength(2)
  })

  test('are not in a script, whoever asks', async () => {
    expect((await get(handle, '?callback=f', BY_PASSWORD)).text).not.toContain('two')
  })
})

describe('GET /api/handles?prefix=', () => {
  const list = (query: string, headers: Record<string, string> = BY_PASSWORD) =>
    node.askSecurely(`/api/handles?${query}`, { headers })

  beforeAll(async () => {
    for (let place = 0; place < 5; place++) await put(`88.118.8/zz-${place}`, [URL_1, OWNER])
    await drop('88.118.8/zz-2')
  })

  test('lists what is registered, page by page', async () => {
    const all = await list(`prefix=${PREFIX}`)
    expect(Object.keys(all.json)).toEqual(['responseCode', 'prefix', 'totalCount', 'handles'])
    const { totalCount, handles } = all.json
    expect(totalCount).toBe(String(handles.length))
    expect(handles.slice(-4)).toEqual(['88.118.8/zz-0', '88.118.8/zz-1', '88.118.8/zz-3', '88.118.8/zz-4'])

    const paged: string[] = []
    for (let page = 0; paged.length < handles.length; page++) {
      const { status, json } = await list(`prefix=88.118.8&page=${page}&pageSize=3`)
      expect([status, json.page, json.pageSize, json.totalCount]).toEqual([200, page, 3, totalCount])
      paged.push(...json.handles)
    }
    expect(paged).toEqual(handles)
    expect((await list(`prefix=${PREFIX}&page=1000&pageSize=3`)).json.handles).toEqual([])
    expect((await list(`prefix=${PREFIX}&page=0&pageSize=0`)).json).toMatchObject({ totalCount, handles: [] })
    expect(Object.keys((await list(`prefix=${PREFIX}&page=0&pageSize=2`)).json)).toEqual([
      'responseCode',
      'prefix',
      'totalCount',
      'page',
      'pageSize',
      'handles',
    ])
  })

  test('is for administrators of the prefix', async () => {
    expect((await list(`prefix=${PREFIX}`, {})).status).toBe(401)
    expect((await list(`prefix=${PREFIX}`, BY_ADDER)).status).toBe(403)
    expect((await list('prefix=0.NA/10.1045')).json.responseCode).toBe(301)
    expect((await list('')).json.responseCode).toBe(4)
    expect((await list(`prefix=${PREFIX}&page=x`)).json.responseCode).toBe(4)
    expect((await list(`prefix=${PREFIX}&page=1000000&pageSize=1000`)).json.responseCode).toBe(4)
    expect((await node.ask(`/api/handles?prefix=${PREFIX}`)).status).toBe(403)
  })
})

test('nothing of all this was a fault of the node', () => {
  expect(node.failures).toEqual([])
})
