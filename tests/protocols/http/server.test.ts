import net from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { NodeError } from '../../../src/platform/errors.js'
import { authenticator } from '../../../src/protocols/http/authenticate.js'
import { streamBody } from '../../../src/protocols/http/body-deadline.js'
import { operations } from '../../../src/protocols/http/operations.js'
import { statusOf, titleOf } from '../../../src/protocols/http/problem.js'
import { problemPages } from '../../../src/protocols/http/problem-pages.js'
import { type Failure, httpServer } from '../../../src/protocols/http/server.js'
import { parseAnswer, sendRaw } from './raw-socket.js'

const BODY_TIMEOUT_MS = 1_000
const failures: Failure[] = []
const statuses: number[] = []
const app = httpServer({
  bodyTimeoutMs: BODY_TIMEOUT_MS,
  observe: (status) => statuses.push(status),
  onFailure: (failure) => failures.push(failure),
})
let url = ''
let ready = true

beforeAll(async () => {
  const authenticate = authenticator((key) =>
    key === 'jx_good' ? { kind: 'administrator', apiKeyId: 'a' } : undefined,
  )
  problemPages(app)
  operations(app, {
    readiness: () => ({
      ready,
      parts: {
        database: { kind: 'embedded', reachable: ready, version: '18.4' },
        redis: { kind: 'none', up: false },
        feed: { fresh: ready, ageMs: 3 },
        handle: { port: null, httpPort: null },
      },
    }),
    metrics: { text: async () => '# nothing\n', contentType: 'text/plain; version=0.0.4; charset=utf-8' },
  })
  app.post('/echo', async (request) => ({ body: request.body ?? null }))
  app.put('/echo', async (request) => ({ body: request.body ?? null }))
  app.get('/fails', () => {
    throw new Error('select * from secret where password = 1')
  })
  app.get('/busy', () => {
    throw new NodeError('overloaded', 'Busy.', { retryAfterSeconds: 7 })
  })
  app.get('/who', async (request) => authenticate(request))
  app.get('/named/:name', async (request) => request.params)
  app.register(async (scope) => {
    scope.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload))
    scope.post('/upload', { onRequest: async (request) => streamBody(request, 2_000) }, async (request) => {
      let octets = 0
      for await (const chunk of request.body as AsyncIterable<Buffer>) octets += chunk.length
      return { octets }
    })
  })
  app.answerEarly((request, response, { observe }) => {
    if (request.url !== '/early') return false
    response.end('early')
    observe(200)
    return true
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  url = app.listeningOrigin
})
afterAll(() => app.close())

test.each([
  ['/nowhere', { method: 'GET' }, 404, 'not-found'],
  ['/nowhere', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }, 404, 'not-found'],
  ['/echo', { method: 'GET' }, 405, 'method-not-allowed'],
  ['/echo', { method: 'OPTIONS' }, 405, 'method-not-allowed'],
  ['/echo', { method: 'POST', body: 'x', headers: { 'content-type': 'image/png' } }, 415, 'media-type-unsupported'],
  ['/echo', { method: 'POST', body: 'x', headers: { 'content-type': 'not a type' } }, 415, 'media-type-unsupported'],
  [
    '/echo',
    { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } },
    415,
    'media-type-unsupported',
  ],
  [
    '/echo',
    { method: 'POST', body: '{"a":1,}', headers: { 'content-type': 'application/json' } },
    400,
    'request-malformed',
  ],
  ['/named/%zz', { method: 'GET' }, 400, 'request-malformed'],
  [`/named/${'n'.repeat(5_000)}`, { method: 'GET' }, 414, 'address-too-long'],
  ['/fails', { method: 'GET' }, 500, 'internal'],
  ['/busy', { method: 'GET' }, 503, 'overloaded'],
  ['/who', { method: 'GET', headers: { authorization: 'Bearer jx_bad' } }, 401, 'not-authenticated'],
  ['/who', { method: 'GET', headers: { authorization: 'Basic eDp5' } }, 401, 'not-authenticated'],
  ['/problems/no-such', { method: 'GET' }, 404, 'not-found'],
] as const)('%s %o is a problem document with %i', async (path, init, status, code) => {
  const answer = await fetch(`${url}${path}`, init)
  const text = await answer.text()
  expect(answer.status).toBe(status)
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  expect(answer.headers.get('x-request-id')).toMatch(/^[\w-]{5,}$/)
  expect(JSON.parse(text)).toMatchObject({
    type: `/problems/${code}`,
    title: titleOf[code],
    status,
    instance: path.length < 1_024 ? path : expect.stringMatching(/…$/),
    code,
    detail: expect.stringMatching(/\w/),
  })
  expect(text).not.toMatch(/select|\.ts|\.js|at \w+ \(|FST_ERR/)
})

test('405 lists what the address takes, 503 says when to return, 401 how to authenticate', async () => {
  expect((await fetch(`${url}/echo`)).headers.get('allow')).toBe('POST, PUT')
  expect((await fetch(`${url}/busy`)).headers.get('retry-after')).toBe('7')
  const refused = await fetch(`${url}/who`, { headers: { authorization: 'Bearer nobody' } })
  expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="jiexi"')
  const known = await fetch(`${url}/who`, { headers: { authorization: 'bearer jx_good' } })
  expect(await known.json()).toMatchObject({ kind: 'administrator' })
  expect(await (await fetch(`${url}/who`)).json()).toEqual({ kind: 'anonymous' })
})

test('an internal error goes to the operator with the request id the client sees', async () => {
  const answer = await fetch(`${url}/fails?secret=1`, { headers: { 'x-request-id': 'trace-42' } })
  expect(answer.headers.get('x-request-id')).toBe('trace-42')
  const failure = failures.find((one) => one.requestId === 'trace-42')
  expect(failure).toMatchObject({
    method: 'GET',
    path: '/fails',
    error: { message: expect.stringContaining('select') },
  })
})

test('a request id that could break a log line is replaced', async () => {
  for (const evil of ['a b', '<script>', 'x'.repeat(200)]) {
    const answer = await fetch(`${url}/nowhere`, { headers: { 'x-request-id': evil } })
    expect(answer.headers.get('x-request-id')).toMatch(/^[\da-f]{10}-\w+$/)
  }
})

test('10 MB of JSON is refused with a problem document that the client can read', async () => {
  const body = JSON.stringify({ name: 'x'.repeat(10_000_000) })
  const answer = await fetch(`${url}/echo`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  expect(answer.status).toBe(413)
  expect(await answer.json()).toMatchObject({ code: 'too-large' })
  const chunked = await fetch(`${url}/echo`, {
    method: 'POST',
    body: new Blob([body]).stream(),
    duplex: 'half',
    headers: { 'content-type': 'application/json' },
  } as RequestInit)
  expect(chunked.status).toBe(413)
})

test('an empty body is no body, whatever its type', async () => {
  const answer = await fetch(`${url}/echo`, {
    method: 'POST',
    body: '',
    headers: { 'content-type': 'application/json' },
  })
  expect(await answer.json()).toEqual({ body: null })
})

test.each([
  [
    'both lengths',
    'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG',
    400,
  ],
  ['two lengths', 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 400],
  ['a folded header', 'GET /livez HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\nTransfer-Encoding : chunked\r\n\r\n', 400],
  ['a space before the colon', 'GET /livez HTTP/1.1\r\nHost : a\r\n\r\n', 400],
  ['no such method', 'BREW /livez HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00', 400],
  ['no host', 'GET /livez HTTP/1.1\r\n\r\n', 400],
  ['a header of 20 KB', `GET /livez HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
])('%s is refused with a problem document', async (_what, octets, status) => {
  const answer = parseAnswer(await sendRaw(url, octets))
  expect(answer.status).toBe(status)
  expect(answer.headers['content-type']).toBe('application/problem+json')
  expect(JSON.parse(answer.body)).toMatchObject({ status })
})

test('a body that drips in is cut off with 408, a streaming route may take its time', async () => {
  const head = 'Host: a\r\nContent-Length: 100\r\nContent-Type: '
  const slow = await sendRaw(url, `POST /echo HTTP/1.1\r\n${head}application/json\r\n\r\n{"a`, 30_000)
  const cutOff = parseAnswer(slow)
  expect(cutOff).toMatchObject({ status: 408, headers: { connection: 'close' } })
  expect(JSON.parse(cutOff.body).detail).toMatch(/128 KiB.*smaller parts/)

  const answer = await fetch(`${url}/upload`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: dripping(4, BODY_TIMEOUT_MS / 2),
    duplex: 'half',
  } as RequestInit)
  expect(await answer.json()).toEqual({ octets: 4 })
})

test('a long body earns its time as it arrives; one that falls silent half-way is cut off', async () => {
  const post = (chunks: number, pauseAfter: number) =>
    fetch(`${url}/echo`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: paced({ chunks, pauseAfter }),
      duplex: 'half',
    } as RequestInit)
  const started = performance.now()
  expect((await post(8, Number.POSITIVE_INFINITY)).status).toBe(200)
  expect(performance.now() - started).toBeGreaterThan(2 * BODY_TIMEOUT_MS)
  expect((await post(8, 2)).status).toBe(408)
})

test('a streaming route whose client falls silent is cut off too', async () => {
  const started = performance.now()
  const head = 'Host: a\r\nContent-Length: 100\r\nContent-Type: application/octet-stream'
  await sendRaw(url, `POST /upload HTTP/1.1\r\n${head}\r\n\r\nabc`, 30_000)
  expect(performance.now() - started).toBeLessThan(20_000)
})

test('header fields that never end are cut off with 408', async () => {
  const started = performance.now()
  const octets = await sendRaw(url, 'GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow', 30_000)
  expect(parseAnswer(octets)).toMatchObject({ status: 408, headers: { 'content-type': 'application/problem+json' } })
  expect(performance.now() - started).toBeLessThan(20_000)
})

test('beyond the bound on connections the next one is closed at once', async () => {
  const small = httpServer({ maxConnections: 1 })
  await small.listen({ port: 0, host: '127.0.0.1' })
  const first = net.connect(Number(new URL(small.listeningOrigin).port), '127.0.0.1')
  await expect.poll(() => connectionsOf(small)).toBe(1)
  expect(await sendRaw(small.listeningOrigin, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n').catch(() => '')).toBe('')
  first.destroy()
  await small.close()
})

test('a request under way is answered while the server closes', async () => {
  const closing = httpServer()
  let started: () => void = () => undefined
  const begun = new Promise<void>((resolve) => {
    started = resolve
  })
  closing.get('/slow', async () => {
    started()
    await new Promise((resolve) => setTimeout(resolve, 200))
    return { done: true }
  })
  await closing.listen({ port: 0, host: '127.0.0.1' })
  const answer = fetch(`${closing.listeningOrigin}/slow`)
  await begun
  const closed = closing.close()
  expect(await (await answer).json()).toEqual({ done: true })
  await closed
})

test('every problem has a page that explains it', async () => {
  for (const code of Object.keys(statusOf)) {
    const answer = await fetch(`${url}/problems/${code}`)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(await answer.text()).toContain('What to do')
  }
  expect(await (await fetch(`${url}/problems`)).text()).toContain('identifier-withdrawn')
})

test('readiness tells its parts, and 503 when look-ups cannot be answered', async () => {
  expect(await (await fetch(`${url}/livez`)).json()).toEqual({ status: 'ok' })
  expect((await fetch(`${url}/metrics`)).headers.get('content-type')).toContain('version=0.0.4')
  const good = await fetch(`${url}/readyz`)
  expect(await good.json()).toMatchObject({ status: 'ok', redis: { kind: 'none' }, database: { kind: 'embedded' } })
  ready = false
  const bad = await fetch(`${url}/readyz`)
  ready = true
  expect(bad.status).toBe(503)
  expect(await bad.json()).toMatchObject({ status: 'not-ready', feed: { fresh: false } })
})

test('a door may answer before routing, and every status is observed', async () => {
  statuses.length = 0
  expect(await (await fetch(`${url}/early`)).text()).toBe('early')
  await fetch(`${url}/nowhere`)
  await expect.poll(() => statuses).toEqual([200, 404])
})

function connectionsOf(server: typeof app): Promise<number> {
  return new Promise((resolve, reject) =>
    server.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  )
}

/** A JSON string in chunks of 64 KiB, three a second; silent for seconds after so many. */
function paced({ chunks, pauseAfter }: { chunks: number; pauseAfter: number }): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, sent === pauseAfter ? 8_000 : 300))
      const edge = sent === 0 || sent === chunks - 1 ? '"' : 'x'
      controller.enqueue(Buffer.from(sent === 0 ? edge + 'x'.repeat(65_535) : 'x'.repeat(65_535) + edge))
      sent += 1
      if (sent === chunks) controller.close()
    },
  })
}

function dripping(count: number, everyMs: number): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, everyMs))
      controller.enqueue(Buffer.from('x'))
      count -= 1
      if (count === 0) controller.close()
    },
  })
}
