/** Logins of the national SDK, with its own octets where they are at hand, and what belongs to a connection. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OP, RC } from '../../../../src/protocols/handle/codes.js'
import type { ConnectionState, Peer } from '../../../../src/protocols/handle/operation.js'
import { writeIdentifier } from '../../../../src/registry/identifiers.js'
import { listPrefixes } from '../../../../src/registry/prefixes.js'
import { registration } from '../../../registry/fixture.js'
import { capturedMessages } from '../../../support/handle-vectors.js'
import {
  type AdminNode,
  adminNode,
  adminValue,
  answerOctets,
  ask,
  codesOf,
  deliver,
  reasonOf,
  requestOctets,
  rsaHolder,
  rsaKey,
  type Speaker,
  secretHolder,
  storedValue,
  TCP,
  wireValue,
} from './admin-node.js'

const USER = '88.118.8/ADMIN'
const PREFIX = '0.NA/88.118.8'
const rsa = rsaKey()
const user = rsaHolder(USER, 301, rsa.privateKey)
const server = secretHolder('0.NA/88.118.8', 300, 'server')

let node: AdminNode

beforeAll(async () => {
  node = await adminNode({ serverAdministrators: [{ handle: PREFIX, index: 300 }], takesPlainPasswords: true })
  await node.put(PREFIX, [adminValue(100, user), storedValue(300, 'HS_SECKEY', 'server', 0b1100)])
  const values = [storedValue(301, 'HS_PUBKEY', rsa.record), storedValue(302, 'HS_SECKEY', 'pwd123', 0b1100)]
  await node.put(USER, values, node.acme)
})
afterAll(() => node.close())

const NATIONAL = { version: { major: 2, minor: 3 }, suggestedVersion: { major: 2, minor: 10 } }

function connected(more: Partial<Peer> = {}): Speaker & { readonly connection: ConnectionState } {
  const connection: ConnectionState = {}
  return { worker: node.worker, peer: { ...TCP, connection, ...more }, connection }
}

/** The SDK's flags are none at all. */
function national(opCode: number, body: Parameters<typeof requestOctets>[1]): Buffer {
  const octets = requestOctets(opCode, body, NATIONAL)
  octets.writeUInt32BE(0, 28)
  return octets
}

let number = 0
const creation = () => {
  number += 1
  return { kind: 'handle-values', handle: `88.118.8/n-${number}`, values: [wireValue(1, 'URL', 'x')] } as const
}

async function logIn(of: Speaker) {
  const body = { kind: 'handle-index', handle: USER, index: 301 } as const
  const [challenge] = await deliver(of, national(OP.loginByKey, body))
  expect(challenge!.header).toMatchObject({ opCode: OP.loginByKey, responseCode: RC.authenticationNeeded })
  return deliver(of, await answerOctets(challenge!, user))
}

describe('a login by key', () => {
  test('is good for its connection, without sessions or MACs, and for no other', async () => {
    const one = connected()
    expect(codesOf(await deliver(one, national(OP.create, creation())))).toEqual([RC.loginFirst])
    const [done] = await logIn(one)
    expect(done).toMatchObject({
      header: { opCode: OP.loginByKey, responseCode: RC.success },
      envelope: { sessionId: 0 },
      body: { kind: 'empty' },
    })
    expect(codesOf(await deliver(one, national(OP.create, creation())))).toEqual([RC.success])
    expect(codesOf(await deliver(connected(), national(OP.create, creation())))).toEqual([RC.loginFirst])
  })

  test('is made once for each connection', async () => {
    const one = connected()
    await logIn(one)
    const again = await deliver(one, national(OP.loginByKey, { kind: 'handle-index', handle: USER, index: 301 }))
    expect(codesOf(again)).toEqual([RC.repeatedLogin])
    expect(reasonOf(again)).toContain('301:88.118.8/ADMIN')
  })

  test('is refused with another key, and to what has no connection', async () => {
    const one = connected()
    const body = { kind: 'handle-index', handle: USER, index: 301 } as const
    const [challenge] = await deliver(one, national(OP.loginByKey, body))
    const wrong = await answerOctets(challenge!, rsaHolder(USER, 301, rsaKey().privateKey))
    expect(codesOf(await deliver(one, wrong))).toEqual([RC.authenticationFailed])
    expect(one.connection.login).toBeUndefined()
    const http = { worker: node.worker, peer: { ...TCP, transport: 'http' as const } }
    expect(codesOf(await deliver(http, national(OP.loginByKey, body)))).toEqual([RC.protocolError])
  })

  test('binds the connection that the answer came on', async () => {
    const [one, other] = [connected(), connected()]
    const body = { kind: 'handle-index', handle: USER, index: 301 } as const
    const [challenge] = await deliver(one, national(OP.loginByKey, body))
    await deliver(other, await answerOctets(challenge!, user))
    expect(one.connection.login).toBeUndefined()
    expect(other.connection.login).toMatchObject({ handle: USER, index: 301 })
  })

  test('is over for whatever the key may do, once the key is another', async () => {
    const one = connected()
    await logIn(one)
    const other = rsaKey()
    await node.put(USER, [storedValue(301, 'HS_PUBKEY', other.record)], node.acme)
    const refusal = await deliver(one, national(OP.create, creation()))
    expect(codesOf(refusal)).toEqual([RC.authenticationFailed])
    const values = [storedValue(301, 'HS_PUBKEY', rsa.record), storedValue(302, 'HS_SECKEY', 'pwd123', 0b1100)]
    await node.put(USER, values, node.acme)
    expect(codesOf(await deliver(one, national(OP.create, creation())))).toEqual([RC.success])
  })

  test('of the SDK’s own octets is challenged in its version', async () => {
    const { bytes } = capturedMessages().find(({ name }) => name === 'idsdk/idsdk-login-key/request#1')!
    const [challenge] = await deliver(connected(), bytes)
    expect(challenge).toMatchObject({
      envelope: { version: { major: 2, minor: 10 } },
      header: { opCode: OP.loginByKey, responseCode: RC.authenticationNeeded },
    })
    const { bytes: create } = capturedMessages().find(({ name }) => name === 'idsdk/idsdk-create/request#1')!
    expect(codesOf(await deliver(connected(), create))).toEqual([RC.notResponsible])
  })
})

describe('a login by password', () => {
  const login = (of: Speaker, password: string, handle = USER) =>
    deliver(of, national(OP.loginByPassword, { kind: 'query', handle, indexes: [], types: [password] }))

  test('is good for its connection', async () => {
    const one = connected()
    const [done] = await login(one, 'pwd123')
    expect(done).toMatchObject({
      header: { opCode: OP.loginByPassword, responseCode: RC.success },
      body: { kind: 'handle-index', handle: USER, index: 0 },
    })
    expect(one.connection.login).toMatchObject({ handle: USER, index: 302 })
    // This one is known, and may do nothing.
    expect(codesOf(await deliver(one, national(OP.create, creation())))).toEqual([RC.insufficientPermissions])
  })

  test('is refused with a wrong one, for users who are none, and without a password', async () => {
    expect(codesOf(await login(connected(), 'guess'))).toEqual([RC.credentialVerificationFailed])
    expect(codesOf(await login(connected(), 'pwd123', 'User'))).toEqual([RC.credentialVerificationFailed])
    const none = national(OP.loginByPassword, { kind: 'query', handle: USER, indexes: [], types: [] })
    expect(codesOf(await deliver(connected(), none))).toEqual([RC.protocolError])
  })

  test('takes TLS, unless it is set up otherwise', async () => {
    const worker = await node.anotherWorker({ takesPlainPasswords: false })
    const plain = { ...connected(), worker }
    const refusal = await login(plain, 'pwd123')
    expect(codesOf(refusal)).toEqual([RC.credentialVerificationFailed])
    expect(reasonOf(refusal)).toContain('TLS')
    expect(codesOf(await login({ ...connected({ isSecure: true }), worker }, 'pwd123'))).toEqual([RC.success])
  })
})

describe('whoever speaks as all others do', () => {
  test('is challenged, also on a connection', async () => {
    expect(codesOf(await ask(connected(), { opCode: OP.create, body: creation() }))).toEqual([402])
    expect(codesOf(await ask(connected(), { opCode: OP.create, body: creation(), holder: user }))).toEqual([1])
  })

  test.each([OP.create, OP.delete, OP.listHandles, OP.homePrefix])(
    'administers nothing over UDP: %i',
    async (opCode) => {
      const udp = { worker: node.worker, peer: { ...TCP, transport: 'udp' as const } }
      const body = opCode === OP.create ? creation() : ({ kind: 'handle', handle: USER } as const)
      expect(codesOf(await ask(udp, { opCode, body, holder: user }))).toEqual([RC.protocolError])
    },
  )

  test.each([OP.nextTransactionId, OP.retrieveTransactions, OP.dumpHandles, OP.backUpServer])(
    'is told that operation %i is not carried out here',
    async (opCode) => {
      const body =
        opCode === OP.backUpServer
          ? ({ kind: 'handle', handle: USER } as const)
          : ({ kind: 'opaque', octets: Buffer.alloc(0) } as const)
      const refusal = await ask(connected(), { opCode, body })
      expect(codesOf(refusal)).toEqual([RC.notSupported])
      expect(reasonOf(refusal)).toContain('/v1/changes')
    },
  )
})

describe('prefixes', () => {
  const of = () => connected()
  const prefixes = async (opCode: number, handle: string, holder = server, more: object = {}) =>
    ask(of(), { opCode, body: { kind: 'handle', handle }, holder, ...more })

  test('are homed, listed and let go of by administrators of the server', async () => {
    expect(codesOf(await prefixes(OP.homePrefix, '0.NA/88.555'))).toEqual([RC.success])
    const lists = await prefixes(OP.listHomedPrefixes, '/')
    expect(lists[0]!.body).toEqual({ kind: 'handles', handles: ['0.NA/88.118.8', '0.NA/88.118.9', '0.NA/88.555'] })
    expect(codesOf(await prefixes(OP.unhomePrefix, '88.555'))).toEqual([RC.success])
    const rows = await listPrefixes(node.db, { limit: 100 })
    expect(rows.find(({ prefix }) => prefix === '88.555')).toMatchObject({ state: 'suspended', enterpriseId: null })
    expect(codesOf(await prefixes(OP.homePrefix, '88.555'))).toEqual([RC.success])
    expect(codesOf(await prefixes(OP.unhomePrefix, '88.556'))).toEqual([RC.handleNotFound])
  })

  test('are not let go of by others, nor those that hold the prefixes themselves', async () => {
    for (const opCode of [OP.homePrefix, OP.unhomePrefix, OP.listHomedPrefixes]) {
      expect(codesOf(await ask(of(), { opCode, body: { kind: 'handle', handle: PREFIX } }))).toEqual([402])
      expect(codesOf(await prefixes(opCode, PREFIX, user))).toEqual([RC.insufficientPermissions])
    }
    expect(codesOf(await prefixes(OP.unhomePrefix, '0.NA/0.NA'))).toEqual([RC.invalidHandle])
    expect(codesOf(await prefixes(OP.homePrefix, '88.118.8/x'))).toEqual([RC.invalidHandle])
  })

  test('below another are listed from version 3.0 on', async () => {
    await prefixes(OP.homePrefix, '0.NA/88.118.8.1')
    await prefixes(OP.homePrefix, '0.NA/88.118.8.2')
    const version = { major: 3, minor: 0 }
    const lists = await prefixes(OP.listDerivedPrefixes, '0.NA/88.118.8', server, { version })
    expect(lists.map(({ body }) => body)).toEqual([
      { kind: 'handles', handles: ['0.NA/88.118.8.1', '0.NA/88.118.8.2'] },
    ])
    expect(codesOf(await prefixes(OP.listDerivedPrefixes, '0.NA/88.118.8'))).toEqual([RC.notSupported])
  })

  test('are all open to administrators of the server, whose HS_ADMIN nobody has written', async () => {
    await writeIdentifier(node.registry, node.globex, registration('88.118.9/theirs', 'x'))
    const body = { kind: 'handle-values', handle: '88.118.9/theirs', values: [wireValue(5, 'N', 'x')] } as const
    expect(codesOf(await ask(of(), { opCode: OP.addValues, body, holder: server }))).toEqual([RC.success])
    expect(codesOf(await ask(of(), { opCode: OP.addValues, body, holder: user }))).not.toEqual([RC.success])
  })
})
