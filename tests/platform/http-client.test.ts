import { createHash } from 'node:crypto'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { freePort } from '../../src/platform/free-port.js'
import { readJson, sendRequest } from '../../src/platform/http-client.js'
import { type SelfSigned, selfSigned } from '../support/self-signed.js'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (let cleanUp = cleanUps.pop(); cleanUp; cleanUp = cleanUps.pop()) await cleanUp()
})

test('JSON goes out and comes back, with status and headers', async () => {
  const url = await serve(async (request, response) => {
    const sent = JSON.parse((await bodyOf(request)).toString())
    response.writeHead(201, { 'x-twice': ['a', 'b'], 'content-type': 'application/json' })
    response.end(JSON.stringify({ sent, method: request.method, type: request.headers['content-type'] }))
  })
  const response = await sendRequest({ url, method: 'POST', json: { name: '水泵' } })

  expect(response).toMatchObject({ status: 201, headers: { 'x-twice': 'a, b' } })
  expect(readJson(response)).toEqual({ sent: { name: '水泵' }, method: 'POST', type: 'application/json' })
})

test.each([404, 500, 503, 302])('status %i is an answer, not an error, and no redirect is followed', async (status) => {
  const url = await serve((_request, response) => {
    response.writeHead(status, { location: 'http://127.0.0.1:1/elsewhere' }).end('{}')
  })
  expect((await sendRequest({ url })).status).toBe(status)
})

test('nothing listens: the error names the address and what to do', async () => {
  const url = `http://127.0.0.1:${await freePort()}`
  await expect(sendRequest({ url: `${url}/v1/whoami` })).rejects.toMatchObject({
    code: 'authority-unavailable',
    message: `${url}: nothing listens there. Is the node running (npm start), and is the address right?`,
  })
})

test('a host that does not exist is told', async () => {
  await expect(sendRequest({ url: 'http://no-such-host.invalid/' })).rejects.toMatchObject({
    code: 'authority-unavailable',
    message: expect.stringContaining('http://no-such-host.invalid: '),
  })
})

test.each(['localhost:8080', 'ftp://example.com', ''])('"%s" is no address', async (url) => {
  await expect(sendRequest({ url })).rejects.toMatchObject({ code: 'request-malformed' })
})

test('no answer within the time, in headers or in the body, is an error', async () => {
  const silent = await serve(() => undefined)
  const dripping = await serve((_request, response) => {
    response.writeHead(200)
    const drip = setInterval(() => response.write('.'), 10)
    response.on('close', () => clearInterval(drip))
  })
  for (const url of [silent, dripping]) {
    const expected = { code: 'authority-unavailable', message: `${url}: no answer within 0.1 s.` }
    await expect(sendRequest({ url, timeoutMs: 100 })).rejects.toMatchObject(expected)
  }
})

test('an answer beyond the bound is cut off', async () => {
  let isClosed = false
  const url = await serve((_request, response) => {
    response.on('close', () => {
      isClosed = true
    })
    const fill = () => {
      while (response.write(Buffer.alloc(65_536)));
    }
    response.on('drain', fill)
    fill()
  })
  await expect(sendRequest({ url, maxBytes: 1_000_000 })).rejects.toMatchObject({ code: 'too-large' })
  while (!isClosed) await delay(5)
})

test('a stream is sent as it comes, for longer than the bound as long as it moves', async () => {
  const url = await serve(async (request, response) => {
    const body = await bodyOf(request)
    response.end(JSON.stringify({ bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') }))
  })
  const pieces = Array.from({ length: 8 }, (_, index) => Buffer.alloc(100_000, index))
  async function* slowly() {
    for (const piece of pieces) {
      await delay(300)
      yield piece
    }
  }
  const response = await sendRequest({ url, method: 'PATCH', content: slowly(), timeoutMs: 2_000 })
  const sha256 = createHash('sha256').update(Buffer.concat(pieces)).digest('hex')
  expect(readJson(response)).toEqual({ bytes: 800_000, sha256 })
})

test('a stream that stalls is given up', async () => {
  const url = await serve(async (request) => void (await bodyOf(request).catch(() => undefined)))
  async function* stalling() {
    yield Buffer.from('begin')
    await delay(60_000, undefined, { ref: false })
    yield Buffer.from('never')
  }
  await expect(sendRequest({ url, method: 'PUT', content: stalling(), timeoutMs: 100 })).rejects.toMatchObject({
    code: 'authority-unavailable',
  })
})

test("a stream's own failure is told as it is", async () => {
  const url = await serve(async (request) => void (await bodyOf(request).catch(() => undefined)))
  async function* failing() {
    yield Buffer.from('begin')
    throw new Error('the file is gone')
  }
  await expect(sendRequest({ url, method: 'PUT', content: failing() })).rejects.toThrow('the file is gone')
})

test('a caller who gives up gets its own reason', async () => {
  const url = await serve(() => undefined)
  const reason = new Error('the user pressed Ctrl-C')
  await expect(sendRequest({ url, signal: AbortSignal.timeout(20) })).rejects.toMatchObject({ name: 'TimeoutError' })
  await expect(sendRequest({ url, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
})

test.each(['', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ncut', 'SSH-2.0-OpenSSH\r\n'])(
  'a peer that is cut off or speaks no HTTP (%j) is an error that names it',
  async (bytes) => {
    const server = net.createServer((socket) => socket.once('data', () => socket.end(bytes)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    cleanUps.push(() => server.close())
    const url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`
    const expected = { code: 'authority-unavailable', message: expect.stringContaining(url) }
    await expect(sendRequest({ url })).rejects.toMatchObject(expected)
  },
)

describe('over TLS', () => {
  const own = selfSigned([['CN', 'elsewhere.example']])
  const other = selfSigned([['CN', 'localhost']])

  test('a certificate that nobody vouches for is refused, and told of', async () => {
    const url = await serveTls(own)
    await expect(sendRequest({ url })).rejects.toMatchObject({
      code: 'authority-unavailable',
      message: expect.stringContaining('not signed by an authority'),
    })
  })

  test('a certificate of the key that the caller knows is good, whatever its name; one of another key is not', async () => {
    const url = await serveTls(own)
    const trust = { publicKey: own.publicKey }
    for (let time = 0; time < 3; time++) expect((await sendRequest({ url, trust })).status).toBe(200)
    await expect(sendRequest({ url, trust: { publicKey: other.publicKey } })).rejects.toMatchObject({
      code: 'authority-unavailable',
      message: expect.stringContaining('neither of the key of this server nor signed'),
    })
  })

  test('an authority of the caller’s own is believed, for the name that it vouches for', async () => {
    const url = await serveTls(other)
    const trust = { authorities: other.cert }
    expect((await sendRequest({ url: url.replace('127.0.0.1', 'localhost'), trust })).status).toBe(200)
    await expect(sendRequest({ url, trust })).rejects.toMatchObject({
      message: expect.stringContaining('another name'),
    })
    // An authority is as good as the key.
    const either = { authorities: other.cert, publicKey: own.publicKey }
    expect((await sendRequest({ url: url.replace('127.0.0.1', 'localhost'), trust: either })).status).toBe(200)
  })
})

test('an answer that is no JSON is told with its type', () => {
  const response = { status: 502, headers: { 'content-type': 'text/html' }, body: Buffer.from('<html>') }
  expect(() => readJson(response)).toThrow('The answer (status 502, text/html) is not JSON.')
})

async function serve(answer: http.RequestListener): Promise<string> {
  const server = http.createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUps.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`
}

async function serveTls({ key, cert }: SelfSigned): Promise<string> {
  const server = https.createServer({ key, cert }, (_request, response) => response.end('{}'))
  // Both families, since `localhost` may be either.
  await new Promise<void>((resolve) => server.listen(0, resolve))
  cleanUps.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `https://127.0.0.1:${(server.address() as net.AddressInfo).port}`
}

async function bodyOf(request: http.IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await request.toArray())
}
