/** The HTTP tunnel, plain and over TLS. */
import { expect, test } from 'vitest'
import { selfSigned } from '../../../support/self-signed.js'
import { clientAt, clientOf, started } from './closing.js'
import { siteOctets, value, valuesTo } from './replies.js'
import { httpServer, type Script, udpServer } from './scripted-server.js'

const url = value(1, 'URL', 'https://example.com/x')
const right: Script = (request) => valuesTo(request, [url])

test('a message is the body of a POST to its handle, as other software sends it', async () => {
  const server = await started(httpServer(right))
  await clientAt(server.address).resolve('88.1/a b/\u6cf5?#')
  const type = 'application/x-hdl-message'
  expect(server.paths).toEqual([`POST /88.1%2Fa%20b%2F%E6%B3%B5%3F%23 ${type} ${type}`])
})

test('over TLS a server is who its key says, which a site or the caller tells', async () => {
  const own = selfSigned([['CN', 'handle.example']])
  const other = selfSigned([['CN', 'handle.example']])
  const node = await started(httpServer(right, own))
  const { address } = node
  const withKey = (publicKey: typeof own.publicKey) =>
    clientOf({ start: { kind: 'servers', servers: [address], publicKey } })
  expect(await withKey(own.publicKey).resolve('88.1/x')).toMatchObject({ kind: 'found' })
  await expect(withKey(other.publicKey).resolve('88.1/x')).rejects.toMatchObject({
    code: 'authority-unavailable',
    message: expect.stringContaining('neither of the key of this server'),
  })
  await expect(clientAt(address).resolve('88.1/x')).rejects.toMatchObject({
    message: expect.stringContaining('not signed by an authority'),
  })
  const site = siteOctets({ addresses: [address], publicKey: own.publicKey })
  const root = await started(udpServer((request) => valuesTo(request, [value(1, 'HS_SITE', site)])))
  const rooted = clientOf({ start: { kind: 'root', servers: [root.address] } })
  expect(await rooted.resolve('88.1/x')).toMatchObject({ kind: 'found', server: { address } })
  expect(node.requests.length).toBe(2)
})

test('a certificate of an authority that the caller names is good for its name', async () => {
  const own = selfSigned([['CN', 'localhost']])
  const { address } = await started(httpServer(right, own))
  const client = clientAt({ ...address, host: 'localhost' }, { authorities: own.cert })
  expect(await client.resolve('88.1/x')).toMatchObject({ kind: 'found' })
})
