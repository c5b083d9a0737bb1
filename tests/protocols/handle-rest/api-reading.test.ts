/** The Handle HTTP API as clients that know nothing of this node read it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ADMIN_KEY } from '../rest/rest-node.js'
import { type HandleRestNode, handleRestNode, OVER_TLS } from './handle-rest-node.js'

const PUMP = '88.118.8/pump-0001'

let node: HandleRestNode
beforeAll(async () => {
  node = await handleRestNode()
  await node.put('88.118.8/Pump-0001', [
    { index: 1, type: 'URL', data: 'https://www.example.com/pump', ttlSeconds: 3600 },
    { index: 2, type: 'EMAIL', data: 'pumps@example.com', references: [{ handle: '88.118.8/other', index: 1 }] },
    { index: 3, type: 'BIN', data: { format: 'base64', value: 'AAEC/w==' } },
    { index: 4, type: 'EMAIL.private', data: 'secret@example.com', permissions: '1100' },
    {
      index: 100,
      type: 'HS_ADMIN',
      data: { format: 'hex', value: '07f30000000d302e4e412f38382e3130302e310000012c' },
    },
  ])
  await node.put('88.118.8/secrets', [{ index: 1, type: 'HS_SECKEY', data: 'x', permissions: '1100' }])
  await node.put('88.118.8/100%', [{ index: 1, type: 'URL', data: 'https://x.example/' }])
  await node.put('88.118.8/a/b 中', [{ index: 1, type: 'URL', data: 'https://x.example/' }])
  await node.put('88.118.8/gone', [{ index: 1, type: 'URL', data: 'https://x.example/' }])
  await node.rest.ask('DELETE', '/v1/identifiers/88.118.8/gone?reason=broken', { key: node.rest.acmeKey })
})
afterAll(() => node?.close())

const api = (path: string, options?: Parameters<HandleRestNode['ask']>[1]) => node.ask(`/api/handles/${path}`, options)
const indexes = async (query: string) =>
  ((await api(`${PUMP}${query}`)).json.values as { index: number }[]).map(({ index }) => index)

describe('GET /api/handles/{handle}', () => {
  test('gives the record in the shape, and in the order of members, that clients know', async () => {
    const { status, headers, text, json } = await api(PUMP)
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('application/json;charset=UTF-8')
    const [{ timestamp }] = json.values
    expect(timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    expect(text).toBe(
      JSON.stringify({
        responseCode: 1,
        handle: PUMP,
        values: [
          {
            index: 1,
            type: 'URL',
            data: { format: 'string', value: 'https://www.example.com/pump' },
            ttl: 3600,
            timestamp,
          },
          {
            index: 2,
            type: 'EMAIL',
            data: { format: 'string', value: 'pumps@example.com' },
            ttl: 86400,
            timestamp,
            references: [{ handle: '88.118.8/other', index: 1 }],
          },
          { index: 3, type: 'BIN', data: { format: 'base64', value: 'AAEC/w==' }, ttl: 86400, timestamp },
          {
            index: 100,
            type: 'HS_ADMIN',
            data: { format: 'admin', value: { handle: '0.NA/88.100.1', index: 300, permissions: '011111110011' } },
            ttl: 86400,
            timestamp,
          },
        ],
      }),
    )
  })

  test.each([
    ['the letters asked for', '88.118.8/PUMP-0001', '88.118.8/PUMP-0001'],
    ['an escaped slash', '88.118.8%2Fpump-0001', PUMP],
    ['more than one slash, and wide characters', '88.118.8/a/b%20%E4%B8%AD', '88.118.8/a/b 中'],
    ['an escaped percent sign', '88.118.8/100%25', '88.118.8/100%'],
  ])('gives the handle back as asked: %s', async (_name, path, handle) => {
    expect((await api(path)).json).toMatchObject({ responseCode: 1, handle })
  })

  test('chooses by type or index', async () => {
    expect(await indexes('?index=1')).toEqual([1])
    expect(await indexes('?index=3&index=1&index=77')).toEqual([1, 3])
    expect(await indexes('?type=url')).toEqual([1])
    expect(await indexes('?type=EMAIL&index=3')).toEqual([2, 3])
    expect(await indexes('?type=EMAIL.')).toEqual([2])
    expect(await indexes('?type=URL&type=BIN&unknown=1')).toEqual([1, 3])
  })

  test('says with 200 that there are no such values', async () => {
    for (const query of [`${PUMP}?index=77`, `${PUMP}?type=NONE`, `${PUMP}?index=4`, '88.118.8/secrets']) {
      const { status, text } = await api(query)
      expect(status).toBe(200)
      expect(text).toBe(JSON.stringify({ responseCode: 200, values: [], handle: query.split('?')[0] }))
    }
  })

  test('says with 404 that there is no such handle', async () => {
    const { status, text } = await api('88.118.8/None')
    expect([status, text]).toEqual([404, '{"responseCode":100,"handle":"88.118.8/None"}'])
  })

  test('says of a handle that was withdrawn when and why', async () => {
    const { status, json } = await api('88.118.8/gone')
    expect(status).toBe(404)
    expect(json).toMatchObject({ responseCode: 100, handle: '88.118.8/gone' })
    expect(json.message).toContain('broken')
  })

  test('finds the record of a prefix by the prefix alone, as by its handle', async () => {
    for (const path of ['88.118.8', '0.NA/88.118.8']) {
      const { status, json } = await api(path)
      expect([status, json.responseCode, json.handle]).toEqual([200, 1, path])
      expect(json.values.map(({ type }: { type: string }) => type)).toContain('HS_ADMIN')
    }
  })

  test.each([
    ['no prefix', '/x', 102],
    ['a prefix alone that is another node’s', '10.1045', 301],
    ['a prefix of another node', '10.1045/may99-payette', 301],
    ['no UTF-8', '88.118.8/%C0%AF', 102],
    ['a broken escape', '88.118.8/%zz', 102],
    ['something encoded twice', '88.118.8/a%252Fb', 102],
    ['a control character', '88.118.8/a%07', 102],
    ['too long a handle', `88.118.8/${'a'.repeat(300)}`, 102],
  ])('refuses %s', async (_name, path, responseCode) => {
    const { status, json } = await api(path)
    expect([status, json.responseCode]).toEqual([400, responseCode])
    expect(json.message).not.toBe('')
  })

  test.each(['index=x', 'index=-1', 'index=4294967296', 'publicOnly=maybe', 'auth=2'])(
    'refuses a parameter that means nothing: %s',
    async (query) => {
      const { status, json } = await api(`${PUMP}?${query}`)
      expect([status, json.responseCode]).toEqual([400, 4])
      expect(json.message).toContain(query.split('=')[0])
    },
  )

  test('refuses more parameters than anybody can mean', async () => {
    expect((await api(`${PUMP}?${'a&'.repeat(600)}`)).json).toMatchObject({ responseCode: 4 })
  })

  test('tells how current it is, and that nobody may keep it unasked', async () => {
    const { headers } = await api(`${PUMP}?auth`)
    expect(headers).toMatchObject({
      'cache-control': 'no-cache',
      age: '0',
      'jiexi-version': '1',
      vary: 'Authorization',
      'cache-status': 'jiexi; fwd=miss; detail=registry',
      'x-content-type-options': 'nosniff',
    })
    await expect.poll(async () => (await api(PUMP)).headers['cache-status']).toBe('jiexi; hit; detail=memory')
  })

  test('shows at once what another door has written', async () => {
    await node.put('88.118.8/now', [{ index: 1, type: 'URL', data: 'https://one.example/' }])
    expect((await api('88.118.8/now')).text).toContain('one.example')
    await node.put('88.118.8/now', [{ index: 1, type: 'URL', data: 'https://two.example/' }])
    expect((await api('88.118.8/now')).text).toContain('two.example')
  })

  test('never shows what is not for everybody, and says where to ask for it', async () => {
    expect((await api(`${PUMP}?publicOnly=true`)).text).not.toContain('secret@')
    const over = await api(`${PUMP}?publicOnly=false`, { headers: OVER_TLS })
    expect(over.text).not.toContain('secret@')
    expect(over.json.responseCode).toBe(402)
    // Nothing here is restricted.
    expect(await indexes('?publicOnly=false&type=URL')).toEqual([1])
  })

  test('over plain HTTP refuses credentials with 403, whatever they are', async () => {
    for (const authorization of ['Basic eDp5', 'Handle sessionId="x"', 'Bearer x']) {
      const { status, json, headers } = await api(PUMP, { headers: { authorization } })
      expect([status, json.responseCode]).toEqual([403, 402])
      expect(headers['www-authenticate']).toBeUndefined()
    }
  })
})

describe('a prefix whose holder answers himself', () => {
  const serve = (service: object) =>
    node.rest.ask('PATCH', '/v1/prefixes/88.200.1?wait=visible', { key: ADMIN_KEY, body: service })
  beforeAll(() => serve({ service: 'self-built', sites: [{ address: '203.0.113.7', port: 2641 }] }))
  afterAll(() => serve({ service: 'hosted' }))

  test('is referred to his server, with the site as a record has it', async () => {
    const { status, json } = await api('88.200.1/x')
    expect([status, Object.keys(json)]).toEqual([300, ['responseCode', 'message', 'handle', 'values']])
    expect(json).toMatchObject({ responseCode: 302, handle: '88.200.1/x', values: [{ type: 'HS_SITE' }] })
    const { servers } = json.values[0].data.value
    expect(servers).toMatchObject([{ address: '203.0.113.7', interfaces: [{ protocol: 'TCP', port: 2641 }, {}] }])
  })

  test('is not, where that is not wanted, or where a browser asks', async () => {
    const { status, json } = await api('88.200.1/x?doNotRefer')
    expect([status, json.responseCode, json.values]).toEqual([400, 301, undefined])
    expect(json.message).toContain('203.0.113.7')
    const page = await node.ask('/88.200.1/x')
    expect(page.status).toBe(404)
    expect(page.text).toContain('203.0.113.7')
  })
})

describe('how it is written', () => {
  test('pretty is indented', async () => {
    const plain = await api(PUMP)
    for (const query of ['?pretty', '?pretty=true']) {
      expect((await api(PUMP + query)).text).toBe(JSON.stringify(plain.json, null, 2))
    }
    expect((await api(`${PUMP}?pretty=false`)).text).toBe(plain.text)
  })

  test('HEAD is GET without the body', async () => {
    const [get, head] = [await api(PUMP), await api(PUMP, { method: 'HEAD' })]
    expect([head.status, head.text]).toEqual([200, ''])
    expect(head.headers['content-length']).toBe(get.headers['content-length'])
    expect(head.headers['content-type']).toBe(get.headers['content-type'])
  })

  test('POST is GET with the parameters in a form, or in the query', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const posted = await api(PUMP, { method: 'POST', headers: form, body: 'index=1&type=BIN' })
    expect(posted.json.values.map(({ index }: { index: number }) => index)).toEqual([1, 3])
    expect((await api(`${PUMP}?index=1`, { method: 'POST' })).json.values).toHaveLength(1)
  })

  test('callback makes a script of it, and nothing else', async () => {
    const { json } = await api(PUMP)
    const { headers, text } = await api(`${PUMP}?callback=show`)
    expect(headers).toMatchObject({
      'content-type': 'application/javascript;charset=UTF-8',
      'x-content-type-options': 'nosniff',
    })
    expect(text).toBe(`/**/show(${JSON.stringify(json)});`)
    const hostile = await api(`${PUMP}?callback=${encodeURIComponent('a.b</script><script>alert(1)//中')}`)
    expect(hostile.text).toMatch(/^\/\*\*\/[\w$]+\(\{/)
    expect(hostile.text.slice(0, 40)).toContain('a_b__script__script_alert_1___')
    expect((await api(`88.118.8/none?callback=${'f'.repeat(5000)}`)).text.length).toBeLessThan(300)
  })

  test('a script never has what only its reader may see, or a refusal of his credentials', async () => {
    const headers = { ...OVER_TLS, authorization: 'Basic eDp5' }
    const { status, text } = await api(`${PUMP}?callback=f`, { headers })
    expect([status, text]).toEqual([200, (await api(`${PUMP}?callback=f`)).text])
    expect((await api(`${PUMP}?callback=f&publicOnly=false`, { headers })).text).not.toContain('secret@')
  })
})

describe('scripts of other sites', () => {
  test('may read every answer, and send no credentials of their readers', async () => {
    for (const path of [`/api/handles/${PUMP}`, '/api/handles/x/y', '/api/none', `/${PUMP}`, '/x']) {
      const { headers } = await node.ask(path, { headers: { origin: 'https://elsewhere.example' } })
      expect(headers['access-control-allow-origin']).toBe('*')
      expect(headers['access-control-allow-credentials']).toBeUndefined()
    }
  })

  test('may ask before', async () => {
    const { status, headers } = await node.ask(`/api/handles/${PUMP}`, {
      method: 'OPTIONS',
      headers: { origin: 'https://elsewhere.example', 'access-control-request-method': 'PUT' },
    })
    expect(status).toBe(204)
    expect(headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, DELETE, OPTIONS',
      'access-control-allow-headers': 'Authorization, Content-Type, Jiexi-Token',
    })
  })
})

describe('what the API has not', () => {
  test.each(['PATCH', 'TRACE', 'PROPFIND', 'LOCK'])('is 501 for the method %s', async (method) => {
    const { status, json } = await api(PUMP, { method })
    expect([status, json.responseCode]).toEqual([501, 5])
  })

  test.each(['/api', '/api/', '/api/none', '/api/sessions/other'])('is 404 at %s', async (path) => {
    const { status, json } = await node.ask(path)
    expect([status, json.responseCode]).toEqual([404, 4])
  })

  test('is 405 for a method that this address doesn’t take', async () => {
    const { status, headers, json } = await node.ask('/api/site', { method: 'DELETE' })
    expect([status, json.responseCode, headers['allow']]).toEqual([405, 4, 'HEAD, GET'])
  })

  test('is 501 for administration at a server without any', async () => {
    const json = { 'content-type': 'application/json' }
    for (const [method, path] of [
      ['PUT', `/api/handles/${PUMP}`],
      ['DELETE', `/api/handles/${PUMP}`],
      ['GET', '/api/handles?prefix=0.NA/88.118.8'],
      ['GET', '/api/prefixes'],
      ['POST', '/api/sessions'],
      ['GET', '/api/site'],
    ] as const) {
      const { status, json: body } = await node.ask(path, { method, headers: { ...OVER_TLS, ...json } })
      expect([path, status, body.responseCode]).toEqual([path, 501, 5])
    }
  })
})

test('nothing of all this was a fault of the node', () => {
  expect(node.failures).toEqual([])
})
