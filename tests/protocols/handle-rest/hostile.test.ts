/** Whatever comes to the Handle HTTP port, and whatever fails behind it: an answer in its own shape, and nothing told that is not to be. */
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/platform/clock.js'
import { NodeError } from '../../../src/platform/errors.js'
import { handleRestDoor } from '../../../src/protocols/handle-rest/door.js'
import { type Failure, httpServer } from '../../../src/protocols/http/server.js'
import type { Resolve } from '../../../src/resolution/resolve.js'
import { type AdministeredNode, AS_JSON, administeredNode, BY_PASSWORD, PREFIX } from './administered-node.js'
import { askHandle, type HandleReply, OVER_TLS } from './handle-rest-node.js'

describe('anything at all', () => {
  let node: AdministeredNode
  beforeAll(async () => {
    node = await administeredNode()
    await node.put('88.118.8/a', [{ index: 1, type: 'URL', data: 'https://x.example/' }])
  })
  afterAll(() => node?.close())

  const piece = fc.constantFrom(
    ...[
      'api',
      'handles',
      'sessions',
      'this',
      'site',
      'prefixes',
      'verifications',
      'hdl:',
      '0.NA',
      '88.118.8',
      '88.118.8/a',
      '..',
    ],
    ...[
      '300:0.NA/88.118.8',
      '%2F',
      '%00',
      '%zz',
      '%C0%AF',
      '%F0%9F%98%80',
      '<script>',
      "'--",
      '$%7Bjndi:ldap://x%7D',
      '//evil.example',
    ],
    ...['\\\\evil.example', 'a'.repeat(300), ';', '&', '=', '+', '__proto__', 'constructor'],
  )
  const path = fc.array(piece, { maxLength: 5 }).map((pieces) => `/${pieces.join('/')}`)
  const name = fc.constantFrom(
    ...[
      'type',
      'index',
      'auth',
      'publicOnly',
      'pretty',
      'callback',
      'overwrite',
      'mintNewSuffix',
      'prefix',
      'page',
      'pageSize',
    ],
    ...['noredirect', 'ignore_aliases', 'urlappend', 'locatt', '__proto__', ''],
  )
  const query = fc
    .array(fc.tuple(name, fc.oneof(piece, fc.constantFrom('', 'true', '1', '-1', '99999999999', 'various'))), {
      maxLength: 4,
    })
    .map((pairs) => pairs.map(([key, text]) => `${key}=${encodeURIComponent(text)}`).join('&'))
  const authorization = fc.oneof(
    fc.constantFrom(
      ...Object.values(BY_PASSWORD),
      'Basic',
      'Basic Og==',
      'Handle',
      'Handle sessionId="x"',
      'Handle clientCert="true"',
    ),
    fc.string({ unit: 'grapheme-ascii', maxLength: 60 }).map((text) => `Handle ${text}`),
    fc.base64String({ maxLength: 60 }).map((text) => `Basic ${text}`),
  )
  const body = fc.oneof(
    fc.constantFrom(
      '',
      '{',
      '[]',
      '{}',
      'null',
      '[[[[',
      '{"values":[{"index":1,"type":"URL","data":"x"}]}',
      'index=1&type=URL',
    ),
    fc.json(),
    fc.string({ unit: 'binary', maxLength: 50 }),
  )
  const mediaType = fc.constantFrom(
    'application/json',
    'application/x-www-form-urlencoded',
    'text/plain',
    'multipart/form-data',
    'x',
  )
  const method = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND')

  test('is answered in the API’s shape, or with a page, and is no fault of the node', async () => {
    const asked = fc.record({
      method,
      path,
      query,
      authorization: fc.option(authorization, { nil: undefined }),
      body,
      mediaType,
      isSecure: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(asked, async (one) => {
        const bare = ['GET', 'HEAD', 'OPTIONS'].includes(one.method)
        const reply = await node.ask(`${one.path}?${one.query}`, {
          method: one.method,
          headers: {
            ...(one.isSecure ? { ...OVER_TLS, 'x-forwarded-for': `192.0.2.${one.body.length % 250}` } : {}),
            ...(one.authorization === undefined ? {} : { authorization: one.authorization }),
            ...(bare ? {} : { 'content-type': one.mediaType, 'content-length': String(Buffer.byteLength(one.body)) }),
          },
          ...(bare ? {} : { body: one.body }),
        })
        if (one.path.startsWith('/api/') || one.path === '/api') isApiShaped(reply, one.method)
        else if (one.method === 'GET') isPageOrRedirect(reply)
        expect([500, 502, 504]).not.toContain(reply.status)
      }),
      { numRuns: 500 },
    )
    expect(node.failures).toEqual([])
    expect((await node.ask('/api/handles/88.118.8/a')).status).toBe(200)
  })

  test('that names members of JavaScript’s own in JSON changes nothing', async () => {
    for (const text of [
      '{"__proto__":{"values":[]}}',
      '{"constructor":{"prototype":{"x":1}},"values":[{"index":1,"type":"URL","data":"x"}]}',
      '{"values":[{"index":1,"type":"constructor","data":{"format":"toString","value":"x"}}]}',
    ])
      await node.askSecurely('/api/handles/88.118.8/own', {
        method: 'PUT',
        headers: { ...AS_JSON, ...BY_PASSWORD },
        body: text,
      })
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
    expect(node.failures).toEqual([])
  })

  test('that guesses other people’s sessions learns nothing of them', async () => {
    const reply = await node.askSecurely(`/api/handles/88.118.8/a?publicOnly=false`, {
      headers: { authorization: `Handle sessionId="${'A'.repeat(48)}"` },
    })
    expect(reply.status).toBe(401)
    expect(reply.text).not.toContain(PREFIX)
  })
})

describe('what fails behind the door', () => {
  const failures: Failure[] = []
  let app: FastifyInstance
  let failure: unknown
  beforeAll(async () => {
    const resolve: Resolve = () => {
      throw failure
    }
    app = httpServer()
    const onFailure = (one: Failure) => failures.push(one)
    handleRestDoor(app, { resolve, clock: systemClock, stalenessBoundMs: 1_000, onFailure })
    await app.listen({ port: 0, host: '127.0.0.1' })
  })
  afterAll(() => app?.close())

  test('as an authority that can’t be asked, is "too busy", to be asked again, and never "not found"', async () => {
    failure = new NodeError('authority-unavailable', 'The database does not answer.', { retryAfterSeconds: 2 })
    const api = await askHandle(app.listeningOrigin, '/api/handles/88.118.8/a')
    expect([api.status, api.json, api.headers['retry-after']]).toEqual([
      503,
      { responseCode: 3, message: 'The database does not answer.' },
      '2',
    ])
    const page = await askHandle(app.listeningOrigin, '/88.118.8/a')
    expect([page.status, page.headers['retry-after']]).toEqual([503, '2'])
    expect(page.text).toContain('The database does not answer.')
    expect(failures).toEqual([])
  })

  test('as a fault of the node, is told to its log alone', async () => {
    failure = new Error('select secret from api_key')
    for (const path of ['/api/handles/88.118.8/a?x=secret', '/88.118.8/a?x=secret']) {
      const { status, text, headers } = await askHandle(app.listeningOrigin, path)
      expect(status).toBe(500)
      expect(text).not.toMatch(/secret|select|\.ts|at /)
      expect(headers['cache-control']).toBe('no-store')
      const told = failures.pop()
      expect(told).toMatchObject({ error: failure, method: 'GET', path: path.split('?')[0] })
      expect(text).toContain(told!.requestId)
    }
  })
})

function isApiShaped({ status, text, headers }: HandleReply, method: string): void {
  expect(headers['access-control-allow-origin']).toBe('*')
  expect(headers['x-content-type-options']).toBe('nosniff')
  if (method === 'HEAD' || status === 204) return
  const script = String(headers['content-type']).startsWith('application/javascript')
  if (!script) expect(headers['content-type']).toBe('application/json;charset=UTF-8')
  const json = JSON.parse(script ? text.replace(/^\/\*\*\/[\w$]{1,128}\((.*)\);$/s, '$1') : text)
  if (status === 201 && json.sessionId !== undefined) return
  expect(Number.isInteger(json.responseCode)).toBe(true)
  expect(status < 400).toBe([1, 200].includes(json.responseCode) && status !== 400)
}

function isPageOrRedirect({ status, text, headers }: HandleReply): void {
  expect([200, 301, 302, 400, 404]).toContain(status)
  expect(headers['content-type']).toBe('text/html; charset=utf-8')
  expect(text).not.toContain('<script>')
  const location = headers.location
  if (location !== undefined) expect(String(location)).toMatch(/^(?:https:\/\/x\.example\/|\/(?!\/))/)
}
