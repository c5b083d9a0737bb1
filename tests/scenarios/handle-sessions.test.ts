/** Sessions of our client with our server, which signs: over a real connection, with MAC, encrypted, reused and ended. */
import { generateKeyPairSync } from 'node:crypto'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { HandleMeter } from '../../src/observability/handle-meter.js'
import { systemClock } from '../../src/platform/clock.js'
import { type HandleClientOptions, handleClient } from '../../src/protocols/handle/client/client.js'
import type { Identity } from '../../src/protocols/handle/client/identity.js'
import { type HandleDoor, handleDoor } from '../../src/protocols/handle/door.js'
import { publicKeyRecord } from '../../src/protocols/handle/keys.js'
import { signerWith } from '../../src/protocols/handle/protection.js'
import { nativeInterfaces, sitesOf } from '../../src/record/service.js'
import { encodePublicKey } from '../../src/record/value-types/hs-pubkey.js'
import { type AdminNode, adminNode, adminValue, storedValue } from '../protocols/handle/administration/admin-node.js'
import { value } from '../protocols/handle/client/replies.js'

const USER = '88.118.8/USER'
const key = generateKeyPairSync('rsa', { modulusLength: 2048 })
const user = generateKeyPairSync('rsa', { modulusLength: 2048 })
const identity: Identity = { kind: 'key', handle: USER, index: 300, privateKey: user.privateKey }
const server = createServer((connection) => door.takeConnection(connection))
let node: AdminNode
let door: HandleDoor
let port: number

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
  node = await adminNode({ serverAdministrators: [{ handle: USER, index: 300 }] })
  await node.put(USER, [
    adminValue(100, { handle: USER, index: 300 }),
    storedValue(300, 'HS_PUBKEY', encodePublicKey(publicKeyRecord(user.publicKey)!)),
  ])
  const { native, resolve } = node.worker
  const publicKey = encodePublicKey(publicKeyRecord(key.publicKey)!)
  const about = { serial: 1, protocolVersion: { major: 2, minor: 11 }, publicKey }
  door = handleDoor({
    resolve,
    remembered: () => undefined,
    operations: native.operations,
    protection: native.protection,
    reads: native.restrictedReads,
    signer: signerWith(key.privateKey),
    site: () => sitesOf([{ address: '127.0.0.1', interfaces: nativeInterfaces(port) }], about)[0]!,
    siteSerial: () => 1,
    clock: systemClock,
    meter: new HandleMeter(),
    log: { error: () => undefined },
    accessLog: { info: () => undefined },
    logSample: 0,
    octetsPerSecondOfSource: 0,
  })
})
afterAll(async () => {
  await door.drain(0)
  await new Promise<void>((resolve) => server.close(() => resolve()))
  await node.close()
})

function client(options: Partial<HandleClientOptions> = {}) {
  const address = { transport: 'tcp' as const, host: '127.0.0.1', port }
  return handleClient({
    start: { kind: 'servers', servers: [address], publicKey: key.publicKey },
    identity,
    ...options,
  })
}

test.each(['required', 'encrypted'] as const)('a session that is %s carries changes and look-ups', async (session) => {
  const asking = client({ session })
  const handle = `88.118.8/In-session-${session}`
  await asking.create(handle, [value(1, 'URL', 'https://a.example/')])
  await asking.addValues(handle, [value(2, 'URL', 'https://b.example/')])
  const found = await asking.resolve(handle, { isAuthenticated: true, isAuthoritative: true, isCertified: true })
  expect(found.kind === 'found' && found.values.map(({ index }) => index)).toEqual([1, 2])
  await Promise.all([3, 4, 5].map((index) => asking.addValues(handle, [value(index, 'URL', 'x')])))
  await asking.removeValues(handle, [1, 2, 3, 4])
  await asking.delete(handle)
  await asking.close()
})

test('a key that the server itself tells will do, and another one will not', async () => {
  const start = { kind: 'servers' as const, servers: [{ transport: 'tcp' as const, host: '127.0.0.1', port }] }
  const told = client({ start, session: 'required' })
  await told.create('88.118.8/Told', [value(1, 'URL', 'x')])
  await told.close()
  const wrong = client({ start: { ...start, publicKey: user.publicKey }, session: 'required' })
  await expect(wrong.delete('88.118.8/Told')).rejects.toMatchObject({ reason: 'signature-invalid' })
})

test('certified look-ups are signed, also those that find nothing', async () => {
  const asking = client({ session: 'none' })
  expect(await asking.resolve(USER, { isCertified: true })).toMatchObject({ kind: 'found' })
  expect(await asking.resolve('88.118.8/none', { isCertified: true, returnsDigest: true })).toMatchObject({
    kind: 'absent',
  })
  await asking.close()
})
