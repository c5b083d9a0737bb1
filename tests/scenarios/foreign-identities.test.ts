/**
 * Identities of other nodes at a whole node: their keys are looked up at the node above, and count only where that has signed them, and
 * whoever it names.
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type HandleClient, handleClient } from '../../src/protocols/handle/client/client.js'
import { RC } from '../../src/protocols/handle/codes.js'
import { rsaKey } from '../protocols/handle/administration/admin-node.js'
import { handleIn, refusalTo, signedBy, siteOctets, value, valuesTo } from '../protocols/handle/client/replies.js'
import { type Script, type ScriptedServer, tcpServer } from '../protocols/handle/client/scripted-server.js'
import { get, makeEnterprise, type TestNode, testNode } from '../support/node.js'

const [parentKey, holderKey, forger] = [1, 2, 3].map(() => generateKeyPairSync('ed25519'))
const theirs = rsaKey()
const folder = mkdtempSync(path.join(os.tmpdir(), 'jiexi-identities-'))
/** Who signs what. */
const signers = { parent: parentKey!.privateKey, holder: holderKey!.privateKey }

let parent: ScriptedServer
let holder: ScriptedServer
let node: TestNode
let unvouched: TestNode
const clients: HandleClient[] = []

const signed =
  (signer: () => KeyObject, script: (request: Buffer) => Buffer): Script =>
  (request) =>
    signedBy(signer(), script(request))

beforeAll(async () => {
  const key = value(300, 'HS_PUBKEY', theirs.record)
  holder = await tcpServer(
    signed(
      () => signers.holder,
      (request) => valuesTo(request, [key]),
    ),
  )
  const site = siteOctets({ addresses: [holder.address], publicKey: holderKey!.publicKey })
  const records: Readonly<Record<string, readonly (typeof key)[]>> = {
    '0.na/99.1': [value(1, 'HS_SITE', site), key],
  }
  parent = await tcpServer(
    signed(
      () => signers.parent,
      (request) => {
        const values = records[handleIn(request).toLowerCase()]
        return values === undefined ? refusalTo(request, RC.handleNotFound) : valuesTo(request, values)
      },
    ),
  )
  const file = path.join(folder, 'parent.pem')
  writeFileSync(file, parentKey!.publicKey.export({ format: 'pem', type: 'spki' }))
  const environment = {
    JIEXI_HANDLE_PORT: '0',
    JIEXI_PROBE_SECONDS: '0',
    JIEXI_PARENT: `tcp://127.0.0.1:${parent.address.port}`,
    JIEXI_PEER_NETWORKS: 'parent=127.0.0.1:1-65535,88.117=127.0.0.1:1-65535',
    JIEXI_PROXIED_PREFIXES: '88.117',
    JIEXI_HANDLE_ADMINISTRATORS: '300:0.NA/99.1,300:99.1/admin,300:88.117/admin',
  }
  node = await testNode({ environment: { ...environment, JIEXI_PARENT_PUBLIC_KEY: file } })
  unvouched = await testNode({ environment })
  for (const one of [node, unvouched]) await makeEnterprise(one, { id: 'pumps', prefix: '88.118.8' })
}, 60_000)

afterAll(async () => {
  for (const client of clients) await client.close()
  await node.close()
  await unvouched.close()
  for (const server of [parent, holder]) await server.close()
  rmSync(folder, { recursive: true, force: true })
})

function as(handle: string, at = node, privateKey = theirs.privateKey): HandleClient {
  const client = handleClient({
    start: { kind: 'servers', servers: [{ transport: 'tcp', host: '127.0.0.1', port: at.handle.port! }] },
    identity: { kind: 'key', handle, index: 300, privateKey },
    session: 'none',
  })
  clients.push(client)
  return client
}

const url = [value(1, 'URL', 'https://example.com/x')]

test.each([
  ['0.NA/99.1', 'the record of a prefix'],
  ['99.1/admin', 'a record at the server of its holder'],
])('%s, by %s, administers where it is configured to', async (handle) => {
  const name = `88.118.8/by-${handle.replace('/', '-')}`
  expect(await as(handle).create(name, url)).toMatchObject({ handle: name })
  await as(handle).delete(name)
})

test('another key does not, nor does an identity that nobody has made an administrator', async () => {
  await expect(as('0.NA/99.1', node, rsaKey().privateKey).create('88.118.8/a', url)).rejects.toMatchObject({
    responseCode: RC.authenticationFailed,
  })
  await expect(as('99.1/other').create('88.118.8/a', url)).rejects.toMatchObject({
    responseCode: RC.insufficientPermissions,
  })
})

test('what the holder, or the node above, has not signed does not count', async () => {
  for (const signer of ['holder', 'parent'] as const) {
    const right = signers[signer]
    signers[signer] = forger!.privateKey
    await expect(as(signer === 'holder' ? '99.1/admin' : '0.NA/99.1').create('88.118.8/b', url)).rejects.toMatchObject({
      responseCode: RC.authenticationError,
    })
    signers[signer] = right
  }
})

test('one that a holder’s own server keeps does not count, though its look-ups are asked from here', async () => {
  const served = await fetch(`${node.url}/v1/prefixes?wait=visible`, {
    method: 'POST',
    headers: { authorization: `Bearer ${node.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      prefix: '88.117',
      service: 'self-built',
      sites: [{ address: '127.0.0.1', port: holder.address.port }],
    }),
  })
  expect(served.status).toBe(201)
  expect((await get(node, '88.117/admin')).status).toBe(200)
  await expect(as('88.117/admin').create('88.118.8/e', url)).rejects.toMatchObject({
    responseCode: RC.authenticationError,
  })
})

test('one that is not there, or whose node is not, is refused', async () => {
  await expect(as('0.NA/99.2').create('88.118.8/c', url)).rejects.toMatchObject({ responseCode: RC.invalidAdmin })
  await expect(as('99.2/admin').create('88.118.8/c', url)).rejects.toMatchObject({
    responseCode: RC.authenticationError,
  })
})

test('without the key of the node above nobody vouches for any', async () => {
  const before = parent.requests.length
  await expect(as('0.NA/99.1', unvouched).create('88.118.8/d', url)).rejects.toMatchObject({
    responseCode: RC.authenticationError,
  })
  expect(parent.requests.length).toBe(before)
})
