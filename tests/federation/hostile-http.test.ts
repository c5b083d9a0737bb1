/** Nodes that are asked by their API, and are away, slow, broken or lying; what is right of them, and what of it counts. */
import http from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import zlib from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { freePort } from '../../src/platform/free-port.js'
import { encodeRecordMessage } from '../../src/protocols/protobuf/messages.js'
import { type IdentifierRecord, PUBLIC_VALUE } from '../../src/record/record.js'
import { LOOKUP_MS, readPassage } from '../../src/resolution/passage.js'
import { right as rightNative } from './right-native.js'
import { cleanUps, looking, OWN_PREFIX } from './set-up.js'

type Answering = (request: http.IncomingMessage, response: http.ServerResponse) => unknown

const RECORD: IdentifierRecord = {
  key: '88.1/x',
  spelling: '88.1/X',
  prefix: '88.1',
  version: 3,
  template: '',
  values: [{ ...PUBLIC_VALUE, index: 1, type: 'URL', data: 'https://example.com/x', timestampSeconds: 1_700_000_000 }],
  registeredAtMs: 1_700_000_000_000,
  recordedAtMs: 1_700_000_100_000,
}
const octetsOf = (record: IdentifierRecord) =>
  Buffer.from(encodeRecordMessage({ record, attributes: [], values: record.values }))
const HEAD = { 'content-type': 'application/x-protobuf', 'jiexi-version': '3', age: '0' }

const right: Answering = (_request, response) => response.writeHead(200, HEAD).end(octetsOf(RECORD))
const sending =
  (body: Buffer, head: http.OutgoingHttpHeaders = {}, status = 200): Answering =>
  (_request, response) =>
    response.writeHead(status, { ...HEAD, ...head }).end(body)
const changed = (change: Partial<IdentifierRecord>, head: http.OutgoingHttpHeaders = {}) =>
  sending(octetsOf({ ...RECORD, ...change }), head)
const problem = (status: number, code: string, more: object = {}, head: http.OutgoingHttpHeaders = {}): Answering =>
  sending(
    Buffer.from(JSON.stringify({ code, detail: 'as it says', ...more })),
    { 'content-type': 'application/problem+json', ...head },
    status,
  )
const redirect =
  (location: (own: string) => string): Answering =>
  (request, response) =>
    response.writeHead(302, { location: location(`http://${request.headers.host}`) }).end()

describe('a node that', () => {
  test.each<[string, Answering]>([
    ['resets connections', (request) => request.socket.resetAndDestroy()],
    ['is a black hole', () => undefined],
    ['says one octet a second', dripping],
    ['says garbage', (request) => request.socket.end(Buffer.alloc(5_000, 0xa5))],
    ['says garbage in a right head', sending(Buffer.alloc(5_000, 0xa5))],
    ['says 64 MB', (_request, response) => flood(response)],
    ['says a compression bomb', sending(zlib.gzipSync(Buffer.alloc(64 * 2 ** 20)), { 'content-encoding': 'gzip' })],
    [
      'compresses twice what bursts',
      sending(zlib.gzipSync(zlib.gzipSync(Buffer.alloc(64 * 2 ** 20))), { 'content-encoding': 'gzip, gzip' }),
    ],
    ['redirects in a circle', redirect((own) => `${own}/v1/identifiers/88.1%2Fx?values=all`)],
    ['redirects for ever', redirect((own) => `${own}/${Math.random()}`)],
    ['redirects to a file', redirect(() => 'file:///etc/passwd')],
    ['answers for another identifier', changed({ key: '88.1/y' })],
    ['answers for a sibling prefix', changed({ prefix: '88.2' })],
    ['answers for a prefix below', changed({ prefix: '88.1.1' })],
    ['has version 0', changed({ version: 0 }, { 'jiexi-version': '0' })],
    ['says another version in its head', changed({ version: 4 })],
    ['has values out of order', changed({ values: [...RECORD.values, ...RECORD.values] })],
    ['says HTML', sending(Buffer.from('<html>'), { 'content-type': 'text/html' })],
    ['has status 500', problem(500, 'internal')],
    ['has status 404 without a reason', sending(Buffer.from('not found'), { 'content-type': 'text/plain' }, 404)],
    ['has a reason that is no text', problem(404, { no: 'text' } as never)],
    ['says that it cannot ask', problem(503, 'authority-unavailable')],
    ['wants a key', problem(401, 'not-authenticated')],
    ['withdraws what had no version', problem(410, 'identifier-withdrawn', {}, { 'jiexi-version': '0' })],
  ])('%s could not be asked: nothing is absent by that, and local look-ups go on', async (_what, answering) => {
    const url = await serve(answering)
    const { ask, local } = looking({ JIEXI_PARENT: url })
    const startedMs = performance.now()
    await expect(ask('88.1/x')).rejects.toMatchObject({ code: 'authority-unavailable' })
    expect(performance.now() - startedMs).toBeLessThan(2 * LOOKUP_MS)

    expect(local()).toBe(0)
    expect(await ask(`${OWN_PREFIX}/x`)).toMatchObject({ kind: 'absent', tier: 'registry' })
  })

  test('is not there could not be asked', async () => {
    const { ask } = looking({ JIEXI_PARENT: `http://127.0.0.1:${await freePort()}` })
    await expect(ask('88.1/x')).rejects.toMatchObject({ code: 'authority-unavailable' })
  })

  test('lies is left alone after a few lies, and one that is busy is not', async () => {
    let requests = 0
    const counting =
      (answering: Answering): Answering =>
      (request, response) => {
        requests += 1
        answering(request, response)
      }
    const liar = looking({ JIEXI_PARENT: await serve(counting(changed({ key: '88.1/y' }))) })
    for (let count = 0; count < 10; count++) await liar.ask('88.1/x').catch(() => undefined)
    expect(requests).toBe(3)
    requests = 0
    const busy = looking({ JIEXI_PARENT: await serve(counting(problem(503, 'overloaded'))) })
    for (let count = 0; count < 10; count++) await busy.ask('88.1/x').catch(() => undefined)
    expect(requests).toBe(10)
    expect(liar.suspicions.length).toBe(1)
    expect(busy.suspicions).toEqual([])
  })
})

describe('a redirect to', () => {
  test.each([
    ...[
      '127.0.0.1',
      '2130706433',
      '0x7f000001',
      '017700000001',
      '127.1',
      '%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1',
      '127%E3%80%820.0.1',
    ],
    ...[
      '[::1]',
      '[::ffff:127.0.0.1]',
      '169.254.169.254',
      '2852039166',
      '[64:ff9b::7f00:1]',
      '[2002:7f00:1::]',
      'localhost',
    ],
  ])('%s is not followed', async (host) => {
    const canary = await canaries()
    const { ask } = looking({ JIEXI_PARENT: await serve(redirect(() => `http://${host}:${canary.port}/`)) })
    await expect(ask('88.1/x')).rejects.toMatchObject({ code: 'authority-unavailable' })
    expect(canary.seen()).toBe(0)
  })
})

describe('what it says rightly counts', () => {
  test('a record, with its version, template and age', async () => {
    const { ask } = looking({ JIEXI_PARENT: await serve(sending(octetsOf(RECORD), { age: '120' })) })
    const answer = await ask('88.1/x')
    expect(answer).toMatchObject({ kind: 'found', tier: 'upstream', version: 3, record: { spelling: '88.1/X' } })
    expect(Date.now() - answer.asOfMs!).toBeGreaterThanOrEqual(120_000)
  })

  test('whatever case its address is written in', async () => {
    const url = await serve(sending(octetsOf(RECORD)))
    const { ask } = looking({ JIEXI_PARENT: url.replace('http', 'HTTP') })
    expect(await ask('88.1/x')).toMatchObject({ kind: 'found', version: 3 })
  })

  test('a record compressed all the same', async () => {
    const { ask } = looking({
      JIEXI_PARENT: await serve(sending(zlib.gzipSync(octetsOf(RECORD)), { 'content-encoding': 'gzip' })),
    })
    expect(await ask('88.1/x')).toMatchObject({ kind: 'found' })
  })

  test('one that it marks stale stays so, and is not remembered for current', async () => {
    const stale = { 'jiexi-stale': 'authority-unavailable; asof=2026-11-01T00:00:00.000Z' }
    const { ask } = looking({ JIEXI_PARENT: await serve(sending(octetsOf(RECORD), stale)) })
    for (let count = 0; count < 2; count++)
      expect(await ask('88.1/x')).toMatchObject({ tier: 'upstream', stale: { asOfMs: Date.parse('2026-11-01') } })
  })

  test('that it was never registered, and that it was withdrawn', async () => {
    const absent = looking({
      JIEXI_PARENT: await serve(problem(404, 'identifier-absent', {}, { 'jiexi-version': '0' })),
    })
    expect(await absent.ask('88.1/x')).toMatchObject({ kind: 'absent', tier: 'upstream' })
    const detail = '88.1/x was withdrawn on 2026-11-01T00:00:00.000Z. Reason: worn out'
    const gone = looking({
      JIEXI_PARENT: await serve(problem(410, 'identifier-withdrawn', { detail }, { 'jiexi-version': '4' })),
    })
    expect(await gone.ask('88.1/x')).toMatchObject({
      kind: 'withdrawn',
      version: 4,
      withdrawnAtMs: Date.parse('2026-11-01'),
      reason: 'worn out',
    })
  })

  test('that nobody has the prefix, which is remembered for all below it', async () => {
    let requests = 0
    const url = await serve((request, response) => {
      requests += 1
      problem(404, 'prefix-not-served')(request, response)
    })
    const { ask } = looking({ JIEXI_PARENT: url })
    for (const identifier of ['99.1/a', '99.1/b', '99.1/a'])
      await expect(ask(identifier)).rejects.toMatchObject({ code: 'prefix-not-served' })
    expect(requests).toBe(1)
  })

  test('that nobody has the prefix that the record of a prefix is of, which is remembered for that prefix alone', async () => {
    const asked: string[] = []
    const url = await serve((request, response) => {
      asked.push(decodeURIComponent(request.url!.split('/').at(-1)!.split('?')[0]!))
      problem(404, 'prefix-not-served')(request, response)
    })
    const { ask } = looking({ JIEXI_PARENT: url })
    for (const identifier of ['0.NA/99.1', '0.NA/99.2', '0.NA/99.1', '99.1/a'])
      await expect(ask(identifier)).rejects.toMatchObject({ code: 'prefix-not-served' })
    expect(asked).toEqual(['0.na/99.1', '0.na/99.2'])
  })

  test('that a server of its holder answers, which is then asked, where that is allowed', async () => {
    const { site, port } = await rightNative()
    const url = await serve(problem(421, 'served-elsewhere', { referral: { prefix: '88.1', sites: [site] } }))
    const allowed = looking({ JIEXI_PARENT: url, JIEXI_PEER_NETWORKS: `parent=127.0.0.1:${port}` })
    expect(await allowed.ask('88.1/x')).toMatchObject({ kind: 'found' })
    const strict = looking({ JIEXI_PARENT: url })
    await expect(strict.ask('88.1/x')).rejects.toMatchObject({ code: 'authority-unavailable' })
    expect(strict.suspicions.length).toBe(1)
  })

  test('where it refers to is known for a while: it is asked again only when nobody is there', async () => {
    const { site, port } = await rightNative()
    let requests = 0
    let says = problem(421, 'served-elsewhere', { referral: { prefix: '88.1', sites: [site] } })
    const url = await serve((request, response) => {
      requests += 1
      says(request, response)
    })
    const { ask, steps } = looking({ JIEXI_PARENT: url, JIEXI_PEER_NETWORKS: `parent=127.0.0.1:${port}` })
    for (const identifier of ['88.1/a', '88.1/b', '88.1/c'])
      expect(await ask(identifier)).toMatchObject({ kind: 'found', key: identifier })
    expect(requests).toBe(1)
    expect(steps).toContainEqual(expect.objectContaining({ layer: 'route', outcome: '88.1: known' }))
    says = problem(404, 'prefix-not-served')
    await expect(ask('88.2/a')).rejects.toMatchObject({ code: 'prefix-not-served' })
    expect(await ask('88.1/d')).toMatchObject({ kind: 'found' })
    expect(requests).toBe(2)
  })

  test('a site that is too large to be kept is none', async () => {
    const { site, port } = await rightNative()
    const large = Buffer.concat([Buffer.from(site, 'base64'), Buffer.alloc(500_000)]).toString('base64')
    const url = await serve(problem(421, 'served-elsewhere', { referral: { prefix: '88.1', sites: [large] } }))
    const { ask } = looking({ JIEXI_PARENT: url, JIEXI_PEER_NETWORKS: `parent=127.0.0.1:${port}` })
    await expect(ask('88.1/x')).rejects.toThrow('status 421')
  })

  test('a referral for a prefix that is none of the identifier counts for nothing', async () => {
    const { site, port } = await rightNative()
    const url = await serve(problem(421, 'served-elsewhere', { referral: { prefix: '88.9', sites: [site] } }))
    const { ask, suspicions } = looking({ JIEXI_PARENT: url, JIEXI_PEER_NETWORKS: `parent=127.0.0.1:${port}` })
    await expect(ask('88.1/x')).rejects.toMatchObject({ code: 'authority-unavailable' })
    expect(suspicions.length).toBe(1)
  })
})

test('each request says what the look-up may still cost, and less the further it has come', async () => {
  const passages: ReturnType<typeof readPassage>[] = []
  const url = await serve((request, response) => {
    passages.push(readPassage(request.headers))
    right(request, response)
  })
  const { ask } = looking({ JIEXI_PARENT: url })
  await ask('88.1/x')
  await ask('88.1/x', { authoritative: true, passage: { via: ['there'], hopsLeft: 3, sendsLeft: 9, timeLeftMs: 700 } })
  expect(passages[0]).toMatchObject({ via: ['here'], hopsLeft: 7, sendsLeft: 15 })
  expect(passages[1]).toMatchObject({ via: ['there', 'here'], hopsLeft: 2, sendsLeft: 4 })
  expect(passages[1]!.timeLeftMs).toBeLessThanOrEqual(700)
  await expect(
    ask('88.1/y', {
      authoritative: true,
      passage: { via: ['here', 'there'], hopsLeft: 3, sendsLeft: 9, timeLeftMs: 700 },
    }),
  ).rejects.toThrow('circle')
  expect(passages.length).toBe(2)
})

test('a second address answers where the first keeps silent', async () => {
  const { ask } = looking({ JIEXI_PARENT: `${await serve(() => undefined)},${await serve(right)}` })
  expect(await ask('88.1/x')).toMatchObject({ kind: 'found' })
})

test('what becomes of the look-ups of others is the operator’s choice, by who asks', async () => {
  let requests = 0
  const url = await serve((request, response) => {
    requests += 1
    right(request, response)
  })
  const { ask, local } = looking({ JIEXI_PARENT: url, JIEXI_FOREIGN: 'public=refer,known=follow' })
  await ask('88.1/x')
  expect([local(), requests]).toEqual([1, 0])
  expect(await ask('88.1/x', { asker: 'known' })).toMatchObject({ kind: 'found', tier: 'upstream' })
  const refusing = looking({ JIEXI_PARENT: url, JIEXI_FOREIGN: 'refuse' })
  await expect(refusing.ask('88.1/x')).rejects.toMatchObject({ code: 'prefix-not-served', service: undefined })
  expect([refusing.local(), requests]).toEqual([0, 1])
})

test('no more than so many wait for others at once; the rest is told so, and local look-ups never wait', async () => {
  const { ask, local } = looking({ JIEXI_PARENT: await serve(() => undefined) })
  const waiting = Array.from({ length: 600 }, (_, count) =>
    ask(`88.1/x${count}`).catch((error) => error.code as string),
  )
  expect(await ask(`${OWN_PREFIX}/x`)).toMatchObject({ tier: 'registry' })
  expect(local()).toBe(1)
  const codes = await Promise.all(waiting)
  expect(codes.filter((code) => code === 'overloaded').length).toBeGreaterThanOrEqual(600 - 512)
  expect(new Set(codes)).toEqual(new Set(['overloaded', 'authority-unavailable']))
})

async function serve(answering: Answering): Promise<string> {
  const server = http.createServer(answering)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUps.push(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function dripping(_request: http.IncomingMessage, response: http.ServerResponse): void {
  response.writeHead(200, HEAD)
  response.write('\0')
  const drip = setInterval(() => response.write('\0'), 1_000)
  response.on('close', () => clearInterval(drip))
}

function flood(response: http.ServerResponse): void {
  response.writeHead(200, HEAD)
  const piece = Buffer.alloc(65_536)
  let left = 1_024
  const more = () => {
    while (left > 0 && !response.destroyed) {
      left -= 1
      if (!response.write(piece)) {
        response.once('drain', more)
        return
      }
    }
    response.end()
  }
  more()
}

async function canaries() {
  let seen = 0
  const listen = (host: string, port: number) =>
    new Promise<Server>((resolve, reject) => {
      const server = createServer((socket) => {
        seen += 1
        socket.destroy()
      })
      server.once('error', reject)
      server.listen(port, host, () => resolve(server))
    })
  const four = await listen('127.0.0.1', 0)
  const { port } = four.address() as AddressInfo
  const six = await listen('::1', port)
  cleanUps.push(() => {
    four.close()
    six.close()
  })
  return { port, seen: () => seen }
}
