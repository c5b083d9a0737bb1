import http from 'node:http'
import type { AddressInfo } from 'node:net'
import zlib from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { AddressGuard, parseAllowedNetwork } from '../../src/platform/address-guard.js'
import { getGuarded } from '../../src/platform/guarded-http.js'

const MIB = 2 ** 20
const cleanUps: (() => unknown)[] = []
afterEach(() => {
  for (let cleanUp = cleanUps.pop(); cleanUp; cleanUp = cleanUps.pop()) cleanUp()
})

const guard = new AddressGuard({ allowed: [parseAllowedNetwork('127.0.0.1:1-65535')] })
const ask = (url: string, more: Partial<Parameters<typeof getGuarded>[0]> = {}) =>
  getGuarded({ url, guard, timeoutMs: 20_000, maxBytes: MIB, ...more })

test.each([
  ['gzip', zlib.gzipSync('水泵')],
  ['x-gzip', zlib.gzipSync('水泵')],
  ['deflate', zlib.deflateSync('水泵')],
  ['br', zlib.brotliCompressSync('水泵')],
  ['deflate, gzip', zlib.gzipSync(zlib.deflateSync('水泵'))],
  ['identity', Buffer.from('水泵')],
])('a body of content encoding %s is decoded', async (encoding, body) => {
  const url = await serve((_request, response) => response.writeHead(200, { 'content-encoding': encoding }).end(body))
  expect((await ask(url)).body.toString()).toBe('水泵')
})

test.each([
  ['gzip', zlib.gzipSync(Buffer.alloc(64 * MIB)), 'too-large'],
  [
    'br',
    zlib.brotliCompressSync(Buffer.alloc(64 * MIB), { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }),
    'too-large',
  ],
  ['gzip, gzip', zlib.gzipSync(zlib.gzipSync(Buffer.alloc(64 * MIB))), 'too-large'],
  ['gzip, gzip, gzip', zlib.gzipSync(zlib.gzipSync(zlib.gzipSync('a'))), 'authority-unavailable'],
  ['gzip', Buffer.from('no gzip at all'), 'authority-unavailable'],
  ['constructor', Buffer.from('a'), 'authority-unavailable'],
  ['zstd', Buffer.from('a'), 'authority-unavailable'],
])('a body of %s that is a bomb, a nest or none is refused', async (encoding, body, code) => {
  const url = await serve((_request, response) => response.writeHead(200, { 'content-encoding': encoding }).end(body))
  await expect(ask(url)).rejects.toMatchObject({ code })
})

test('an answer of 64 MB is given up at its bound', async () => {
  let sent = 0
  const url = await serve((_request, response) => {
    response.writeHead(200)
    const piece = Buffer.alloc(65_536)
    const more = () => {
      while (sent < 64 * MIB && !response.destroyed) {
        sent += piece.length
        if (!response.write(piece)) return void response.once('drain', more)
      }
      response.end()
    }
    more()
  })
  await expect(ask(url)).rejects.toMatchObject({ code: 'too-large' })
  expect(sent).toBeLessThan(16 * MIB)
})

test('one octet a second is given up in time', async () => {
  const url = await serve((_request, response) => {
    response.writeHead(200)
    response.write('a')
    const drip = setInterval(() => response.write('a'), 1_000)
    response.on('close', () => clearInterval(drip))
  })
  await expect(ask(url, { timeoutMs: 200 })).rejects.toMatchObject({
    code: 'authority-unavailable',
    message: expect.stringContaining('no answer within'),
  })
})

test('a few redirects are followed, and no more; a circle is seen at once', async () => {
  let requests = 0
  const url = await serve(({ url: path }, response) => {
    requests += 1
    const step = Number(path!.slice(1))
    if (path === '/ring') response.writeHead(302, { location: '/ring' }).end()
    else if (step > 0) response.writeHead(302, { location: `/${step - 1}` }).end()
    else response.end('there')
  })
  expect((await ask(`${url}/2`)).body.toString()).toBe('there')
  await expect(ask(`${url}/3`)).rejects.toThrow('redirects too often')
  requests = 0
  await expect(ask(`${url}/ring`)).rejects.toThrow('redirects in a circle')
  expect(requests).toBe(1)
})

test('redirects do not make the time longer', async () => {
  const url = await serve(({ url: path }, response) => {
    setTimeout(() => response.writeHead(302, { location: `/${Number(path!.slice(1)) + 1}` }).end(), 150)
  })
  await expect(ask(`${url}/1`, { timeoutMs: 200 })).rejects.toThrow('no answer within')
})

test('credentials stay with whom they were given', async () => {
  const seen: (string | undefined)[] = []
  const other = await serve(({ headers }, response) => {
    seen.push(headers.authorization)
    response.end('b')
  })
  const first = await serve(({ headers, url: path }, response) => {
    seen.push(headers.authorization)
    response.writeHead(302, { location: path === '/0' ? '/1' : other }).end()
  })
  await ask(`${first}/0`, { headers: { Authorization: 'Bearer secret' } })
  expect(seen).toEqual(['Bearer secret', 'Bearer secret', undefined])
})

test('each sending is told, and can be forbidden', async () => {
  let left = 2
  const url = await serve((_request, response) => response.writeHead(302, { location: `/${left}` }).end())
  const onSend = () => {
    if (left-- === 0) throw new Error('no sendings left')
  }
  await expect(ask(url, { onSend, maxRedirects: 9 })).rejects.toThrow('no sendings left')
})

async function serve(listener: http.RequestListener): Promise<string> {
  const server = http.createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUps.push(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
