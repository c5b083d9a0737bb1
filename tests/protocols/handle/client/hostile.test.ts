/** Servers that lie, break or dawdle: the client gives a clear fault, in time, and believes nothing. */
import { generateKeyPairSync } from 'node:crypto'
import { createSocket } from 'node:dgram'
import http from 'node:http'
import { describe, expect, test } from 'vitest'
import { freePort } from '../../../../src/platform/free-port.js'
import type { HandleClientOptions, ResolveOptions } from '../../../../src/protocols/handle/client/client.js'
import { packetsOf } from '../../../../src/protocols/handle/codec-packets.js'
import { RC } from '../../../../src/protocols/handle/codes.js'
import { clientAt, clientOf, started } from './closing.js'
import { answerTo, signedBy, value, valuesTo } from './replies.js'
import { httpServer, type Script, type ScriptedServer, tcpServer, udpServer } from './scripted-server.js'

const url = value(1, 'URL', 'https://example.com/x')
const right: Script = (request) => valuesTo(request, [url])
/** Short where it must end, and longer than a pause of a busy machine. */
const quick = { timeoutMs: 2_000, serverTimeoutMs: 2_000, udpRetryMs: [600, 800] }

type Transport = 'udp' | 'tcp' | 'http'
const SERVERS: Readonly<Record<Transport, (script: Script) => Promise<ScriptedServer>>> = {
  udp: udpServer,
  tcp: tcpServer,
  http: httpServer,
}

async function asked(
  transport: Transport,
  script: Script,
  { wanted = {}, ...options }: Partial<HandleClientOptions> & { readonly wanted?: ResolveOptions } = {},
) {
  const server = await started(SERVERS[transport](script))
  return clientAt(server.address, { limits: quick, ...options }).resolve('88.1/x', wanted)
}

const withId = (answer: Buffer, id: number) => {
  const changed = Buffer.from(answer)
  changed.writeUInt32BE(id, 8)
  return changed
}

describe.each(['udp', 'tcp', 'http'] as const)('over %s', (transport) => {
  test('a right answer is taken', async () => {
    expect(await asked(transport, right)).toMatchObject({ kind: 'found', handle: '88.1/x', values: [url] })
  })

  test.each<[string, Script, string, RegExp]>([
    [
      'of another request',
      (request) => withId(valuesTo(request, [url]), request.readUInt32BE(8) ^ 1),
      'invalid-answer',
      /another request/,
    ],
    [
      'for another handle',
      (request) => answerTo(request, { kind: 'handle-values', handle: '88.1/y', values: [url] }),
      'invalid-answer',
      /another handle/,
    ],
    [
      'of another operation',
      (request) => valuesTo(request, [url], { header: { opCode: 100 } }),
      'invalid-answer',
      /operation 100/,
    ],
    ['that is a request', (request) => request, 'invalid-answer', /a request where an answer is due/],
    [
      'in a newer version than was asked for',
      (request) => valuesTo(request, [url], { envelope: { version: { major: 3, minor: 0 } } }),
      'invalid-answer',
      /version 3\.0/,
    ],
    [
      'that has expired',
      (request) => valuesTo(request, [url], { header: { expirationSeconds: Math.floor(Date.now() / 1000) - 60 } }),
      'invalid-answer',
      /expired \d+ s ago/,
    ],
    [
      'with a body that is cut off',
      (request) => answerTo(request, { kind: 'opaque', octets: new Uint8Array(3) }),
      'invalid-answer',
      /can't be read/,
    ],
    [
      'that says it is encrypted',
      (request) => {
        const answer = valuesTo(request, [url])
        answer[2]! |= 0x40
        return answer
      },
      'invalid-answer',
      /not of the session/,
    ],
    [
      'with a challenge where nobody said who asks',
      (request) =>
        answerTo(
          request,
          { kind: 'challenge', nonce: new Uint8Array(16) },
          { header: { responseCode: RC.authenticationNeeded } },
        ),
      'refused',
      /who asks/,
    ],
    [
      'with a code that nobody knows',
      (request) =>
        answerTo(request, { kind: 'error', message: '\u001b[2Jno', indexes: [] }, { header: { responseCode: 9999 } }),
      'refused',
      /9999/,
    ],
    ['and none', () => undefined, transport === 'http' ? 'invalid-answer' : 'timed-out', /no answer|says no more/],
  ])('an answer %s is refused', async (_name, script, reason, words) => {
    await expect(asked(transport, script)).rejects.toMatchObject({
      name: 'HandleFault',
      reason,
      message: expect.stringMatching(words),
    })
  })

  test('values that were not asked for are refused', async () => {
    const wanted = { types: ['HS_SITE', 'EMAIL.'], indexes: [7] }
    const values =
      (...list: ReturnType<typeof value>[]): Script =>
      (request) =>
        valuesTo(request, list)
    const good = values(value(7, 'X', ''), value(1, 'hs_site', ''), value(2, 'EMAIL.WORK', ''), value(3, 'email', ''))
    expect(await asked(transport, good, { wanted })).toMatchObject({ kind: 'found' })
    await expect(asked(transport, values(value(8, 'X', '')), { wanted })).rejects.toMatchObject({
      reason: 'invalid-answer',
    })
    await expect(asked(transport, values(value(8, 'EMAILS', '')), { wanted })).rejects.toMatchObject({
      reason: 'invalid-answer',
    })
  })

  test('a digest that is not of the request is refused, and so is none', async () => {
    const wanted = { returnsDigest: true }
    expect(await asked(transport, right, { wanted })).toMatchObject({ kind: 'found' })
    const changed: Script = (request) => {
      const other = Buffer.from(request)
      // The server has seen a request for another handle.
      other[other.length - 13]! ^= 1
      const answer = valuesTo(request, [url])
      const digest = valuesTo(other, [url]).subarray(45, 77)
      digest.copy(answer, 45)
      return answer
    }
    await expect(asked(transport, changed, { wanted })).rejects.toMatchObject({
      message: expect.stringContaining('changed on the way'),
    })
    const none: Script = (request) => valuesTo(request, [url], { header: { opFlags: 0 } })
    await expect(asked(transport, none, { wanted })).rejects.toMatchObject({
      message: expect.stringContaining('no digest'),
    })
  })

  test('an answer that is larger than the client takes is refused', async () => {
    const large: Script = (request) => valuesTo(request, [value(1, 'BIG', 'x'.repeat(9000))])
    const limits = { ...quick, maxMessageOctets: 8000 }
    await expect(asked(transport, large, { limits })).rejects.toMatchObject({
      reason: 'invalid-answer',
      message: expect.stringContaining('8000'),
    })
  })
})

describe('signatures', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const ed = generateKeyPairSync('ed25519')
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const certified = async (script: Script, publicKey = rsa.publicKey) => {
    const server = await started(tcpServer(script))
    const start = { kind: 'servers' as const, servers: [server.address], publicKey }
    return clientOf({ start, limits: quick }).resolve('88.1/x', { isCertified: true })
  }

  test('of the server’s key are taken, RSA and Ed25519', async () => {
    expect(await certified((request) => signedBy(rsa.privateKey, valuesTo(request, [url])))).toMatchObject({
      kind: 'found',
    })
    expect(await certified((request) => signedBy(ed.privateKey, valuesTo(request, [url])), ed.publicKey)).toMatchObject(
      { kind: 'found' },
    )
  })

  test.each<[string, Script]>([
    ['of another key', (request) => signedBy(stranger.privateKey, valuesTo(request, [url]))],
    ['that are missing', right],
    [
      'that are missing below "not found"',
      (request) =>
        answerTo(request, { kind: 'error', message: '', indexes: [] }, { header: { responseCode: RC.handleNotFound } }),
    ],
    [
      'below another content',
      (request) => {
        const signed = signedBy(rsa.privateKey, valuesTo(request, [url]))
        const at = signed.indexOf('example')
        signed[at]! ^= 1
        return signed
      },
    ],
    [
      'of the same answer to another request',
      (request) => withId(signedBy(rsa.privateKey, withId(valuesTo(request, [url]), 7)), request.readUInt32BE(8)),
    ],
    [
      'that are a MAC without a session',
      (request) =>
        Buffer.from(
          signedBy(rsa.privateKey, valuesTo(request, [url]))
            .toString('latin1')
            .replace('HS_SIGNED', 'HS_MAC   '),
          'latin1',
        ),
    ],
  ])('%s are refused', async (_name, script) => {
    await expect(certified(script)).rejects.toMatchObject({ reason: 'signature-invalid' })
  })

  test('can’t be verified without a key', async () => {
    const server = await started(tcpServer(right))
    await expect(clientAt(server.address).resolve('88.1/x', { isCertified: true })).rejects.toMatchObject({
      reason: 'key-unknown',
    })
  })
})

describe('challenges', () => {
  const identity = { kind: 'secret' as const, handle: '0.NA/88.1', index: 300, secret: Buffer.from('secret') }
  const challenge = (request: Buffer, nonce: Uint8Array) =>
    answerTo(
      request,
      { kind: 'challenge', nonce },
      { envelope: { sessionId: 9 }, header: { responseCode: RC.authenticationNeeded } },
    )

  test.each<[string, Script, RegExp]>([
    [
      'for another request',
      (request) => {
        const other = Buffer.from(request)
        other[other.length - 5]! ^= 1
        const one = challenge(other, new Uint8Array(16))
        return one
      },
      /was changed on the way/,
    ],
    ['with a nonce as long as a message', (request) => challenge(request, new Uint8Array(200)), /nonce of 200/],
    ['without a nonce', (request) => challenge(request, new Uint8Array(0)), /nonce of 0/],
  ])('%s are not answered', async (_name, script, words) => {
    const server = await started(tcpServer(script))
    const client = clientAt(server.address, { identity, session: 'none', limits: quick })
    await expect(client.delete('88.1/x')).rejects.toMatchObject({
      reason: 'invalid-answer',
      message: expect.stringMatching(words),
    })
    expect(server.requests.length).toBe(1)
  })

  test('one after the other have an end', async () => {
    const server = await started(
      tcpServer((request, place) =>
        answerTo(
          request,
          { kind: 'challenge', nonce: new Uint8Array(16) },
          {
            envelope: { sessionId: 9 + place },
            header: { responseCode: RC.authenticationNeeded, opCode: 101 },
          },
        ),
      ),
    )
    const client = clientAt(server.address, { identity, session: 'none', limits: quick })
    await expect(client.delete('88.1/x')).rejects.toMatchObject({
      reason: 'refused',
      responseCode: RC.authenticationNeeded,
    })
    expect(server.requests.length).toBe(2)
  })
})

describe('datagrams', () => {
  const big = value(1, 'BIG', 'x'.repeat(3000))

  test.each<[string, (packets: readonly Buffer[]) => readonly Buffer[]]>([
    ['in any order', (packets) => [...packets].reverse()],
    ['twice', (packets) => packets.flatMap((packet) => [packet, packet])],
    ['among those of others', (packets) => [withId(packets[0]!, 1), Buffer.alloc(3), ...packets]],
    [
      'marked as several',
      (packets) =>
        packets.map((packet) => {
          const marked = Buffer.from(packet)
          marked[2]! |= 0x20
          return marked
        }),
    ],
  ])('of an answer may come %s', async (_name, changed) => {
    const script: Script = (request, _place, send) => {
      for (const packet of changed(packetsOf(valuesTo(request, [big]), false))) send(packet)
      return undefined
    }
    expect(await asked('udp', script)).toMatchObject({ kind: 'found', values: [big] })
  })

  test('that were lost come with the next sending, which has the same id', async () => {
    const ids = new Set<number>()
    const script: Script = (request, place, send) => {
      ids.add(request.readUInt32BE(8))
      const packets = packetsOf(valuesTo(request, [big]), false)
      for (const [at, packet] of packets.entries()) if (at % 2 === place % 2) send(packet)
      return undefined
    }
    expect(await asked('udp', script)).toMatchObject({ kind: 'found', values: [big] })
    expect(ids.size).toBe(1)
  })

  test('that a server cuts short, and says so, are had by TCP', async () => {
    const tcp = await started(tcpServer((request) => valuesTo(request, [big])))
    const beginning: Script = (request, _place, send) => {
      send(packetsOf(valuesTo(request, [big]), true)[0]!)
      return undefined
    }
    const { port } = tcp.address
    const udp = await started(udpServer(beginning, port))
    const answer = await clientAt(udp.address).resolve('88.1/x')
    expect(answer).toMatchObject({ kind: 'found', values: [big], server: { address: tcp.address } })
    expect([udp.requests.length, tcp.requests.length]).toEqual([1, 1])
  })

  test('of another address are not even looked at', async () => {
    const other = createSocket('udp4')
    await new Promise<void>((resolve) => other.bind(0, '127.0.0.1', resolve))
    const server = createSocket('udp4')
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve))
    await started(Promise.resolve({ close: () => [other.close(), server.close()] }))
    server.on('message', (request, from) => other.send(valuesTo(request, [url]), from.port, from.address))
    const client = clientAt({ transport: 'udp', host: '127.0.0.1', port: server.address().port }, { limits: quick })
    await expect(client.resolve('88.1/x')).rejects.toMatchObject({ reason: 'timed-out' })
  })

  test('that never come are asked for as often as was said', async () => {
    const server = await started(udpServer(() => undefined))
    const limits = { udpRetryMs: [30, 30, 30, 30] }
    await expect(clientAt(server.address, { limits }).resolve('88.1/x')).rejects.toMatchObject({ reason: 'timed-out' })
    // The last may still be on its way.
    await expect.poll(() => server.requests.length).toBe(4)
  })

  test('of a request that is long go out in packets', async () => {
    const types = Array.from({ length: 100 }, (_, place) => `TYPE_${place}`)
    const script: Script = (request) => valuesTo(request, [value(1, 'TYPE_7', 'x')])
    const server = await started(udpServer(script))
    expect(await clientAt(server.address).resolve('88.1/x', { types })).toMatchObject({ kind: 'found' })
    expect(server.requests[0]!.length).toBeGreaterThan(1024)
  })

  test('sent where nobody listens are told of at once', async () => {
    const client = clientAt({ transport: 'udp', host: '127.0.0.1', port: await freePort() })
    await expect(client.resolve('88.1/x')).rejects.toMatchObject({
      reason: 'unreachable',
      message: expect.stringContaining('nothing listens'),
    })
  })
})

describe('streams', () => {
  test('that stop within a message are told of', async () => {
    const cut: Script = (request) => ({ messages: [valuesTo(request, [url]).subarray(0, 30)], closes: true })
    await expect(asked('tcp', cut)).rejects.toMatchObject({
      reason: 'cut-off',
      message: expect.stringContaining('after 30 octets'),
    })
    await expect(asked('http', cut)).rejects.toMatchObject({
      reason: 'invalid-answer',
      message: expect.stringContaining('after 30 octets'),
    })
  })

  test('that close or are reset without an answer are told of', async () => {
    for (const end of [{ closes: true }, { resets: true }])
      await expect(asked('tcp', () => ({ messages: [], ...end }))).rejects.toMatchObject({ reason: 'cut-off' })
    const nobody = { transport: 'tcp' as const, host: '127.0.0.1', port: await freePort() }
    await expect(clientAt(nobody).resolve('88.1/x')).rejects.toMatchObject({ reason: 'unreachable' })
    await expect(clientAt({ ...nobody, transport: 'http' }).resolve('88.1/x')).rejects.toMatchObject({
      reason: 'unreachable',
    })
  })

  test('of an octet at a time end with the time of the request, and hold up nobody else', async () => {
    const slow: Script = (request, place, send) => {
      if (place > 0) return valuesTo(request, [url])
      const answer = valuesTo(request, [url])
      let at = 0
      const timer = setInterval(() => (at < answer.length ? send(answer.subarray(at, ++at)) : clearInterval(timer)), 20)
      setTimeout(() => clearInterval(timer), 4_000)
      return undefined
    }
    const server = await started(tcpServer(slow))
    const client = clientAt(server.address, { limits: quick })
    const [first, ...others] = await Promise.allSettled(Array.from({ length: 5 }, () => client.resolve('88.1/x')))
    expect(first).toMatchObject({ status: 'rejected', reason: { reason: 'timed-out' } })
    for (const other of others) expect(other).toMatchObject({ status: 'fulfilled', value: { kind: 'found' } })
  })

  test('that say they hold gigabytes cost nothing', async () => {
    const promise: Script = (request) => {
      const answer = valuesTo(request, [url])
      answer.writeUInt32BE(0xffff_ffff, 16)
      return answer
    }
    await expect(asked('tcp', promise)).rejects.toMatchObject({
      name: 'HandleFault',
      message: expect.stringContaining('too long'),
    })
  })

  test('of endless lists end at the limit', async () => {
    const endless: Script = (request) =>
      Array.from({ length: 200 }, () =>
        answerTo(
          request,
          { kind: 'handles', handles: Array.from({ length: 50 }, () => `88.1/${'x'.repeat(50)}`) },
          { header: { opFlags: 0x0400_0000 } },
        ),
      )
    const server = await started(tcpServer(endless))
    const client = clientAt(server.address, { limits: { ...quick, maxAnswerOctets: 100_000 } })
    const handles: string[] = []
    const all = async () => {
      for await (const handle of client.listHandles('88.1')) handles.push(handle)
    }
    await expect(all()).rejects.toMatchObject({ reason: 'invalid-answer', message: expect.stringContaining('100000') })
    expect(handles.length).toBeLessThan(2000)
  })

  test('of a web server are no answer', async () => {
    const web = http.createServer((_request, response) =>
      response.writeHead(404, { 'content-type': 'text/html' }).end('<html>'),
    )
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
    await started(Promise.resolve({ close: () => web.close() }))
    const { port } = web.address() as { port: number }
    await expect(clientAt({ transport: 'http', host: '127.0.0.1', port }).resolve('88.1/x')).rejects.toMatchObject({
      reason: 'invalid-answer',
      message: expect.stringContaining('status 404'),
    })
  })
})

test('lists that hold handles of another prefix are refused', async () => {
  const server = await started(
    tcpServer((request) => answerTo(request, { kind: 'handles', handles: ['88.1/A', '88.2/B'] })),
  )
  const all = async () => {
    for await (const _handle of clientAt(server.address).listHandles('88.1'));
  }
  await expect(all()).rejects.toMatchObject({ reason: 'invalid-answer', message: expect.stringContaining('88.2/B') })
})

test('a handle that was made under another name is refused', async () => {
  const server = await started(tcpServer((request) => answerTo(request, { kind: 'handle', handle: '88.1/other' })))
  await expect(clientAt(server.address).create('88.1/x', [url])).rejects.toMatchObject({ reason: 'invalid-answer' })
  await expect(clientAt(server.address).create('88.1/y', [url], { mintsSuffix: true })).rejects.toMatchObject({
    reason: 'invalid-answer',
  })
})
