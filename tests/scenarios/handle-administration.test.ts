/**
 * Administration over real sockets, by whole nodes on one database: challenges, sessions and logins begun at one and gone on with at
 * the other, and what is changed so is what every door shows.
 */
import { createDiffieHellman, getDiffieHellman } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/platform/postgres.js'
import { type HandleClient, handleClient } from '../../src/protocols/handle/client/client.js'
import type { Identity } from '../../src/protocols/handle/client/identity.js'
import type { SessionMode } from '../../src/protocols/handle/client/sessions.js'
import { MAC } from '../../src/protocols/handle/codec-credential.js'
import { decodeEnvelope, ENVELOPE_OCTETS } from '../../src/protocols/handle/codec-envelope.js'
import {
  decodeMessage,
  decodeOpened,
  encodeSealed,
  type Message,
  signedPartOf,
  withCredential,
} from '../../src/protocols/handle/codec-message.js'
import { decodeDiffieHellmanData, SESSION_MODE } from '../../src/protocols/handle/codec-session.js'
import { signedOctets } from '../../src/protocols/handle/codec-signed.js'
import { FLAG, hasFlag, OP, RC } from '../../src/protocols/handle/codes.js'
import { sessionMac } from '../../src/protocols/handle/digests.js'
import { open, seal, sessionKeyOf } from '../../src/protocols/handle/session-cipher.js'
import { ALL_ADMIN_RIGHTS, encodeAdmin } from '../../src/record/value-types/hs-admin.js'
import { decodePublicKey, encodePublicKey, magnitude, withSign } from '../../src/record/value-types/hs-pubkey.js'
import {
  answerOctets,
  requestOctets,
  rsaHolder,
  rsaKey,
  secretHolder,
  wireValue,
} from '../protocols/handle/administration/admin-node.js'
import { type StreamClient, streamClient, tunnelled } from '../support/handle-client.js'
import { get, makeEnterprise, type TestNode, testNode } from '../support/node.js'

const USER = '88.118.8/USER'
const key = rsaKey()
const user = rsaHolder(USER, 300, key.privateKey)
const bySecret = secretHolder(USER, 301, 'a secret')
const server = secretHolder(USER, 302, 'of the server')
const PORTS = { JIEXI_HANDLE_PORT: '0', JIEXI_HANDLE_HTTP_PORT: '0', JIEXI_HANDLE_ADMINISTRATORS: `302:${USER}` }

let node: TestNode
let other: TestNode
const streams: StreamClient[] = []

beforeAll(async () => {
  node = await testNode({ environment: PORTS })
  other = await testNode({ environment: { ...PORTS, DATABASE_URL: node.databaseUrl } })
  const { apiKey } = await makeEnterprise(node, { id: 'pumps', prefix: '88.118.8' })
  const hex = (octets: Uint8Array) => ({ format: 'hex', value: Buffer.from(octets).toString('hex') })
  const values = [
    {
      index: 100,
      type: 'HS_ADMIN',
      data: hex(encodeAdmin({ handle: USER, index: 300, permissions: ALL_ADMIN_RIGHTS, hasTail: false })),
    },
    {
      index: 101,
      type: 'HS_ADMIN',
      data: hex(encodeAdmin({ handle: USER, index: 301, permissions: ALL_ADMIN_RIGHTS, hasTail: false })),
    },
    { index: 300, type: 'HS_PUBKEY', data: hex(key.record) },
    { index: 301, type: 'HS_SECKEY', data: 'a secret', permissions: '1100' },
    { index: 302, type: 'HS_SECKEY', data: 'of the server', permissions: '1100' },
    { index: 400, type: 'NOTE', data: 'for administrators', permissions: '1100' },
  ]
  const response = await fetch(`${node.url}/v1/identifiers/${USER}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ values }),
  })
  expect(await response.json()).toMatchObject({ outcome: 'created' })
})
afterAll(async () => {
  for (const stream of streams) stream.close()
  await other.close()
  await node.close()
})

async function stream(of: TestNode = node): Promise<StreamClient> {
  const opened = await streamClient(of.handle.port!)
  streams.push(opened)
  return opened
}

function openedDatabase() {
  const db = openDatabase({ url: node.databaseUrl, maxConnections: 1, statementTimeoutMs: 10_000 })
  return { db, close: () => db.close() }
}

function decoded(octets: Buffer, sessionKey?: Uint8Array): Message {
  const envelope = decodeEnvelope(octets)
  if (!envelope.ok) throw new Error(envelope.message)
  const opened = envelope.value.isEncrypted ? open(sessionKey!, octets.subarray(ENVELOPE_OCTETS)) : undefined
  const message = opened === undefined ? decodeMessage(octets) : decodeOpened(envelope.value, opened)
  if (!message.ok) throw new Error(message.message)
  return message.value
}

/** Again while the server is too busy, as clients do: a busy machine is no subject here. */
async function ask(on: StreamClient, octets: Buffer, sessionKey?: Uint8Array): Promise<Message> {
  for (;;) {
    on.send(octets)
    const answer = decoded((await on.messages(1))[0]!, sessionKey)
    if (answer.header.responseCode !== RC.tooBusy) return answer
  }
}

const url = (index = 1) => wireValue(index, 'URL', 'https://a.example/')
const creation = (handle: string, more: object = {}) =>
  requestOctets(OP.create, { kind: 'handle-values', handle, values: [url()] }, more)

test('a handle created at one node by an administrator of the server, over TCP, is there for every door of the other', async () => {
  const on = await stream()
  const challenge = await ask(on, creation('88.118.8/Over-TCP'))
  expect(challenge).toMatchObject({ header: { opCode: OP.create, responseCode: RC.authenticationNeeded } })
  const created = await ask(await stream(other), await answerOctets(challenge, server))
  expect(created).toMatchObject({
    envelope: { sessionId: 0 },
    header: { opCode: OP.create, responseCode: RC.success },
    body: { handle: '88.118.8/Over-TCP' },
  })
  const response = await get(other, '88.118.8/over-tcp')
  expect(await response.json()).toMatchObject({ identifier: '88.118.8/Over-TCP', version: 1 })
})

test('with OWE an answer says whether something was overwritten, and not what was asked', async () => {
  const on = await stream()
  for (const isThere of [false, true]) {
    const challenge = await ask(on, creation('88.118.8/owe', { flags: FLAG.overwrite }))
    const created = await ask(on, await answerOctets(challenge, server))
    expect(created.header.responseCode).toBe(RC.success)
    expect(hasFlag(created.header.opFlags, FLAG.overwrite)).toBe(isThere)
  }
})

test('values that only administrators may read are for them, once they have answered', async () => {
  const on = await stream()
  const lookUp = requestOctets(OP.resolve, { kind: 'query', handle: USER, indexes: [400], types: [] })
  lookUp.writeUInt32BE(FLAG.recursive | FLAG.cacheCertify, 28)
  const answered = await ask(on, await answerOctets(await ask(on, lookUp), user))
  expect(answered).toMatchObject({ header: { opCode: OP.resolve, responseCode: RC.success } })
  expect(answered.body).toMatchObject({ kind: 'handle-values', values: [{ index: 400, type: 'NOTE' }] })
  const refused = await ask(on, await answerOctets(await ask(on, lookUp), server))
  expect(refused.header.responseCode).toBe(RC.success)
  const wrong = await ask(on, await answerOctets(await ask(on, lookUp), secretHolder(USER, 301, 'guess')))
  expect(wrong.header.responseCode).toBe(RC.authenticationFailed)
})

test('values change over the HTTP tunnel', async () => {
  const at = `http://127.0.0.1:${node.handle.httpPort}`
  const addition = requestOctets(OP.addValues, { kind: 'handle-values', handle: USER, values: [url(7)] })
  const challenge = decoded((await tunnelled(at, addition)).octets)
  const added = decoded((await tunnelled(at, await answerOctets(challenge, bySecret))).octets)
  expect(added.header).toMatchObject({ opCode: OP.addValues, responseCode: RC.success })
})

test('a session set up at one node is gone on with at the other, encrypted both ways', async () => {
  const group = getDiffieHellman('modp2')
  const own = createDiffieHellman(group.getPrime(), group.getGenerator())
  const numbers = { y: withSign(own.generateKeys()), p: withSign(group.getPrime()), g: withSign(group.getGenerator()) }
  const publicKey = encodePublicKey({ kind: 'dh', flags: 0, ...numbers })
  const request = { mode: SESSION_MODE.diffieHellman, timeoutSeconds: 3600, handle: USER, index: 300, publicKey }
  const [here, there] = [await stream(), await stream(other)]
  const answer = await ask(here, requestOctets(OP.setUpSession, { kind: 'session-request', ...request }))
  if (answer.body.kind !== 'session-answer') throw new Error('no session')
  const data = decodeDiffieHellmanData(answer.body.data)
  const theirs = data.ok ? decodePublicKey(data.value.publicKey) : data
  if (!theirs.ok || theirs.value.kind !== 'dh') throw new Error('no key')
  const sessionKey = sessionKeyOf(own.computeSecret(magnitude(theirs.value.y)))
  const { sessionId } = answer.envelope

  const say = (index: number, counter: number) => {
    const octets = requestOctets(
      OP.addValues,
      { kind: 'handle-values', handle: USER, values: [url(index)] },
      { sessionId },
    )
    const { envelope } = decoded(octets)
    const signed = signedOctets({ envelope, type: MAC, counter, headerAndBody: signedPartOf(octets) })!
    const mac = sessionMac(envelope.version, sessionKey, signed)
    const whole = withCredential(octets, { version: 0, options: 0, handle: '', index: counter, type: MAC, ...mac })
    return encodeSealed(envelope, seal(sessionKey, Buffer.alloc(16, counter), whole.subarray(ENVELOPE_OCTETS)))
  }
  const challenge = await ask(there, say(20, 1), sessionKey)
  expect(challenge.header.responseCode).toBe(RC.authenticationNeeded)
  expect((await ask(here, await answerOctets(challenge, user), sessionKey)).header.responseCode).toBe(RC.success)
  const done = await ask(there, say(21, 2), sessionKey)
  expect(done.header).toMatchObject({ opCode: OP.addValues, responseCode: RC.success })
  expect(done.credential).toMatchObject({ type: MAC, index: 2 })
  expect((await ask(here, say(22, 2), sessionKey)).header.responseCode).toBe(RC.sessionMessageRejected)
})

test('a login belongs to its connection, with many requests of it under way', async () => {
  const on = await stream()
  const national = (opCode: number, body: Parameters<typeof requestOctets>[1]) => {
    const octets = requestOctets(opCode, body, {
      version: { major: 2, minor: 3 },
      suggestedVersion: { major: 2, minor: 10 },
    })
    octets.writeUInt32BE(0, 28)
    return octets
  }
  const addition = (index: number) =>
    national(OP.addValues, { kind: 'handle-values', handle: USER, values: [url(index)] })
  expect((await ask(on, addition(40))).header.responseCode).toBe(RC.loginFirst)
  const login = await ask(on, national(OP.loginByKey, { kind: 'handle-index', handle: USER, index: 300 }))
  const done = await ask(on, await answerOctets(login, user))
  expect(done.header).toMatchObject({ opCode: OP.loginByKey, responseCode: RC.success })
  for (const index of [41, 42, 43]) on.send(addition(index))
  const codes = (await on.messages(3)).map((octets) => decoded(octets).header.responseCode)
  expect(codes).toEqual([1, 1, 1])
  expect((await ask(await stream(), addition(44))).header.responseCode).toBe(RC.loginFirst)
})

describe('our own client', () => {
  const address = () => ({ transport: 'tcp', host: '127.0.0.1', port: node.handle.port! }) as const
  const clients: HandleClient[] = []
  const clientOf = (identity: Identity, session: SessionMode) => {
    const client = handleClient({ start: { kind: 'servers', servers: [address()] }, identity, session })
    clients.push(client)
    return client
  }
  const identities: readonly [string, Identity][] = [
    ['a key', { kind: 'key', handle: USER, index: 300, privateKey: key.privateKey }],
    ['a secret', { kind: 'secret', handle: USER, index: 301, secret: Buffer.from('a secret') }],
  ]

  afterAll(async () => {
    for (const client of clients) await client.close()
  })

  test.each(identities)(
    'administers values by %s, challenged, in a session, and in an encrypted one',
    async (_name, identity) => {
      for (const session of ['none', 'required', 'encrypted'] as const) {
        const client = clientOf(identity, session)
        await client.addValues(USER, [url(70)])
        await client.modifyValues(USER, [url(70)])
        await expect(client.addValues(USER, [url(70)])).rejects.toMatchObject({
          message: expect.stringContaining('70'),
        })
        const answer = await client.resolve(USER, { types: ['NOTE'], isAuthenticated: true })
        expect(answer).toMatchObject({ kind: 'found', values: [{ index: 400 }] })
        await client.removeValues(USER, [70])
      }
    },
  )

  test('sets a session up anew when the server has forgotten it', async () => {
    const client = clientOf(identities[0]![1], 'required')
    await client.addValues(USER, [url(72)])
    const { db, close } = openedDatabase()
    const ended = await db.query('delete from handle_session returning 1 as one')
    await close()
    expect(ended.length).toBeGreaterThan(0)
    await client.removeValues(USER, [72])
  })

  test('gets no further in a session with a wrong secret', async () => {
    const client = clientOf({ ...identities[1]![1], secret: Buffer.from('guess') } as Identity, 'required')
    await expect(client.addValues(USER, [url(73)])).rejects.toMatchObject({ message: expect.stringContaining('403') })
  })

  test('makes, lists and drops handles, and homes prefixes, as an administrator of the server', async () => {
    const identity = { kind: 'secret', handle: USER, index: 302, secret: Buffer.from('of the server') } as const
    const client = clientOf(identity, 'none')
    const { handle } = await client.create('88.118.8/minted-', [url()], { mintsSuffix: true })
    expect(handle).toMatch(/^88\.118\.8\/minted-[\da-f-]{36}$/)
    const listed: string[] = []
    for await (const one of client.listHandles('88.118.8')) listed.push(one)
    expect(listed).toContain(handle)
    await client.delete(handle)
    await client.home('88.118.99')
    const homed: string[] = []
    for await (const one of client.listHomed()) homed.push(one)
    expect(homed).toContain('0.NA/88.118.99')
  })

  test('logs in as the national SDK does', async () => {
    const client = handleClient({ start: { kind: 'servers', servers: [address()] } })
    const user = await client.logIn({ kind: 'key', identity: identities[0]![1] })
    await user.addValues(USER, [url(71)])
    await user.removeValues(USER, [71])
    await user.close()
    await client.close()
  })
})
