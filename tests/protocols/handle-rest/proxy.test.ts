/** The redirecting proxy: where it sends a browser, and where never. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BOUND_MS } from '../rest/rest-node.js'
import { type HandleReply, type HandleRestNode, handleRestNode } from './handle-rest-node.js'

const LOCATIONS = `<locations>
  <location id="0" href="https://cn.example.com/" country="cn" weight="0" />
  <location id="1" href="https://www1.example.com/" weight="1" />
  <location id="2" href="javascript:alert(1)" weight="1000000" />
</locations>`

let node: HandleRestNode
beforeAll(async () => {
  node = await handleRestNode(() => ({ countryHeader: 'X-Country' }))
  const url = (data: string, index = 1, type = 'URL') => ({ index, type, data })
  await node.put('88.118.8/plain', [
    url('https://www.example.com/pump?a=b'),
    url('https://second.example.com/', 2, 'URL.other'),
    { index: 3, type: 'EMAIL', data: 'a@x.example' },
    { index: 4, type: 'URL', data: 'https://hidden.example/', permissions: '1100' },
  ])
  await node.put('88.118.8/short', [{ index: 1, type: 'URL', data: 'https://x.example/', ttlSeconds: 0 }])
  await node.put('88.118.8/script', [url('javascript:alert(1)'), url('data:text/html,x', 2)])
  await node.put('88.118.8/script-and-link', [url('javascript:alert(1)'), url('https://good.example/', 2)])
  await node.put('88.118.8/lines', [url('https://x.example/a\r\nSet-Cookie: a=b')])
  await node.put('88.118.8/bare-host', [url('https://x.example')])
  await node.put('88.118.8/alias', [url('88.118.8/plain', 1, 'HS_ALIAS'), url('https://own.example/', 2)])
  await node.put('88.118.8/alias-2', [url('88.118.8/ALIAS', 1, 'HS_ALIAS')])
  await node.put('88.118.8/alias-abroad', [url('10.1045/may99 payette', 1, 'HS_ALIAS')])
  await node.put('88.118.8/alias-bad', [url('/x', 1, 'HS_ALIAS')])
  await node.put('88.118.8/alias-itself', [url('88.118.8/alias-itself', 1, 'HS_ALIAS')])
  for (let step = 0; step < 12; step++)
    await node.put(`88.118.8/chain-${step}`, [url(`88.118.8/chain-${step + 1}`, 1, 'HS_ALIAS')])
  await node.put('88.118.8/places', [url(LOCATIONS, 50, '10320/loc'), url('https://default.example/')])
  await node.put('88.118.8/broken-places', [url('<locations', 50, '10320/LOC'), url('https://default.example/')])
  await node.put('88.118.8/no-url', [{ index: 3, type: 'EMAIL', data: 'a@x.example' }])
  await node.put('88.118.8/gone', [url('https://x.example/')])
  await node.rest.ask('DELETE', '/v1/identifiers/88.118.8/gone?reason=broken', { key: node.rest.acmeKey })
})
afterAll(() => node?.close())

const where = async (path: string, headers = {}) => {
  const { status, headers: given } = await node.ask(path, { headers })
  return [status, given.location]
}

describe('a handle with an address', () => {
  test.each([
    ['as it is', '/88.118.8/plain'],
    ['in other letters', '/88.118.8/PLAIN'],
    ['as a URI', '/hdl:88.118.8/plain'],
    ['as a URI in capitals', '/HDL:88.118.8%2Fplain'],
    ['with an escaped slash', '/88.118.8%2Fplain'],
  ])('sends there: %s', async (_name, path) => {
    expect(await where(path)).toEqual([302, 'https://www.example.com/pump?a=b'])
  })

  test('gives the address as it was registered', async () => {
    expect(await where('/88.118.8/bare-host')).toEqual([302, 'https://x.example'])
  })

  test('may be kept for the bound of the freshness contract, and not for longer', async () => {
    const { headers } = await node.ask('/88.118.8/plain')
    const keptMs = Date.parse(String(headers.expires)) - Date.parse(String(headers.date))
    expect(keptMs).toBeGreaterThanOrEqual(0)
    expect(keptMs).toBeLessThanOrEqual(BOUND_MS + 1_000)
    expect(headers['cache-control']).toBe('max-age=1')
    expect((await node.ask('/88.118.8/short')).headers['cache-control']).toBe('no-cache')
  })

  test('sends to the value that is chosen', async () => {
    expect(await where('/88.118.8/plain?index=2')).toEqual([302, 'https://second.example.com/'])
    expect(await where('/88.118.8/plain?type=URL.other')).toEqual([302, 'https://second.example.com/'])
    expect(await where('/88.118.8/plain?index=3')).toEqual([200, undefined])
    expect(await where('/88.118.8/plain?index=4')).toEqual([200, undefined])
  })

  test('takes more behind it, as long as it is the same server', async () => {
    expect(await where('/88.118.8/plain?urlappend=%26c=d%23e')).toEqual([302, 'https://www.example.com/pump?a=b&c=d#e'])
    expect(await where('/88.118.8/bare-host?urlappend=/a')).toEqual([302, 'https://x.example/a'])
    for (const more of ['.evil.example/', '@evil.example/', ':8080/'])
      expect(await where(`/88.118.8/bare-host?urlappend=${more}`)).toEqual([400, undefined])
  })

  test('sends HEAD there too', async () => {
    const { status, headers, text } = await node.ask('/88.118.8/plain', { method: 'HEAD' })
    expect([status, headers.location, text]).toEqual([302, 'https://www.example.com/pump?a=b', ''])
  })

  test('is followed to where it leads now, at once', async () => {
    await node.put('88.118.8/moved', [{ index: 1, type: 'URL', data: 'https://one.example/' }])
    expect(await where('/88.118.8/moved')).toEqual([302, 'https://one.example/'])
    await node.put('88.118.8/moved', [{ index: 1, type: 'URL', data: 'https://two.example/' }])
    expect(await where('/88.118.8/moved')).toEqual([302, 'https://two.example/'])
  })
})

describe('nobody is sent', () => {
  test('to a script, or to another kind of address than a server’s', async () => {
    expect(await where('/88.118.8/script')).toEqual([200, undefined])
    expect(await where('/88.118.8/script-and-link')).toEqual([302, 'https://good.example/'])
  })

  test('a header of the record’s own', async () => {
    const { headers, status } = await node.ask('/88.118.8/lines')
    expect(status).toBe(302)
    expect(headers['set-cookie']).toBeUndefined()
    expect(String(headers.location)).toMatch(/^https:\/\/x\.example\/[\x21-\x7e]+$/)
  })
})

describe('an alias', () => {
  test('sends for good to the handle at the end of the chain, with what else was asked', async () => {
    expect(await where('/88.118.8/alias')).toEqual([301, '/88.118.8/plain'])
    expect(await where('/88.118.8/alias-2?index=2&urlappend=%2Fa')).toEqual([
      301,
      '/88.118.8/plain?index=2&urlappend=%2Fa',
    ])
    expect(await where('/88.118.8/alias-abroad')).toEqual([301, '/10.1045/may99%20payette'])
  })

  test('is not kept for longer than a redirect to an address', async () => {
    expect((await node.ask('/88.118.8/alias')).headers).toMatchObject({ 'cache-control': 'max-age=1' })
  })

  test('can be passed over', async () => {
    expect(await where('/88.118.8/alias?ignore_aliases')).toEqual([302, 'https://own.example/'])
    const { status, text } = await node.ask('/88.118.8/alias-2?ignore_aliases')
    expect(status).toBe(200)
    expect(text).toContain('88.118.8/ALIAS')
  })

  test('that leads nowhere, or round and round, is said to', async () => {
    for (const handle of ['alias-bad', 'alias-itself', 'chain-0']) {
      const { status, headers, text } = await node.ask(`/88.118.8/${handle}`)
      expect([status, headers.location]).toEqual([404, undefined])
      expect(text).toContain('stands for')
    }
    // Within the bound.
    expect(await where('/88.118.8/chain-5')).toEqual([301, '/88.118.8/chain-12'])
  })
})

describe('several locations', () => {
  test('of which one is chosen, before the address', async () => {
    expect(await where('/88.118.8/places')).toEqual([302, 'https://www1.example.com/'])
    expect(await where('/88.118.8/places?locatt=id:0')).toEqual([302, 'https://cn.example.com/'])
    // What nobody is sent to is not chosen, even when it is asked for.
    expect(await where('/88.118.8/places?locatt=id:2')).toEqual([302, 'https://www1.example.com/'])
    expect(await where('/88.118.8/places?type=URL')).toEqual([302, 'https://default.example/'])
  })

  test('by the country that a trusted proxy tells, and nobody else', async () => {
    const told = { 'x-country': 'CN' }
    const throughProxy = { ...told, 'x-forwarded-for': '192.0.2.7' }
    expect(await where('/88.118.8/places', throughProxy)).toEqual([302, 'https://cn.example.com/'])
    expect(await where('/88.118.8/places', { ...throughProxy, 'x-country': 'CHN' })).toEqual([
      302,
      'https://www1.example.com/',
    ])
    expect(await where('/88.118.8/places', told)).toEqual([302, 'https://www1.example.com/'])
  })

  test('that can’t be read leave the address', async () => {
    expect(await where('/88.118.8/broken-places')).toEqual([302, 'https://default.example/'])
  })
})

describe('a page', () => {
  const isPage = ({ headers }: HandleReply) => {
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; style-src 'sha256-[\w+/=]+'; base-uri 'none'/,
    )
    expect(headers['content-security-policy']).not.toMatch(/unsafe|\*/)
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' })
  }

  test('shows the values that anybody may read', async () => {
    for (const path of ['/88.118.8/plain?noredirect', '/88.118.8/no-url', '/88.118.8/plain?noredirect=true']) {
      const reply = await node.ask(path)
      expect([reply.status, reply.headers.location]).toEqual([200, undefined])
      isPage(reply)
      expect(reply.text).toContain('a@x.example')
      expect(reply.text).not.toContain('hidden.example')
    }
    expect((await node.ask('/88.118.8/plain?noredirect=false')).status).toBe(302)
  })

  test.each([
    ['a handle that is not registered', '/88.118.8/None', 404, '88.118.8/None'],
    ['one that was withdrawn', '/88.118.8/gone', 404, 'broken'],
    ['one of another node', '/10.1045/may99-payette', 404, '10.1045'],
    ['what is no handle', '/%2Fx', 400, 'prefix'],
    ['broken escapes', '/88.118.8/%zz', 400, 'hexadecimal'],
    ['no UTF-8', '/88.118.8/%ff', 400, 'UTF-8'],
    ['a parameter that means nothing', '/88.118.8/plain?index=x', 400, 'index'],
  ])('says what is wrong with %s', async (_name, path, status, text) => {
    const reply = await node.ask(path)
    expect(reply.status).toBe(status)
    isPage(reply)
    expect(reply.text).toContain(text)
  })

  test('never holds markup of whoever asks', async () => {
    for (const path of [
      '/88.118.8/%3Cscript%3Ealert(1)%3C%2Fscript%3E',
      '/%3Cimg%20src=x%20onerror=alert(1)%3E/x',
      '/88.118.8/%22onmouseover=%22alert(1)',
      '/%3Cb%3E%zz',
    ]) {
      const reply = await node.ask(path)
      expect(reply.status).toBeGreaterThanOrEqual(400)
      isPage(reply)
      expect(reply.text).not.toMatch(/<script|<img|<b>|[^&]"onmouseover/)
    }
  })

  test('stands at the entrance', async () => {
    const reply = await node.ask('/')
    expect(reply.status).toBe(200)
    isPage(reply)
  })
})

test('nothing of all this was a fault of the node', () => {
  expect(node.failures).toEqual([])
})
