/** Canaries listen on 127.0.0.1 and ::1: whatever the spelling and the way it comes, nobody may ever connect to them. */
import http from 'node:http'
import { type AddressInfo, createServer, type LookupFunction, type Server } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AddressGuard, parseAllowedNetwork } from '../../src/platform/address-guard.js'
import { getGuarded } from '../../src/platform/guarded-http.js'

const LOOPBACK = [
  ...['127.0.0.1', '127.1', '127.0.1', '127.0.0.1.', '127.255.255.254', '0', '0.0.0.0'],
  ...[
    '2130706433',
    '0x7f000001',
    '0X7F000001',
    '017700000001',
    '0x7f.1',
    '0177.0.0.1',
    '0x7f.0x0.0x0.0x1',
    '00000177.0.0.1',
  ],
  ...['127.0x1', '0177.1', '0x7f.0.0.0x1', '127.0.0.1\u00ad', '127.0.0.1\u200b'],
  ...['１２７.０.０.１', '１２７．０．０．１', '127。0。0。1', '127｡0｡0｡1', '①②⑦.⓪.⓪.①', '0ｘ7f000001'],
  ...['[::1]', '[0:0:0:0:0:0:0:1]', '[::]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[0:0:0:0:0:ffff:127.0.0.1]'],
  ...['[::127.0.0.1]', '[::ffff:0:127.0.0.1]', '[64:ff9b::7f00:1]', '[64:ff9b::127.0.0.1]', '[2002:7f00:1::]'],
  ...['[2001:0:7f00:1::]', '[::1%lo]', '::1%lo', '::1'],
]
const OTHERS = [
  ...['10.1.2.3', '100.64.0.1', '169.254.169.254', '2852039166', '0xa9fea9fe', '0251.0376.0251.0376', '172.16.0.1'],
  ...[
    '172.31.255.255',
    '192.0.0.8',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
  ],
  ...[
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '[fd00::1]',
    '[fc00::1]',
    '[fe80::1]',
    '[fe80::1%eth0]',
  ],
  ...[
    '[fec0::1]',
    '[ff02::1]',
    '[100::1]',
    '[2001:db8::1]',
    '[3fff::1]',
    '[5f00::1]',
    '[::ffff:169.254.169.254]',
    '[2002:a9fe:a9fe::]',
  ],
]
const ALL = [...LOOPBACK, ...OTHERS]

interface Canaries {
  readonly port: number
  readonly seen: () => number
  close(): void
}

let canaries: Canaries
let redirector: http.Server
let target = ''

beforeAll(async () => {
  canaries = await listenOnBoth()
  redirector = http.createServer((_request, response) => response.writeHead(302, { location: target }).end())
  await new Promise<void>((resolve) => redirector.listen(0, '127.0.0.1', resolve))
})

afterAll(() => {
  canaries.close()
  redirector.close()
})

const ask = (url: string, guard: AddressGuard) => getGuarded({ url, guard, timeoutMs: 20_000, maxBytes: 1_000 })

describe('what is forbidden is never connected to', () => {
  test('there are enough spellings', () => expect(ALL.length).toBeGreaterThan(60))

  test.each(ALL)('asked for directly: %s', async (host) => {
    const guard = new AddressGuard({})
    expect(guard.refusalOf(host, canaries.port)).toBeDefined()
    expect(guard.literalRefusal(host, canaries.port)).toBeDefined()
    await expect(ask(`http://${host}:${canaries.port}/`, guard)).rejects.toMatchObject({
      code: expect.stringMatching(/^(not-permitted|request-malformed)$/),
    })
    expect(canaries.seen()).toBe(0)
  })

  test.each(ALL)('by a redirect of a node that may be asked: %s', async (host) => {
    // A header has no other way to say what is not ASCII.
    target = `http://${host.replace(/[^ -~]/gu, encodeURIComponent)}:${canaries.port}/`
    const { port } = redirector.address() as AddressInfo
    const guard = new AddressGuard({ allowed: [parseAllowedNetwork(`127.0.0.1/32:${port}`)] })
    await expect(ask(`http://127.0.0.1:${port}/`, guard)).rejects.toMatchObject({
      code: expect.stringMatching(/^(not-permitted|authority-unavailable)$/),
    })
    expect(canaries.seen()).toBe(0)
  })

  test.each([
    ['127.0.0.1'],
    ['::1'],
    ['::ffff:127.0.0.1'],
    ['169.254.169.254'],
    ['fe80::1%1'],
    ['8.8.8.8', '127.0.0.1'],
    ['2606:4700::1111', '::1'],
  ])('by a name that stands for %s %s', async (...addresses) => {
    const guard = new AddressGuard({ lookup: naming(addresses) })
    await expect(ask(`http://peer.example:${canaries.port}/`, guard)).rejects.toMatchObject({ code: 'not-permitted' })
    expect(canaries.seen()).toBe(0)
  })

  test.each(['localhost', 'localhost.', 'LOCALHOST'])('by a name of the machine itself: %s', async (host) => {
    await expect(ask(`http://${host}:${canaries.port}/`, new AddressGuard({}))).rejects.toMatchObject({
      code: expect.stringMatching(/^(not-permitted|authority-unavailable)$/),
    })
    expect(canaries.seen()).toBe(0)
  })

  test.each([
    'http://127.0.0.1@peer.example/',
    'http://peer.example#@127.0.0.1/',
    'file:///etc/passwd',
    'ftp://8.8.8.8/',
  ])('by a redirect that hides where it goes: %s', async (location) => {
    target = location
    const { port } = redirector.address() as AddressInfo
    const lookup = naming(['127.0.0.1'])
    const guard = new AddressGuard({ lookup, allowed: [parseAllowedNetwork(`127.0.0.1:${port}`)] })
    await expect(ask(`http://127.0.0.1:${port}/`, guard)).rejects.toThrow()
    expect(canaries.seen()).toBe(0)
  })
})

test("the machine's own addresses are forbidden too, public as they may be", () => {
  const guard = new AddressGuard({ ownAddresses: () => ['8.8.4.4', '2606:4700::2'] })
  expect(guard.refusalOf('8.8.4.4', 80)).toContain('own address')
  expect(guard.refusalOf('[2606:4700:0::2]', 80)).toContain('own address')
  expect(guard.refusalOf('8.8.8.8', 80)).toBeUndefined()
})

test('public addresses and names may be asked', () => {
  const guard = new AddressGuard({})
  for (const host of ['8.8.8.8', '1.1.1.1', '[2606:4700::1111]', '2606:4700::1111', 'peer.example', 'xn--fiqs8s'])
    expect(guard.refusalOf(host, 443)).toBeUndefined()
})

test.each([
  '',
  'a b',
  'a/b',
  'a@b',
  'peer.example:80',
  'peer.example／x',
  '[peer.example]',
  '256.1.1.1',
  'a'.repeat(300),
])('"%s" is no host', (host) => expect(new AddressGuard({}).refusalOf(host, 80)).toContain('neither'))

describe('an allowed network', () => {
  test('is allowed at its ports, for the guard that was given it', async () => {
    const own = await listenOnBoth()
    const answered = http.createServer((_request, response) => response.end('here'))
    await new Promise<void>((resolve) => answered.listen(0, '127.0.0.1', resolve))
    const { port } = answered.address() as AddressInfo
    const allowing = (text: string) => new AddressGuard({ allowed: [parseAllowedNetwork(text)] })

    expect((await ask(`http://127.0.0.1:${port}/`, allowing(`127.0.0.0/8:${port}`))).body.toString()).toBe('here')
    expect((await ask(`http://localhost:${port}/`, withLookup(['127.0.0.1'], `127.0.0.1:${port}`))).status).toBe(200)
    await expect(ask(`http://127.0.0.1:${port}/`, allowing(`127.0.0.0/8:${own.port}`))).rejects.toThrow(
      'does not go there',
    )
    await expect(ask(`http://127.0.0.1:${port}/`, allowing(`10.0.0.0/8:${port}`))).rejects.toThrow('does not go there')
    expect(own.seen()).toBe(0)
    own.close()
    answered.close()
  })

  test.each([
    ['10.2.0.0/16:2641', { address: '10.2.0.0', bits: 16, leastPort: 2641, mostPort: 2641 }],
    ['127.0.0.1:9000-9100', { address: '127.0.0.1', bits: 32, leastPort: 9000, mostPort: 9100 }],
    ['[fd00::/8]:2641', { address: 'fd00::', bits: 8, leastPort: 2641, mostPort: 2641 }],
  ])('%s is read', (text, network) => expect(parseAllowedNetwork(text)).toEqual(network))

  test.each([
    '10.0.0.0/8',
    '*:2641',
    '10.0.0.0/33:1',
    '[fd00::/129]:1',
    'fd00::/8:1',
    '10.0.0.0/8:2-1',
    '10.0.0.0/8:0',
    'a:1',
  ])('%s is refused: it says no ports, or no network', (text) =>
    expect(() => parseAllowedNetwork(text)).toThrow('expected a network with ports'),
  )
})

function withLookup(addresses: readonly string[], allowed: string): AddressGuard {
  return new AddressGuard({ lookup: naming(addresses), allowed: [parseAllowedNetwork(allowed)] })
}

/** Names lead where others want them to: a resolver of a test's own. */
function naming(addresses: readonly string[]): LookupFunction {
  return (_name, options, done) => {
    const all = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    if (options.all) done(null, all)
    else done(null, all[0]!.address, all[0]!.family)
  }
}

async function listenOnBoth(): Promise<Canaries> {
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
  return {
    port,
    seen: () => seen,
    close: () => {
      four.close()
      six.close()
    },
  }
}
