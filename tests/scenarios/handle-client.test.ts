/** Our client of the native Handle protocol against our node, by every transport; and the command line over both. */
import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type HandleClient, type HandleClientOptions, handleClient } from '../../src/protocols/handle/client/client.js'
import type { Identity } from '../../src/protocols/handle/client/identity.js'
import { parseServerAddress, type ServerAddress } from '../../src/protocols/handle/client/server-address.js'
import { keyOf } from '../../src/protocols/handle/client/sites.js'
import { publicKeyRecord } from '../../src/protocols/handle/keys.js'
import { ALL_ADMIN_RIGHTS, encodeAdmin } from '../../src/record/value-types/hs-admin.js'
import { encodePublicKey } from '../../src/record/value-types/hs-pubkey.js'
import { jiexi } from '../cli/run.js'
import { value } from '../protocols/handle/client/replies.js'
import { get, makeEnterprise, type TestNode, testNode } from '../support/node.js'

const USER = '88.118.8/USER'
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ed25519 = generateKeyPairSync('ed25519')
const identities: Readonly<Record<string, Identity>> = {
  RSA: { kind: 'key', handle: USER, index: 300, privateKey: rsa.privateKey },
  Ed25519: { kind: 'key', handle: USER, index: 301, privateKey: ed25519.privateKey },
  secret: { kind: 'secret', handle: USER, index: 302, secret: Buffer.from('a secret') },
}
const clients: HandleClient[] = []
let node: TestNode
let apiKey: string

beforeAll(async () => {
  const environment = {
    JIEXI_HANDLE_PORT: '0',
    JIEXI_HANDLE_HTTP_PORT: '0',
    JIEXI_HANDLE_ADMINISTRATORS: `300:${USER},301:${USER},302:${USER}`,
  }
  node = await testNode({ environment })
  apiKey = (await makeEnterprise(node, { id: 'pumps', prefix: '88.118.8' })).apiKey
  const hex = (octets: Uint8Array) => ({ format: 'hex', value: Buffer.from(octets).toString('hex') })
  const admin = { handle: USER, index: 300, permissions: ALL_ADMIN_RIGHTS, hasTail: false }
  await put(USER, [
    { index: 100, type: 'HS_ADMIN', data: hex(encodeAdmin(admin)) },
    { index: 300, type: 'HS_PUBKEY', data: hex(encodePublicKey(publicKeyRecord(rsa.publicKey)!)) },
    { index: 301, type: 'HS_PUBKEY', data: hex(encodePublicKey(publicKeyRecord(ed25519.publicKey)!)) },
    { index: 302, type: 'HS_SECKEY', data: 'a secret', permissions: '1100' },
    { index: 400, type: 'NOTE', data: 'for us', permissions: '1100' },
  ])
  await put(
    '88.118.8/Big',
    Array.from({ length: 40 }, (_, place) => ({ index: place + 1, type: 'TEXT', data: `${place} `.repeat(100) })),
  )
})
afterAll(async () => {
  for (const client of clients) await client.close()
  await node.close()
})

async function put(handle: string, values: readonly object[]): Promise<void> {
  const response = await fetch(`${node.url}/v1/identifiers/${handle}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ values }),
  })
  expect(await response.json()).toMatchObject({ outcome: 'created' })
}

const TRANSPORTS = ['udp', 'tcp', 'http'] as const

function textOf(transport: (typeof TRANSPORTS)[number]): string {
  return `${transport}://127.0.0.1:${transport === 'http' ? node.handle.httpPort : node.handle.port}`
}

function addressOf(transport: (typeof TRANSPORTS)[number]): ServerAddress {
  const address = parseServerAddress(textOf(transport))
  if (!address.ok) throw new Error(address.reason)
  return address.value
}

function clientBy(transport: (typeof TRANSPORTS)[number], options: Partial<HandleClientOptions> = {}): HandleClient {
  const client = handleClient({ start: { kind: 'servers', servers: [addressOf(transport)] }, ...options })
  clients.push(client)
  return client
}

const url = (index: number, text = 'https://a.example/') => value(index, 'URL', text)

describe.each(TRANSPORTS)('over %s', (transport) => {
  test('records of any size come whole, parts of them alone, and what is not there is told', async () => {
    const client = clientBy(transport)
    const big = await client.resolve('88.118.8/big', { returnsDigest: true })
    expect(big).toMatchObject({ kind: 'found', isAuthoritative: true })
    expect(big.kind === 'found' && big.values.length).toBe(40)
    const part = await client.resolve('88.118.8/BIG', { indexes: [3, 5] })
    expect(part.kind === 'found' && part.values.map(({ index }) => index)).toEqual([3, 5])
    expect(await client.resolve('88.118.8/none')).toMatchObject({ kind: 'absent' })
    expect(await client.resolve('88.118.8/big', { types: ['EMAIL'] })).toMatchObject({ kind: 'no-values' })
    await expect(client.resolve('10.9999/x')).rejects.toMatchObject({ reason: 'refused' })
  })

  test('the node tells its site, with this way to it', async () => {
    const { servers } = await clientBy(transport).siteInfo()
    expect(servers[0]!.interfaces.map(({ port }) => port)).toContain(addressOf(transport).port)
  })

  test('many ask at once', async () => {
    const client = clientBy(transport)
    const answers = await Promise.all(Array.from({ length: 100 }, () => client.resolve(USER, { indexes: [100] })))
    expect(answers.every(({ kind }) => kind === 'found')).toBe(true)
  })
})

describe.each(['tcp', 'http'] as const)('over %s', (transport) => {
  test.each(['RSA', 'Ed25519', 'secret'])(
    'a record is made, changed, listed and deleted, proved by %s',
    async (kind) => {
      const client = clientBy(transport, { identity: identities[kind]! })
      const handle = `88.118.8/Made-${transport}-${kind}`
      expect(await client.create(handle, [url(1), url(2)])).toEqual({ handle, isOverwritten: false })
      await expect(client.create(handle, [url(1)])).rejects.toMatchObject({ reason: 'refused', code: 'already-exists' })
      await client.addValues(handle, [url(3)])
      await client.modifyValues(handle, [url(2, 'https://b.example/')])
      await client.removeValues(handle, [1])
      const found = await client.resolve(handle)
      expect(
        found.kind === 'found' && found.values.map(({ index, data }) => [index, Buffer.from(data).toString()]),
      ).toEqual([
        [2, 'https://b.example/'],
        [3, 'https://a.example/'],
      ])
      expect(await (await get(node, handle)).json()).toMatchObject({ identifier: handle, version: 4 })
      const listed: string[] = []
      for await (const one of client.listHandles('88.118.8')) listed.push(one.toLowerCase())
      expect(listed).toContain(handle.toLowerCase())
      await client.delete(handle)
      expect(await client.resolve(handle, { isAuthoritative: true })).toMatchObject({ kind: 'absent' })
    },
  )

  test('values that only administrators may read are for them', async () => {
    const client = clientBy(transport, { identity: identities['RSA']! })
    const note = await client.resolve(USER, { indexes: [400], isAuthenticated: true })
    expect(note.kind === 'found' && Buffer.from(note.values[0]!.data).toString()).toBe('for us')
    const wrong = clientBy(transport, {
      identity: { ...identities['secret']!, kind: 'secret', secret: Buffer.from('guess') },
    })
    await expect(wrong.resolve(USER, { indexes: [400], isAuthenticated: true })).rejects.toMatchObject({
      code: 'not-authenticated',
    })
    await expect(clientBy(transport).resolve(USER, { indexes: [400], isAuthenticated: true })).rejects.toMatchObject({
      code: 'not-authenticated',
    })
  })
})

test('changes are not taken over UDP, and that is told', async () => {
  const client = clientBy('udp', { identity: identities['RSA']!, session: 'none' })
  await expect(client.delete('88.118.8/Big')).rejects.toMatchObject({ reason: 'refused', responseCode: 4 })
})

test('after a log-in on its connection a client needs no further proof', async () => {
  const user = await clientBy('tcp').logIn({ kind: 'key', identity: identities['RSA']! })
  clients.push(user)
  await user.create('88.118.8/Logged-in', [url(1)])
  await user.delete('88.118.8/Logged-in')
  await expect(clientBy('tcp').delete('88.118.8/Big')).rejects.toMatchObject({ code: 'not-authenticated' })
})

test.each(TRANSPORTS)('jiexi resolve --handle over %s', async (transport) => {
  const { code, out } = await jiexi(['resolve', '--handle', textOf(transport), USER])
  expect([code, out.split('\n')[0]]).toEqual([0, `${USER}  3 values, from ${textOf(transport)}`])
})

test('asked as a root, the node names itself for its prefixes, and signs all of it with its key', async () => {
  const { servers } = await clientBy('tcp').siteInfo()
  const publicKey = keyOf(servers[0]!.publicKey)!
  const start = { kind: 'root' as const, servers: [addressOf('udp')], publicKey }
  const client = handleClient({ start, isCertified: true, identity: identities['RSA']!, session: 'encrypted' })
  clients.push(client)
  expect(await client.resolve('88.118.8/Big')).toMatchObject({ kind: 'found' })
  expect(await client.resolve('0.NA/88.118.8', { types: ['HS_SITE'] })).toMatchObject({ kind: 'found' })
  await client.create('88.118.8/By-root', [url(1)])
  await client.delete('88.118.8/By-root')
  await expect(client.resolve('88.119.9/x')).rejects.toMatchObject({ name: 'HandleFault' })
})
