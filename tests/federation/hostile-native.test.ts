/**
 * Servers of the Handle protocol that are away, slow, broken or lying. Whatever they do: the look-up ends in its time, as
 * "could not be asked", never as "not registered"; nothing of it is remembered for current; and local look-ups go on.
 */
import { generateKeyPairSync } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { freePort } from '../../src/platform/free-port.js'
import { RC } from '../../src/protocols/handle/codes.js'
import { LOOKUP_MS, MAX_HOPS, MAX_SENDS } from '../../src/resolution/passage.js'
import {
  answerTo,
  handleIn,
  refusalTo,
  signedBy,
  siteOctets,
  value,
  valuesTo,
} from '../protocols/handle/client/replies.js'
import { type Script, type ScriptedServer, tcpServer } from '../protocols/handle/client/scripted-server.js'
import { cleanUps, looking, OWN_PREFIX } from './set-up.js'

const url = value(1, 'URL', 'https://example.com/x')
const right: Script = (request) => valuesTo(request, [url])

/** A parent that names the servers of the prefix 88.1, which the node may go to. */
async function below(addresses: readonly { host: string; port: number }[], more: { allowed?: string } = {}) {
  const parent = await scripted((request) => {
    if (handleIn(request).toLowerCase() !== '0.na/88.1') return refusalTo(request, RC.handleNotFound)
    const sites = addresses.map((address, place) => value(place + 1, 'HS_SITE', siteOf(address)))
    return valuesTo(request, sites)
  })
  return { parent, ...looking(under(parent, more.allowed ?? 'parent=127.0.0.1:1-65535')) }
}

const siteOf = (address: { host: string; port: number }) =>
  siteOctets({ addresses: [{ transport: 'tcp', ...address }] })
const under = ({ address }: ScriptedServer, allowed: string) => ({
  JIEXI_PARENT: `tcp://127.0.0.1:${address.port}`,
  JIEXI_PEER_NETWORKS: allowed,
})

describe('a server that', () => {
  test.each<[string, () => Promise<{ host: string; port: number }>]>([
    ['refuses connections', async () => ({ host: '127.0.0.1', port: await freePort() })],
    ['resets them', () => raw((socket) => socket.once('data', () => socket.resetAndDestroy()))],
    ['closes them at once', () => raw((socket) => socket.end())],
    ['is a black hole', () => raw(() => undefined)],
    ['says one octet a second', () => raw(dripping)],
    ['says garbage', () => raw((socket) => socket.once('data', () => socket.end(Buffer.alloc(5_000, 0xa5))))],
    ['says 64 MB', () => raw((socket) => socket.once('data', () => flood(socket)))],
    ['announces more than it may say', () => raw((socket) => socket.once('data', () => announce(socket)))],
    [
      'answers for another identifier',
      () => lying((request) => answerTo(request, { kind: 'handle-values', handle: '88.1/other', values: [url] })),
    ],
    ['answers another request', () => lying((request) => valuesTo(request, [url], { envelope: { requestId: 7 } }))],
    ['answers another operation', () => lying((request) => valuesTo(request, [url], { header: { opCode: 100 } }))],
    ['gives a value twice', () => lying((request) => valuesTo(request, [url, url]))],
    ['has a value that no record can hold', () => lying((request) => valuesTo(request, [{ ...url, index: 0 }]))],
    ['refers to itself', () => lying((request) => referralTo(request, []))],
  ])('%s cannot be asked, and nothing else comes of it', async (_what, start) => {
    const address = await start()
    const { ask, local } = await below([address])
    const startedMs = performance.now()
    await expect(ask('88.1/x')).rejects.toMatchObject({ code: 'authority-unavailable' })
    expect(performance.now() - startedMs).toBeLessThan(2 * LOOKUP_MS)
    await expect(ask('88.1/x')).rejects.toMatchObject({ code: 'authority-unavailable' })

    expect(local()).toBe(0)
    expect(await ask(`${OWN_PREFIX}/x`)).toMatchObject({ kind: 'absent', tier: 'registry' })
    expect(local()).toBe(1)
  })
})

test('what it said before is given meanwhile, marked stale and with its age', async () => {
  let isRight = true
  const server = await scripted((request) => (isRight ? right(request, 0, () => undefined) : undefined))
  const { ask } = await below([server.address])
  expect(await ask('88.1/x')).toMatchObject({ kind: 'found', tier: 'upstream' })
  isRight = false
  expect(await ask('88.1/x')).toMatchObject({ kind: 'found', tier: 'remembered' })
  const stale = await ask('88.1/x', { authoritative: true })
  expect(stale).toMatchObject({ kind: 'found', tier: 'remembered', stale: { reason: 'authority-unavailable' } })
  expect(stale.stale!.asOfMs).toBeLessThanOrEqual(Date.now())
  isRight = true
  expect(await ask('88.1/x', { authoritative: true })).not.toHaveProperty('stale')
})

test('a second server answers where the first keeps silent, and the first is left alone after a while', async () => {
  const silent = await scripted(() => undefined)
  const speaking = await scripted(right)
  const { ask, others } = await below([silent.address, speaking.address])
  for (let count = 0; count < 12; count++) expect(await ask(`88.1/x${count}`)).toMatchObject({ kind: 'found' })
  expect(speaking.requests.length).toBe(12)
  expect(silent.requests.length).toBeLessThan(12)
  const peer = others.peers().find((one) => one.peer.endsWith(`:${silent.address.port}`))
  expect(peer).toMatchObject({ state: 'failing', role: 'other' })
})

test('a ring of ten servers that refer to one another ends before it closes, within what a look-up may cost', async () => {
  const ring: ScriptedServer[] = []
  for (let place = 0; place < 10; place++)
    ring.push(await scripted((request) => referralTo(request, [ring[(place + 1) % 10]!.address])))
  const { ask, local } = await below([ring[0]!.address])
  await expect(ask('88.1/x')).rejects.toMatchObject({ code: 'authority-unavailable' })
  const sent = ring.reduce((sum, { requests }) => sum + requests.length, 0)
  expect(sent).toBeLessThanOrEqual(MAX_HOPS + 1)
  expect(sent).toBeLessThanOrEqual(MAX_SENDS)
  expect(local()).toBe(0)
})

test('two that refer to each other are each asked once', async () => {
  const pair: ScriptedServer[] = []
  for (const other of [1, 0]) pair.push(await scripted((request) => referralTo(request, [pair[other]!.address])))
  const { ask } = await below([pair[0]!.address])
  await expect(ask('88.1/x')).rejects.toMatchObject({ code: 'authority-unavailable' })
  expect(pair.map(({ requests }) => requests.length)).toEqual([1, 1])
})

test('a look-up that comes back from where it was sent asks nobody again, and ends with its asker’s time', async () => {
  let back: Promise<unknown> = Promise.resolve()
  const server = await scripted((request) => {
    back = ask('88.1/x', { passage: { via: [], hopsLeft: 7, sendsLeft: 16, timeLeftMs: 100 } }).catch((error) => error)
    return back.then(() => refusalTo(request, RC.recursionTooHigh))
  })
  const { ask } = await below([server.address])
  await expect(ask('88.1/x')).rejects.toMatchObject({ code: 'authority-unavailable' })
  expect(await back).toMatchObject({ code: 'authority-unavailable' })
  expect(server.requests.length).toBe(1)
})

test('what another node allows a look-up to cost is no limit for those of others', async () => {
  const server = await scripted(async (request) => {
    await delay(50)
    return valuesTo(request, [url])
  })
  const { ask } = await below([server.address])
  const hurried = ask('88.1/x', { passage: { via: [], hopsLeft: 7, sendsLeft: 16, timeLeftMs: 10 } })
  const outcome = hurried.catch((error) => error.code)
  expect(await ask('88.1/x')).toMatchObject({ kind: 'found' })
  expect(await outcome).toBe('authority-unavailable')
})

describe('a referral to', () => {
  test.each([
    ...['127.0.0.1', '::ffff:127.0.0.1', '::ffff:7f00:1', '64:ff9b::7f00:1', '2002:7f00:1::'],
    ...[
      '169.254.169.254',
      '::ffff:a9fe:a9fe',
      '10.0.0.1',
      '192.168.1.1',
      'fd00::1',
      'fe80::1',
      '0.0.0.0',
      '255.255.255.255',
    ],
  ])('%s is not followed, and told of', async (host) => {
    const canary = await canaries()
    for (const how of ['site', 'referral'] as const) {
      const parent = await scripted((request) =>
        how === 'referral'
          ? referralTo(request, [{ host, port: canary.port }])
          : valuesTo(request, [value(1, 'HS_SITE', siteOf({ host, port: canary.port }))]),
      )
      const { ask, suspicions } = looking({ JIEXI_PARENT: `tcp://127.0.0.1:${parent.address.port}` })
      await expect(ask('88.1/x')).rejects.toMatchObject({ code: 'authority-unavailable' })
      expect(suspicions.join()).toContain('is not asked')
    }
    expect(canary.seen()).toBe(0)
  })

  test('a private network is followed where that is allowed for the one who refers, and for nobody else', async () => {
    const server = await scripted(right)
    const { port } = server.address
    const allowed = await below([server.address], { allowed: `parent=127.0.0.1:${port}` })
    expect(await allowed.ask('88.1/x')).toMatchObject({ kind: 'found' })
    for (const others of [`88.1=127.0.0.1:${port}`, `parent=127.0.0.1:${port === 1 ? 2 : port - 1}`]) {
      const { ask } = await below([server.address], { allowed: others })
      await expect(ask('88.1/x')).rejects.toMatchObject({ code: 'authority-unavailable' })
    }
    expect(server.requests.length).toBe(1)
  })
})

describe("with the parent's key", () => {
  const parentKeys = generateKeyPairSync('ed25519')
  const serverKeys = generateKeyPairSync('ed25519')
  const forged = generateKeyPairSync('ed25519')

  test.each<[string, (answer: Buffer) => Buffer, (answer: Buffer) => Buffer, boolean]>([
    [
      'what is signed by it, and by the server that it names, counts',
      bySigning(parentKeys.privateKey),
      bySigning(serverKeys.privateKey),
      true,
    ],
    [
      'a forged signature of the parent does not',
      bySigning(forged.privateKey),
      bySigning(serverKeys.privateKey),
      false,
    ],
    ['no signature of the parent does not', (answer) => answer, bySigning(serverKeys.privateKey), false],
    [
      'a forged signature of the server does not',
      bySigning(parentKeys.privateKey),
      bySigning(forged.privateKey),
      false,
    ],
    ['no signature of the server does not', bySigning(parentKeys.privateKey), (answer) => answer, false],
  ])('%s', async (_what, ofParent, ofServer, counts) => {
    const server = await scripted((request) => ofServer(valuesTo(request, [url])))
    const site = siteOctets({ addresses: [server.address], publicKey: serverKeys.publicKey })
    const parent = await scripted((request) => ofParent(valuesTo(request, [value(1, 'HS_SITE', site)])))
    const { ask, suspicions } = looking(under(parent, 'parent=127.0.0.1:1-65535'), { parentKey: parentKeys.publicKey })
    if (counts) {
      expect(await ask('88.1/x')).toMatchObject({ kind: 'found' })
      return
    }
    await expect(ask('88.1/x')).rejects.toMatchObject({ code: 'authority-unavailable' })
    expect(suspicions.length).toBe(1)
  })

  function bySigning(key: Parameters<typeof signedBy>[0]) {
    return (answer: Buffer) => signedBy(key, answer)
  }
})

test('an answer about one identifier changes nothing of another', async () => {
  const server = await scripted((request) =>
    handleIn(request) === '88.1/liar'
      ? answerTo(request, {
          kind: 'handle-values',
          handle: '88.1/x',
          values: [value(1, 'URL', 'https://evil.example')],
        })
      : right(request, 0, () => undefined),
  )
  const { ask } = await below([server.address])
  await ask('88.1/x')
  await expect(ask('88.1/liar')).rejects.toMatchObject({ code: 'authority-unavailable' })
  const held = await ask('88.1/x')
  expect(held).toMatchObject({
    kind: 'found',
    tier: 'remembered',
    record: { values: [{ data: 'https://example.com/x' }] },
  })
})

test('a hundred look-ups of one identifier ask once', async () => {
  const server = await scripted(right)
  const { ask } = await below([server.address])
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask('88.1/x')))
  expect(answers.every(({ kind }) => kind === 'found')).toBe(true)
  expect(server.requests.length).toBe(1)
})

test('look-ups of many identifiers of one prefix ask the parent for it once', async () => {
  const server = await scripted(right)
  const { ask, parent } = await below([server.address])
  const answers = await Promise.all(Array.from({ length: 20 }, (_, place) => ask(`88.1/x${place}`)))
  expect(answers.every(({ kind }) => kind === 'found')).toBe(true)
  expect([parent.requests.length, server.requests.length]).toEqual([1, 20])
})

test('values that are not public stay where they are', async () => {
  const secret = { ...value(2, 'KEY', 'secret'), permissions: 0b1100 }
  const server = await scripted((request) => valuesTo(request, [url, secret]))
  const { ask } = await below([server.address])
  expect(await ask('88.1/x')).toMatchObject({ record: { values: [{ index: 1 }] } })
})

test('a time to live is kept within bounds, however long or short it is said to be', async () => {
  for (const ttl of [0, 0x7fff_ffff]) {
    const server = await scripted((request) => valuesTo(request, [{ ...url, ttl }]))
    const { ask } = await below([server.address])
    await ask('88.1/x')
    expect(await ask('88.1/x')).toMatchObject({ tier: 'remembered' })
  }
})

const referralTo = (request: Buffer, addresses: readonly { host: string; port: number }[]) =>
  answerTo(
    request,
    {
      kind: 'referral',
      handle: '',
      values: addresses.map((address, place) => value(place + 1, 'HS_SITE', siteOf(address))),
    },
    { header: { responseCode: RC.prefixReferral } },
  )

async function scripted(script: Script): Promise<ScriptedServer> {
  const server = await tcpServer(script)
  cleanUps.push(() => server.close())
  return server
}

async function lying(script: Script) {
  return (await scripted(script)).address
}

async function raw(onConnection: (socket: Socket) => unknown): Promise<{ host: string; port: number }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    onConnection(socket)
  })
  const port = await listening(server, '127.0.0.1', 0)
  cleanUps.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { host: '127.0.0.1', port }
}

function dripping(socket: Socket): void {
  const drip = setInterval(() => socket.write('\0'), 1_000)
  socket.on('close', () => clearInterval(drip))
}

function flood(socket: Socket): void {
  const piece = Buffer.alloc(65_536)
  let left = 1_024
  const more = () => {
    while (left > 0 && !socket.destroyed) {
      left -= 1
      if (!socket.write(piece)) {
        socket.once('drain', more)
        return
      }
    }
  }
  more()
}

/** An envelope whose message has 2^31 - 1 octets. */
function announce(socket: Socket): void {
  const envelope = Buffer.alloc(20)
  envelope.writeUInt8(2, 0)
  envelope.writeUInt8(11, 1)
  envelope.writeUInt32BE(0x7fff_ffff, 16)
  socket.write(envelope)
}

async function canaries() {
  let seen = 0
  const four = createServer(() => {
    seen += 1
  })
  const port = await listening(four, '127.0.0.1', 0)
  const six = createServer(() => {
    seen += 1
  })
  await listening(six, '::1', port)
  cleanUps.push(() => {
    four.close()
    six.close()
  })
  return { port, seen: () => seen }
}

function listening(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
  })
}
