/** The Handle HTTP port of whole nodes: tunnel, JSON API and proxy side by side, plain and over TLS, and sessions for all replicas. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { handleClient } from '../../src/protocols/handle/client/client.js'
import { publicKeyRecord } from '../../src/protocols/handle/keys.js'
import { ALL_ADMIN_RIGHTS, encodeAdmin } from '../../src/record/value-types/hs-admin.js'
import { encodePublicKey } from '../../src/record/value-types/hs-pubkey.js'
import { AS_JSON, basic, handleHeader } from '../protocols/handle-rest/administered-node.js'
import { type AskOptions, askHandle, type HandleReply } from '../protocols/handle-rest/handle-rest-node.js'
import { makeEnterprise, put, type TestNode, testNode } from '../support/node.js'
import { type SelfSigned, selfSigned } from '../support/self-signed.js'

const USER = '88.118.8/USER'
const BY_PASSWORD = basic(`301%3A${USER}`, 'a secret')
const VALUES = [{ index: 1, type: 'URL', data: 'https://a.example/' }]
const holder = selfSigned([['UID', `300:${USER}`]])

let folder: string
let node: TestNode
let other: TestNode
beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'jiexi-handle-http-'))
  const server = selfSigned([['CN', 'localhost']])
  const [cert, key] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')]
  writeFileSync(cert, server.cert)
  writeFileSync(key, server.key)
  const environment = {
    JIEXI_HANDLE_PORT: '0',
    JIEXI_HANDLE_HTTP_PORT: '0',
    JIEXI_HANDLE_TLS_CERT: cert,
    JIEXI_HANDLE_TLS_KEY: key,
    JIEXI_HANDLE_ADMINISTRATORS: `300:${USER},301:${USER}`,
    JIEXI_TRUST_PROXY: '127.0.0.1',
    JIEXI_COUNTRY_HEADER: 'CF-IPCountry',
  }
  node = await testNode({ environment })
  other = await testNode({ environment: { ...environment, DATABASE_URL: node.databaseUrl } })
  const { apiKey } = await makeEnterprise(node, { id: 'acme', prefix: '88.118.8' })
  const hex = (octets: Uint8Array) => ({ format: 'hex', value: Buffer.from(octets).toString('hex') })
  const admin = encodeAdmin({ handle: USER, index: 301, permissions: ALL_ADMIN_RIGHTS, hasTail: false })
  const values = [
    { index: 100, type: 'HS_ADMIN', data: hex(admin) },
    { index: 300, type: 'HS_PUBKEY', data: hex(encodePublicKey(publicKeyRecord(holder.publicKey)!)) },
    { index: 301, type: 'HS_SECKEY', data: 'a secret', permissions: '1100' },
  ]
  const response = await fetch(`${node.url}/v1/identifiers/${USER}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${apiKey}`, ...AS_JSON },
    body: JSON.stringify({ values }),
  })
  expect(response.status).toBe(201)
  await put(node, apiKey, { identifier: '88.118.8/part', name: 'A part' })
})
afterAll(async () => {
  await other?.close()
  await node?.close()
  rmSync(folder, { recursive: true, force: true })
})

const plainly = (asked: string, options?: AskOptions) =>
  askHandle(`http://127.0.0.1:${node.handle.httpPort}`, asked, options)

function securely(
  asked: string,
  {
    method = 'GET',
    headers = {},
    body,
    certificate,
    at = node,
  }: AskOptions & { certificate?: SelfSigned; at?: TestNode } = {},
): Promise<Pick<HandleReply, 'status' | 'headers' | 'json'>> {
  const own = certificate && { key: certificate.key, cert: certificate.cert }
  const options = { host: '127.0.0.1', port: at.handle.httpPort, path: asked, method, headers: { ...headers } }
  return new Promise((resolve, reject) => {
    const request = httpsRequest({ ...options, ...own, agent: false, rejectUnauthorized: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        const json = text.startsWith('{') ? JSON.parse(text) : undefined
        resolve({ status: response.statusCode!, headers: response.headers, json })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

test('one port answers the tunnel, the API and browsers', async () => {
  const port = node.handle.httpPort!
  const client = handleClient({
    start: { kind: 'servers', servers: [{ transport: 'http', host: '127.0.0.1', port }] },
  })
  expect(await client.resolve('88.118.8/part')).toMatchObject({ kind: 'found', handle: '88.118.8/part' })
  await client.close()
  expect((await plainly('/api/handles/88.118.8/part')).json).toMatchObject({ responseCode: 1 })
  const page = await plainly('/88.118.8/part')
  expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
})

test('what is written over TLS is there for every door, and over plain HTTP nothing is written', async () => {
  const asked = { method: 'PUT', headers: { ...AS_JSON, ...BY_PASSWORD }, body: JSON.stringify(VALUES) }
  expect((await plainly('/api/handles/88.118.8/Written', asked)).status).toBe(403)
  const { status, json, headers } = await securely('/api/handles/88.118.8/Written', asked)
  expect([status, json]).toEqual([201, { responseCode: 1, handle: '88.118.8/Written' }])
  expect(headers['jiexi-token']).toMatch(/^\d+-/)
  expect((await plainly('/88.118.8/written')).headers.location).toBe('https://a.example/')
  const rest = await fetch(`${other.url}/v1/identifiers/88.118.8/written`, {
    headers: { 'jiexi-token': String(headers['jiexi-token']) },
  })
  expect(await rest.json()).toMatchObject({ identifier: '88.118.8/Written', version: 1 })
  const port = node.handle.port!
  const client = handleClient({ start: { kind: 'servers', servers: [{ transport: 'udp', host: '127.0.0.1', port }] } })
  expect(await client.resolve('88.118.8/WRITTEN')).toMatchObject({ kind: 'found', values: [{ index: 1, type: 'URL' }] })
  await client.close()
})

test('a client certificate says who it is', async () => {
  const asked = {
    method: 'PUT',
    headers: { ...AS_JSON, authorization: 'Handle clientCert="true"' },
    body: JSON.stringify(VALUES),
  }
  expect((await securely('/api/handles/88.118.8/by-key', { ...asked, certificate: holder })).status).toBe(201)
  expect((await securely('/api/handles/88.118.8/by-nobody', asked)).status).toBe(401)
})

test('a session that is begun at one replica is known to the other, and ended there', async () => {
  const begun = await securely('/api/sessions', { method: 'POST', headers: BY_PASSWORD })
  expect([begun.status, begun.json.authenticated]).toEqual([201, true])
  const headers = handleHeader({ sessionId: begun.json.sessionId })
  const self = (method: string, at: TestNode) => securely('/api/sessions/this', { method, headers, at })
  expect((await self('GET', other)).json).toEqual(begun.json)
  expect((await self('DELETE', other)).status).toBe(204)
  expect((await self('GET', node)).json.authenticated).toBeUndefined()
})

test('the node tells where it is', async () => {
  const { json } = await plainly('/api/site')
  expect(json).toMatchObject({ responseCode: 1, site: { version: 1, protocolVersion: '2.11', primarySite: true } })
  const [server] = json.site.servers
  const portOf = (wanted: string) =>
    server.interfaces.find(({ protocol }: { protocol: string }) => protocol === wanted)?.port
  // Replicas are one server of the site: each says where it is reached itself, and whoever came last is told.
  expect([node, other].map(({ handle }) => [handle.port, handle.httpPort, handle.httpPort])).toContainEqual([
    portOf('TCP'),
    portOf('HTTP'),
    portOf('HTTPS'),
  ])
})

test('a country that a trusted proxy tells chooses among locations', async () => {
  const xml =
    '<locations><location href="https://cn.example/" country="cn"/><location href="https://x.example/"/></locations>'
  const asked = { method: 'PUT', headers: { ...AS_JSON, ...BY_PASSWORD } }
  await securely('/api/handles/88.118.8/places', {
    ...asked,
    body: JSON.stringify([{ index: 1, type: '10320/loc', data: xml }]),
  })
  const told = { 'cf-ipcountry': 'CN', 'x-forwarded-for': '192.0.2.7' }
  expect((await plainly('/88.118.8/places', { headers: told })).headers.location).toBe('https://cn.example/')
  expect((await plainly('/88.118.8/places')).headers.location).toBe('https://x.example/')
})
