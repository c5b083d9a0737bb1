/** The servers of the native protocol on a real node, by what they answer and what they do not, over real sockets. */
import { randomInt, verify } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SIGNED } from '../../src/protocols/handle/codec-credential.js'
import { encodeMessage, type Message, signedPartOf } from '../../src/protocols/handle/codec-message.js'
import { packetsOf } from '../../src/protocols/handle/codec-packets.js'
import { signedOctets } from '../../src/protocols/handle/codec-signed.js'
import { FLAG, hasFlag, OP, RC } from '../../src/protocols/handle/codes.js'
import { requestDigest } from '../../src/protocols/handle/digests.js'
import { signatureKey } from '../../src/protocols/handle/keys.js'
import { decodePublicKey } from '../../src/record/value-types/hs-pubkey.js'
import { decodeSite, type Site } from '../../src/record/value-types/hs-site.js'
import { mustDecode } from '../protocols/handle/whole-messages.js'
import { datagramClient, lookUp, lookUpOctets, streamClient, tunnelled, USUAL_FLAGS } from '../support/handle-client.js'
import { type Enterprise, makeEnterprise, put, type TestNode, testNode } from '../support/node.js'

const HANDLE = '88.100.1/Mixed'
const VERSION = { major: 2, minor: 11 }

let node: TestNode
let enterprise: Enterprise
let port: number

beforeAll(async () => {
  node = await testNode({ environment: { JIEXI_HANDLE_PORT: '0', JIEXI_HANDLE_HTTP_PORT: '0' } })
  port = node.handle.port!
  enterprise = await makeEnterprise(node, { id: 'pumps', prefix: '88.100.1' })
  await register(HANDLE, [
    { index: 1, type: 'URL', data: 'https://x.example/' },
    { index: 2, type: 'EMAIL.work', data: 'a@x.example' },
    { index: 3, type: 'secret', data: 'for administrators', permissions: '1100' },
    { index: 4, type: 'nobody', data: 'for nobody', permissions: '0000' },
  ])
  await register('88.100.1/hidden', [{ index: 3, type: 'secret', data: 'all', permissions: '1100' }])
  await register(
    '88.100.1/big',
    Array.from({ length: 40 }, (_, at) => ({ index: at + 1, type: 'X', data: 'x'.repeat(90) })),
  )
  await put(node, enterprise.apiKey, { identifier: '88.100.1/gone', name: 'Gone' })
  await fetch(`${node.url}/v1/identifiers/88.100.1/gone`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${enterprise.apiKey}` },
  })
})

afterAll(async () => {
  await node.close()
})

describe('a look-up', () => {
  test.each([
    ['what is not there', '88.100.1/nope', RC.handleNotFound],
    ['what was withdrawn', '88.100.1/gone', RC.handleNotFound],
    ['another server’s handle', '10.9999/x', RC.notResponsible],
    ['no handle', '/x', RC.invalidHandle],
    ['a handle with nothing public', '88.100.1/hidden', RC.valuesNotFound],
  ])('of %s', async (_what, handle, code) => {
    const answer = await ask(lookUp(handle))
    expect(answer.header.responseCode).toBe(code)
    // Once more, from memory where it can be.
    expect((await ask(lookUp(handle))).header.responseCode).toBe(code)
  })

  test.each<[string, { indexes?: number[]; types?: string[] }, number[]]>([
    ['everything public', {}, [1, 2]],
    ['an index', { indexes: [2] }, [2]],
    ['a type, in any case', { types: ['url'] }, [1]],
    ['a type and all below it', { types: ['EMAIL.'] }, [2]],
    ['an index or a type', { indexes: [2], types: ['URL'] }, [1, 2]],
    ['what is restricted', { indexes: [3], types: ['nobody'] }, []],
  ])('for %s', async (_what, selection, indexes) => {
    for (const message of [lookUp(HANDLE, selection), lookUp(HANDLE.toUpperCase(), selection)]) {
      const { body, header } = await ask(message)
      expect(body.kind === 'handle-values' ? body.values.map(({ index }) => index) : []).toEqual(indexes)
      expect(header.responseCode).toBe(indexes.length > 0 ? RC.success : RC.valuesNotFound)
      // The handle comes back as it was written.
      if (body.kind === 'handle-values')
        expect({ handle: body.handle }).toMatchObject({ handle: (message.body as { handle: string }).handle })
    }
  })

  test('without any flag, as the national SDK sends it, gives the public values and no challenge', async () => {
    const { header, body } = await ask(lookUp(HANDLE, { opFlags: 0 }))
    expect([header.responseCode, header.opFlags]).toEqual([RC.success, 0x9000_0000])
    expect(body.kind === 'handle-values' && body.values.map(({ index }) => index)).toEqual([1, 2])
  })

  test('echoes its flags, but for those that an answer says of itself', async () => {
    const opFlags = (USUAL_FLAGS | FLAG.continuous | FLAG.trustedQuery | FLAG.trustedResult | FLAG.keepConnection) >>> 0
    const { header } = await ask(lookUp(HANDLE, { opFlags }))
    expect(header.opFlags).toBe((USUAL_FLAGS | FLAG.authoritative | FLAG.trustedQuery | FLAG.keepConnection) >>> 0)
  })

  test('that demands the authority’s own answer is given a write that has just been made', async () => {
    for (let name = 0; name < 5; name += 1) {
      await register('88.100.1/fresh', [{ index: 1, type: 'N', data: String(name) }])
      const { body } = await ask(lookUp('88.100.1/fresh', { opFlags: (USUAL_FLAGS | FLAG.authoritative) >>> 0 }))
      expect(body.kind === 'handle-values' && String(Buffer.from(body.values[0]!.data))).toBe(String(name))
    }
  })

  test('with the flag for it returns the digest of the request', async () => {
    const request = encodeMessage(lookUp(HANDLE, { opFlags: (USUAL_FLAGS | FLAG.returnDigest) >>> 0 }))
    const answer = mustDecode(await askOctets(request))
    expect(answer.requestDigest?.octets).toEqual(new Uint8Array(requestDigest(request, VERSION).octets))
  })

  test('for a signed answer is signed by the key that site information tells', async () => {
    const octets = await askOctets(lookUpOctets(HANDLE, { opFlags: (USUAL_FLAGS | FLAG.certify) >>> 0 }))
    const { header, envelope, credential } = mustDecode(octets)
    expect([header.responseCode, hasFlag(header.opFlags, FLAG.certify)]).toEqual([RC.success, true])
    const key = decodePublicKey((await siteOf()).servers[0]!.publicKey)
    if (!key.ok) throw new Error(key.message)
    const signed = signedOctets({ envelope, type: SIGNED, counter: 0, headerAndBody: signedPartOf(octets) })
    expect(verify('sha256', signed!, signatureKey(key.value)!, credential!.signature)).toBe(true)
  })
})

describe('other requests', () => {
  test('site information names TCP first, for everything', async () => {
    expect((await siteOf()).servers[0]!.interfaces).toEqual([
      { type: 3, transport: 1, port },
      { type: 2, transport: 0, port },
      { type: 3, transport: 2, port: node.handle.httpPort },
    ])
  })

  test.each([
    ['no operation', 0, RC.protocolError],
    ['an unknown operation', 999, RC.notSupported],
    ['the largest number', 0xffff_ffff, RC.notSupported],
  ])('with %s', async (_what, opCode, code) => {
    const { header, envelope } = await ask({
      ...lookUp('x', { requestId: 4711 }),
      header: headerOf(opCode),
      body: NO_BODY,
    })
    expect([header.opCode, header.responseCode, envelope.requestId]).toEqual([opCode, code, 4711])
  })

  test('that cannot be read are answered with their number and the reason', async () => {
    const request = lookUpOctets(HANDLE, { requestId: 99 })
    // The handle is said to be longer than all of the message.
    request.writeUInt32BE(0x7fff_ffff, 44)
    const { header, envelope, body } = mustDecode(await askOctets(request))
    expect([header.opCode, header.responseCode, envelope.requestId]).toEqual([OP.resolve, RC.protocolError, 99])
    expect(body).toMatchObject({ kind: 'error', message: expect.stringContaining('handle') })
  })
})

describe('TCP', () => {
  test('many requests of one write are answered, each with its number, whatever piece they come in', async () => {
    const ids = Array.from({ length: 500 }, (_, at) => at + 1)
    const handles = [HANDLE, '88.100.1/nope', '88.100.1/big', '10.9999/x']
    const octets = Buffer.concat(ids.map((requestId) => lookUpOctets(handles[requestId % 4]!, { requestId })))
    const client = await streamClient(port)
    for (let at = 0; at < octets.length; ) {
      const end = at + 1 + randomInt(3_000)
      client.send(octets.subarray(at, end))
      at = end
    }
    const answers = await client.messages(ids.length)
    expect(answers.map((answer) => answer.readUInt32BE(8)).sort((a, b) => a - b)).toEqual(ids)
    client.close()
  })

  test('an octet at a time is slow, and right', async () => {
    const client = await streamClient(port)
    for (const octet of lookUpOctets(HANDLE)) {
      client.send(Uint8Array.of(octet))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(mustDecode((await client.messages(1))[0]!).header.responseCode).toBe(RC.success)
    client.close()
  })

  test('who has said all and closes its side gets its answers, and the end', async () => {
    const client = await streamClient(port)
    client.socket.end(Buffer.concat([lookUpOctets(HANDLE), lookUpOctets('88.100.1/nope-2', { requestId: 2 })]))
    expect(await client.messages(2)).toHaveLength(2)
    await client.ended
  })

  test('a message that is too long is told, and is the last', async () => {
    const request = lookUpOctets(HANDLE, { requestId: 5 })
    request.writeUInt32BE(300_000, 16)
    const client = await streamClient(port)
    client.send(request)
    const { header, envelope } = mustDecode((await client.messages(1))[0]!)
    expect([header.responseCode, envelope.requestId]).toEqual([RC.protocolError, 5])
    await client.ended
  })

  test('a response is passed over', async () => {
    const client = await streamClient(port)
    const response = lookUpOctets(HANDLE, { requestId: 1 })
    response.writeUInt32BE(RC.success, 24)
    client.send(Buffer.concat([response, lookUpOctets(HANDLE, { requestId: 2 })]))
    expect((await client.messages(1))[0]!.readUInt32BE(8)).toBe(2)
    client.close()
  })
})

describe('UDP', () => {
  test('a request in packets of any order, some of them twice, is answered once', async () => {
    const types = Array.from({ length: 80 }, (_, at) => `TYPE-${at}-${'x'.repeat(15)}`)
    const request = lookUpOctets(HANDLE, { types: [...types, 'URL'] })
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([...packetsOf(request, true)], { minLength: packetsOf(request, true).length }),
        fc.nat(3),
        fc.integer({ min: 1, max: 0x7fff_ffff }),
        async (packets, again, requestId) => {
          const client = await datagramClient(port)
          const own = [packets[again % packets.length]!, ...packets].map((packet) => {
            const copy = Buffer.from(packet)
            copy.writeUInt32BE(requestId, 8)
            return copy
          })
          client.send(...own)
          const [answer] = await client.packets(1)
          client.close()
          const { body, envelope } = mustDecode(answer!)
          expect(envelope.requestId).toBe(requestId)
          expect(body.kind === 'handle-values' && body.values.map(({ index }) => index)).toEqual([1])
        },
      ),
      { numRuns: 30 },
    )
  })

  test('an answer that is too long for a stranger is cut off and says so; over TCP it is whole', async () => {
    const request = lookUpOctets('88.100.1/big', { requestId: 77 })
    for (const _once of ['the long way', 'at hand']) {
      const client = await datagramClient(port)
      client.send(request)
      const [packet] = await client.packets(1)
      expect([packet!.length, packet![2]! & 0x20, packet!.readUInt32BE(8)]).toEqual([512, 0x20, 77])
      await quietFor(client)
      expect(client.received).toHaveLength(1)
      client.close()
    }
    const { body } = await ask(lookUp('88.100.1/big'))
    expect(body.kind === 'handle-values' && body.values.length).toBe(40)
  })

  test('neither responses nor what cannot be told from one are answered, whatever else they are', async () => {
    const client = await datagramClient(port)
    const request = lookUpOctets(HANDLE)
    for (const code of [1, 2, 100, 301, 402, 0xffff_ffff]) {
      const response = Buffer.from(request)
      response.writeUInt32BE(code, 24)
      client.send(response, response.subarray(0, 44))
      // In packets, and encrypted.
      const first = Buffer.from(response.subarray(0, 60))
      const second = Buffer.concat([response.subarray(0, 20), response.subarray(60)])
      second.writeUInt32BE(1, 12)
      client.send(second, first)
      const encrypted = Buffer.from(response)
      encrypted[2]! |= 0x40
      client.send(encrypted)
    }
    client.send(Buffer.alloc(0), request.subarray(0, 10), request.subarray(0, 20), request.subarray(0, 30))
    await quietFor(client)
    expect(client.received).toHaveLength(0)
    client.close()
    expect(await metric('jiexi_handle_datagrams_dropped_total{reason="response"}')).toBeGreaterThan(5)
  })

  test('administration is refused', async () => {
    const client = await datagramClient(port)
    client.send(
      encodeMessage({ ...lookUp('x'), header: headerOf(OP.delete), body: { kind: 'handle', handle: HANDLE } }),
    )
    const { header } = mustDecode((await client.packets(1))[0]!)
    expect([RC.protocolError, RC.notSupported]).toContain(header.responseCode)
    client.close()
  })

  test('whatever octets come, nothing dies, and no answer is more than four packets', {
    timeout: 120_000,
  }, async () => {
    const client = await datagramClient(port)
    const seeds = [
      lookUpOctets(HANDLE),
      lookUpOctets('88.100.1/big'),
      lookUpOctets(HANDLE, { types: ['x'.repeat(500)] }),
    ]
    for (let round = 0; round < 3_000; round += 1) client.send(mutated(seeds[round % seeds.length]!))
    await quietFor(client)
    for (const packet of client.received) {
      expect(packet.length).toBeLessThanOrEqual(512)
      expect(packet.readUInt32BE(12)).toBeLessThan(4)
    }
    client.close()
    const stream = await streamClient(port)
    for (let round = 0; round < 300; round += 1) {
      const broken = await streamClient(port)
      broken.send(mutated(seeds[round % seeds.length]!))
      broken.close()
    }
    stream.send(lookUpOctets(HANDLE))
    expect(mustDecode((await stream.messages(1))[0]!).header.responseCode).toBe(RC.success)
    stream.close()
  })
})

describe('the HTTP tunnel', () => {
  const url = () => `http://127.0.0.1:${node.handle.httpPort}`

  test('what is no request is a problem document that says why', async () => {
    const response = lookUpOctets(HANDLE)
    response.writeUInt32BE(RC.success, 24)
    for (const octets of [Buffer.from('hello'), response]) {
      const answer = await tunnelled(url(), octets)
      expect([answer.status, answer.type]).toEqual([400, expect.stringContaining('problem+json')])
    }
    const tooLong = await tunnelled(url(), Buffer.alloc(300_000))
    expect(tooLong.status).toBe(413)
  })

  test('other requests are another door’s', async () => {
    const answer = await fetch(url(), { method: 'POST', body: 'a=b', headers: { 'content-type': 'text/plain' } })
    expect(answer.headers.get('content-type')).not.toContain('x-hdl-message')
    expect(answer.status).toBeGreaterThanOrEqual(400)
  })
})

test('requests are counted by transport, operation and code', async () => {
  const of = 'jiexi_handle_requests_total{transport="tcp",op="1",code="1"}'
  const before = await metric(of)
  await ask(lookUp(HANDLE))
  await ask(lookUp(HANDLE))
  expect(await metric(of)).toBe(before + 2)
})

const NO_BODY = { kind: 'opaque', octets: new Uint8Array() } as const

function headerOf(opCode: number): Message['header'] {
  return { ...lookUp('x').header, opCode }
}

async function siteOf(): Promise<Site> {
  const { body } = await ask({
    ...lookUp('/'),
    header: headerOf(OP.getSiteInfo),
    body: { kind: 'handle', handle: '/' },
  })
  if (body.kind !== 'site') throw new Error(`site information is ${body.kind}`)
  const site = decodeSite(body.octets)
  if (!site.ok) throw new Error(site.message)
  return site.value
}

async function ask(message: Message): Promise<Message> {
  return mustDecode(await askOctets(encodeMessage(message)))
}

async function askOctets(octets: Buffer): Promise<Buffer> {
  const client = await streamClient(port)
  client.send(octets)
  const [answer] = await client.messages(1)
  client.close()
  return answer!
}

/** Everything sent before has been dealt with once the answer to this has come. */
async function quietFor(client: Awaited<ReturnType<typeof datagramClient>>): Promise<void> {
  const other = await datagramClient(port)
  other.send(lookUpOctets(HANDLE, { requestId: 1 }))
  await other.packets(1)
  // What goes the long way from memory or the database takes longer than this answer, never than ten of another kind.
  for (let round = 2; round < 12; round += 1) {
    other.send(lookUpOctets(`88.100.1/nothing-${randomInt(2 ** 40)}`, { requestId: round }))
    await other.packets(round)
  }
  other.close()
  client.send()
}

function mutated(seed: Buffer): Buffer {
  const octets = Buffer.from(seed)
  for (let count = 1 + randomInt(4); count > 0; count -= 1) octets[randomInt(octets.length)] = randomInt(256)
  return randomInt(4) === 0 ? octets.subarray(0, randomInt(octets.length)) : octets
}

async function metric(line: string): Promise<number> {
  const text = await (await fetch(`${node.url}/metrics`)).text()
  const found = text.split('\n').find((one) => one.startsWith(`${line} `))
  return found === undefined ? 0 : Number(found.slice(line.length + 1))
}

async function register(handle: string, values: readonly object[]): Promise<void> {
  const response = await fetch(`${node.url}/v1/identifiers/${encodeURIComponent(handle)}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${enterprise.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ values }),
  })
  if (!response.ok) throw new Error(`${handle}: ${await response.text()}`)
}
