/** The door on sockets of its own, over an authority made for the test: signatures, restricted values, bounds, draining. */

import { generateKeyPairSync, verify } from 'node:crypto'
import dgram from 'node:dgram'
import net, { type AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { HandleMeter } from '../../../src/observability/handle-meter.js'
import { systemClock as clock } from '../../../src/platform/clock.js'
import { NodeError } from '../../../src/platform/errors.js'
import { encodeMessage, signedPartOf } from '../../../src/protocols/handle/codec-message.js'
import { signedOctets } from '../../../src/protocols/handle/codec-signed.js'
import { FLAG, OP, RC } from '../../../src/protocols/handle/codes.js'
import { type HandleDoorOptions, handleDoor } from '../../../src/protocols/handle/door.js'
import type { Operation } from '../../../src/protocols/handle/operation.js'
import { signerWith } from '../../../src/protocols/handle/protection.js'
import { SourceLimit } from '../../../src/protocols/handle/source-limit.js'
import type { Answer } from '../../../src/record/answer.js'
import type { Value } from '../../../src/record/record.js'
import type { Query } from '../../../src/resolution/resolve.js'
import { datagramClient, lookUp, lookUpOctets, streamClient, USUAL_FLAGS } from '../../support/handle-client.js'
import { mustDecode } from './whole-messages.js'

const PUBLIC_ONLY_UNSET = (USUAL_FLAGS & ~FLAG.publicOnly) >>> 0
const cleanUp: (() => unknown)[] = []

afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step()
})

describe('a signed answer', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

  test.each([
    [{ major: 2, minor: 11 }, 'SHA-256', 'sha256'],
    [{ major: 2, minor: 7 }, 'SHA-256', 'sha256'],
    [{ major: 2, minor: 3 }, 'SHA1', 'sha1'],
  ])('in version %o is verified by the key', async (version, algorithm, hash) => {
    const { port } = await open({ signer: signerWith(privateKey) })
    const request = lookUp('88.1/a', { opFlags: (USUAL_FLAGS | FLAG.certify) >>> 0 })
    const envelope = { ...request.envelope, version, suggestedVersion: version }
    const octets = await ask(port, encodeMessage({ ...request, envelope }))
    const answer = mustDecode(octets)
    expect(answer.credential).toMatchObject({ type: 'HS_SIGNED', algorithm })
    const headerAndBody = signedPartOf(octets)
    const signed = signedOctets({ envelope: answer.envelope, type: 'HS_SIGNED', counter: 0, headerAndBody })
    expect(verify(hash, signed!, publicKey, answer.credential!.signature)).toBe(true)
  })
})

test('without a key an answer is not signed, and does not look so', async () => {
  const { port } = await open({})
  const { header, credential } = mustDecode(
    await ask(port, lookUpOctets('88.1/a', { opFlags: (USUAL_FLAGS | FLAG.certify) >>> 0 })),
  )
  expect([header.responseCode, header.opFlags & FLAG.certify, credential]).toEqual([RC.success, 0, undefined])
})

describe('values for administrators', () => {
  const admin = { handle: '0.NA/88.1', index: 300 }
  const reads = {
    mayRead: (identity: { index: number }) => identity.index === admin.index,
    challenge: () => ({
      responseCode: RC.authenticationNeeded,
      sessionId: 17,
      body: { kind: 'challenge', nonce: new Uint8Array(16) } as const,
    }),
  }
  /** Logs the connection in as whatever index is given. */
  const login: Operation = ({ message, peer }) => {
    if (message.body.kind === 'handle-index' && peer.connection)
      peer.connection.login = { ...message.body, keySha256: '' }
    return { responseCode: RC.success, body: { kind: 'empty' } }
  }
  const indexesOf = (octets: Buffer) => {
    const { body } = mustDecode(octets)
    return body.kind === 'handle-values' ? body.values.map(({ index }) => index) : []
  }

  test('somebody unknown is challenged, with the digest of the request, unless the public ones will do', async () => {
    const { port } = await open({ reads })
    const challenge = mustDecode(await ask(port, lookUpOctets('88.1/a', { opFlags: PUBLIC_ONLY_UNSET })))
    expect(challenge.header.responseCode).toBe(RC.authenticationNeeded)
    expect(challenge.header.opFlags & FLAG.returnDigest).not.toBe(0)
    expect(challenge.requestDigest).toBeDefined()
    expect(challenge.envelope.sessionId).toBe(17)
    expect(indexesOf(await ask(port, lookUpOctets('88.1/a')))).toEqual([1])
    expect(indexesOf(await ask(port, lookUpOctets('88.1/a', { opFlags: 0 })))).toEqual([1])
    expect(indexesOf(await ask(port, lookUpOctets('88.1/a', { opFlags: PUBLIC_ONLY_UNSET, types: ['URL'] })))).toEqual([
      1,
    ])
  })

  test('nobody is challenged over UDP', async () => {
    const { port } = await open({ reads })
    const client = await datagramClient(port)
    client.send(lookUpOctets('88.1/a', { opFlags: PUBLIC_ONLY_UNSET }))
    expect(mustDecode((await client.packets(1))[0]!).header.responseCode).toBe(RC.protocolError)
    client.close()
  })

  test('who has logged in on the connection sees them, and another connection does not', async () => {
    const { port } = await open({ reads, operations: new Map([[OP.loginByKey, login]]) })
    const client = await streamClient(port)
    const send = async (octets: Buffer) => {
      client.send(octets)
      return (await client.messages(1))[0]!
    }
    const logIn = (index: number) =>
      encodeMessage({
        ...lookUp('x'),
        header: { ...lookUp('x').header, opCode: OP.loginByKey },
        body: { kind: 'handle-index', handle: admin.handle, index },
      })
    await send(logIn(admin.index))
    expect(indexesOf(await send(lookUpOctets('88.1/a', { opFlags: 0 })))).toEqual([1, 2])
    await send(logIn(7))
    const refused = mustDecode(await send(lookUpOctets('88.1/a', { opFlags: 0 })))
    expect(refused.header.responseCode).toBe(RC.insufficientPermissions)
    client.close()
    expect(indexesOf(await ask(port, lookUpOctets('88.1/a', { opFlags: 0 })))).toEqual([1])
  })
})

describe('what goes wrong', () => {
  test.each([
    [new NodeError('overloaded', 'too many'), RC.tooBusy, 'too many'],
    [new NodeError('prefix-not-served', 'not ours'), RC.notResponsible, 'not ours'],
    [new Error('connection to 10.0.0.7 refused'), RC.error, 'A fault of this server'],
  ])('%o is an answer, and only what concerns the client is in it', async (error, code, words) => {
    const { port, logged } = await open({ resolve: () => Promise.reject(error) })
    const answer = mustDecode(await ask(port, lookUpOctets('88.1/a', { requestId: 4711 })))
    expect(answer.header.responseCode).toBe(code)
    const message = answer.body.kind === 'error' ? answer.body.message : ''
    expect(message).toContain(words)
    expect(message).not.toContain('10.0.0.7')
    expect(logged.length).toBe(code === RC.error ? 1 : 0)
  })

  test('a stale answer does not claim to be the authority’s, and is none where that was demanded or a server asks for another', async () => {
    const stale = { reason: 'authority-unavailable', asOfMs: 1 } as const
    const { port } = await open({ resolve: () => ({ ...found(), stale }) as Answer })
    const said = async (octets: Buffer) => {
      const { header } = mustDecode(await ask(port, octets))
      return [header.responseCode, header.opFlags & FLAG.authoritative]
    }
    expect(await said(lookUpOctets('88.1/a'))).toEqual([RC.success, 0])
    const demanding = lookUpOctets('88.1/a', { opFlags: (USUAL_FLAGS | FLAG.authoritative) >>> 0 })
    expect((await said(demanding))[0]).toBe(RC.tooBusy)
    const request = lookUp('88.1/a')
    const passedOn = encodeMessage({ ...request, header: { ...request.header, recursionCount: 1 } })
    expect((await said(passedOn))[0]).toBe(RC.tooBusy)
  })

  test('what another node said lives no longer by being passed on', async () => {
    const nowMs = Date.now()
    const said = { asOfMs: nowMs - 240_000, freshUntilMs: nowMs + 60_000 }
    const { port } = await open({ resolve: () => ({ ...found(), ...said }) as Answer })
    const { body } = mustDecode(await ask(port, lookUpOctets('88.1/a')))
    const ttls = body.kind === 'handle-values' ? body.values.map(({ ttl }) => ttl) : []
    expect(ttls.length).toBeGreaterThan(0)
    for (const ttl of ttls) {
      expect(ttl).toBeGreaterThan(30)
      expect(ttl).toBeLessThanOrEqual(60)
    }
  })

  test('several replies are continued but for the last, and one that fails in the middle ends with why', async () => {
    const list = (fails: boolean): Operation =>
      async function* () {
        for (const handles of [['88.1/A'], ['88.1/B']])
          yield { responseCode: RC.success, body: { kind: 'handles', handles } }
        if (fails) throw new NodeError('overloaded', 'no more')
      }
    for (const fails of [false, true]) {
      const { port } = await open({ operations: new Map([[OP.listHandles, list(fails)]]) })
      const client = await streamClient(port)
      const request = lookUp('x')
      const header = { ...request.header, opCode: OP.listHandles }
      client.send(encodeMessage({ ...request, header, body: { kind: 'handle', handle: '0.NA/88.1' } }))
      const headers = (await client.messages(2)).map((answer) => mustDecode(answer).header)
      expect(headers.map(({ opFlags }) => (opFlags & FLAG.continuous) !== 0)).toEqual([true, false])
      expect(headers.map(({ responseCode }) => responseCode)).toEqual([RC.success, fails ? RC.tooBusy : RC.success])
      client.close()
    }
  })
})

describe('bounds', () => {
  const times = { firstMessageMs: 1_000, idleMs: 3_000, messageMs: 1_000, lookEveryMs: 20 }

  test('who says nothing, or stops in the middle of a message, is cut off; who asks now and then is not', async () => {
    const { port } = await open({ tcp: { times } })
    const [silent, halting, asking] = await Promise.all([streamClient(port), streamClient(port), streamClient(port)])
    halting.send(lookUpOctets('88.1/a').subarray(0, 30))
    const startedMs = performance.now()
    const over = Promise.all([silent.ended, halting.ended])
    let isOver = false
    void over.then(() => {
      isOver = true
    })
    let asked = 0
    while (!isOver || performance.now() - startedMs < 3 * times.firstMessageMs) {
      asking.send(lookUpOctets('88.1/a'))
      await asking.messages(1)
      asked += 1
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(asked).toBeGreaterThan(3)
    // And in the end it is idle too long itself.
    await asking.ended
  })

  test('beyond the most connections there may be, one more is closed at once', async () => {
    const { port, meter } = await open({ tcp: { maxConnections: 2 } })
    const clients = await Promise.all([streamClient(port), streamClient(port)])
    await expect.poll(() => meter.openConnections).toBe(2)
    const third = await streamClient(port)
    await third.ended
    for (const client of clients) {
      client.send(lookUpOctets('88.1/a'))
      expect(await client.messages(1)).toHaveLength(1)
      client.close()
    }
  })

  test('a client that reads no answers is not read from without end', async () => {
    const { port, asked } = await open({})
    const client = await streamClient(port)
    client.socket.pause()
    const many = Buffer.concat(
      Array.from({ length: 2_000 }, (_, at) => lookUpOctets('88.1/big', { requestId: at + 1 })),
    )
    client.send(many)
    let before = -1
    await expect
      .poll(
        () => {
          const isSteady = asked() === before
          before = asked()
          return isSteady && before > 0
        },
        { interval: 300, timeout: 30_000 },
      )
      .toBe(true)
    expect(asked()).toBeLessThan(2_000)
    client.socket.resume()
    expect(await client.messages(2_000)).toHaveLength(2_000)
    client.close()
  })

  test('a source has its share of octets a second, and others theirs', () => {
    const limit = new SourceLimit(1_000)
    const [one, other] = [limit.bucketOf('192.0.2.1'), limit.bucketOf('192.0.2.2')]
    expect(limit.isExhausted(one, 0)).toBe(false)
    limit.take(one, 1_500)
    expect([limit.isExhausted(one, 0), limit.isExhausted(other, 0)]).toEqual([true, false])
    expect(limit.isExhausted(one, 499)).toBe(true)
    expect(limit.isExhausted(one, 502)).toBe(false)
    // A network of 64 bits is one source; IPv4 in IPv6 is each its own.
    expect(limit.bucketOf('2001:db8:1:2::1')).toBe(limit.bucketOf('2001:db8:1:2:ffff::9'))
    expect(limit.bucketOf('2001:db8:1:2::1')).not.toBe(limit.bucketOf('2001:db8:1:3::1'))
    expect(limit.bucketOf('::ffff:192.0.2.1')).not.toBe(limit.bucketOf('::ffff:192.0.2.2'))
  })

  test('a source that has had its share gets nothing for a while', async () => {
    const { port, meter } = await open({ octetsPerSecondOfSource: 2_000 })
    const client = await datagramClient(port)
    for (let requestId = 1; requestId <= 100; requestId += 1) client.send(lookUpOctets('88.1/a', { requestId }))
    await expect.poll(() => dropped(meter)).toBeGreaterThan(20)
    await expect.poll(() => client.received.length).toBeGreaterThan(0)
    client.close()
  })
})

test('when the door drains, what is under way is answered, and quiet connections end', async () => {
  let answer: (value: Answer) => void = () => undefined
  const { port, door } = await open({
    resolve: () =>
      new Promise((resolve) => {
        answer = resolve
      }),
  })
  const [busy, quiet] = await Promise.all([streamClient(port), streamClient(port)])
  busy.send(lookUpOctets('88.1/a'))
  await expect.poll(() => answer.length).toBe(1)
  const drained = door.drain(30_000)
  await quiet.ended
  answer(found())
  expect(mustDecode((await busy.messages(1))[0]!).header.responseCode).toBe(RC.success)
  await busy.ended
  await drained
})

function found(key = '88.1/a'): Answer {
  const value = (index: number, type: string, permissions: number, data: string): Value => {
    return { index, type, data, ttlSeconds: 60, permissions, timestampSeconds: 1 }
  }
  const values = key.endsWith('big')
    ? Array.from({ length: 60 }, (_, at) => value(at + 1, 'X', 0b1110, 'x'.repeat(900)))
    : [value(1, 'URL', 0b1110, 'https://x.example/'), value(2, 'secret', 0b1100, 's')]
  const record = {
    key,
    spelling: key,
    prefix: '88.1',
    version: 1,
    template: '',
    values,
    registeredAtMs: 1,
    recordedAtMs: 1,
  }
  return { kind: 'found', key, prefix: '88.1', version: 1, tier: 'registry', stamp: 1, record }
}

function dropped(meter: HandleMeter): number {
  const { drops } = meter as unknown as { readonly drops: ReadonlyMap<string, number> }
  return drops.get('source-limit') ?? 0
}

async function open(other: Partial<HandleDoorOptions>) {
  const logged: unknown[] = []
  const meter = new HandleMeter()
  let lookups = 0
  const door = handleDoor({
    resolve: ({ identifier }: Query) => {
      lookups += 1
      return found(identifier.key)
    },
    remembered: () => undefined,
    operations: new Map(),
    site: () => new Uint8Array(),
    siteSerial: () => 1,
    clock,
    meter,
    log: { error: (...line: unknown[]) => void logged.push(line) },
    accessLog: { info: () => undefined },
    logSample: 0,
    octetsPerSecondOfSource: 0,
    ...other,
  })
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, door.takeConnection)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const socket = dgram.createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(port, '127.0.0.1', resolve))
  door.takeDatagrams(socket)
  cleanUp.push(async () => {
    server.close()
    await door.drain(0)
  })
  return { door, port, meter, logged, asked: () => lookups }
}

async function ask(port: number, octets: Buffer): Promise<Buffer> {
  const client = await streamClient(port)
  client.send(octets)
  const [answer] = await client.messages(1)
  client.close()
  return answer!
}
