/** What clients of the Handle System learn of prefixes: their records, this server's site, and where else to ask. */
import { verify } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodeMessage, type Message, signedPartOf } from '../../src/protocols/handle/codec-message.js'
import { signedOctets } from '../../src/protocols/handle/codec-signed.js'
import { FLAG, OP, RC, withFlag } from '../../src/protocols/handle/codes.js'
import { signatureKey } from '../../src/protocols/handle/keys.js'
import { decodePublicKey } from '../../src/record/value-types/hs-pubkey.js'
import { decodeSite, type Site } from '../../src/record/value-types/hs-site.js'
import { mustDecode } from '../protocols/handle/whole-messages.js'
import { lookUp, streamClient, USUAL_FLAGS } from '../support/handle-client.js'
import { makeEnterprise, type TestNode, testNode } from '../support/node.js'

const OPEN = { JIEXI_HANDLE_PORT: '0', JIEXI_HANDLE_HTTP_PORT: '0' }
const PREFIX = '88.118.6'

let node: TestNode
let orphan: TestNode

beforeAll(async () => {
  node = await testNode({
    environment: { ...OPEN, JIEXI_PARENT_SITE: '198.51.100.9', JIEXI_HANDLE_PUBLIC_ADDRESS: '198.51.100.1' },
  })
  orphan = await testNode({ environment: OPEN })
  const { apiKey } = await makeEnterprise(node, { id: 'pumps', prefix: PREFIX })
  await makeEnterprise(node, { id: 'valves', prefix: '88.118.7' })
  await call(`/v1/prefixes/88.118.7?wait=visible`, node.adminKey, 'PATCH', {
    service: 'self-built',
    sites: [{ address: '203.0.113.7', port: 1304 }, { address: '2001:db8::7' }],
  })
  const values = [{ index: 301, type: 'HS_SECKEY', data: 'hush' }]
  await call(`/v1/identifiers/0.NA/${PREFIX}?wait=visible`, apiKey, 'PUT', { values })
}, 60_000)

afterAll(async () => {
  await node.close()
  await orphan.close()
})

test('the record of a prefix is found by its handle and by the prefix alone, and says where this server is', async () => {
  for (const handle of [`0.NA/${PREFIX}`, PREFIX, `0.na/${PREFIX}`]) {
    const { header, body } = await asked(lookUp(handle, { types: ['HS_SITE', 'HS_SITE.6', 'HS_SERV', 'HS_NAMESPACE'] }))
    expect(header.responseCode).toBe(RC.success)
    if (body.kind !== 'handle-values') throw new Error(body.kind)
    expect([body.handle, body.values.map(({ type }) => type)]).toEqual([handle, ['HS_SITE', 'HS_NAMESPACE']])
    const { servers } = siteOf(body.values[0]!.data)
    expect(servers).toMatchObject([{ address: '198.51.100.1' }])
    expect(servers[0]!.interfaces.map(({ port }) => port)).toEqual([
      node.handle.port,
      node.handle.port,
      node.handle.httpPort,
    ])
  }
})

test('its secret is in no answer to somebody unknown, however it is asked for', async () => {
  for (const opFlags of [0, USUAL_FLAGS, FLAG.publicOnly, FLAG.recursive | FLAG.cacheCertify]) {
    for (const by of [{}, { indexes: [301] }, { types: ['HS_SECKEY'] }]) {
      const octets = await askedOctets(lookUp(`0.NA/${PREFIX}`, { opFlags, ...by }))
      expect(octets.includes('hush')).toBe(false)
    }
  }
})

test('site information begins with TCP for everything, and every answer has its serial', async () => {
  const request = lookUp('/')
  const { header, body } = await asked({ ...request, header: { ...request.header, opCode: OP.getSiteInfo } })
  if (body.kind !== 'site') throw new Error(body.kind)
  const site = siteOf(body.octets)
  expect(site.servers[0]!.interfaces[0]).toEqual({ type: 3, transport: 1, port: node.handle.port })
  expect(header.siteSerial).toBe(site.serial)
})

test('certified answers are signed with the key in the site', async () => {
  const request = lookUp('/')
  const { body } = await asked({ ...request, header: { ...request.header, opCode: OP.getSiteInfo } })
  if (body.kind !== 'site') throw new Error(body.kind)
  const key = decodePublicKey(siteOf(body.octets).servers[0]!.publicKey)
  if (!key.ok) throw new Error(key.message)
  const octets = await askedOctets(lookUp(PREFIX, { opFlags: withFlag(USUAL_FLAGS, FLAG.certify) }))
  const { envelope, credential } = mustDecode(octets)
  const headerAndBody = signedPartOf(octets)
  const signed = signedOctets({ envelope, type: credential!.type, counter: 0, headerAndBody })!
  const isGood = (what: Uint8Array) => verify('sha256', what, signatureKey(key.value)!, credential!.signature)
  expect([isGood(signed), isGood(Buffer.concat([signed, Buffer.of(0)]))]).toEqual([true, false])
})

test('below a self-built prefix: 302, with the sites of its holder', async () => {
  for (const handle of ['88.118.7/pump', '0.NA/88.118.7.1']) {
    const { header, body } = await asked(lookUp(handle))
    expect(header.responseCode).toBe(RC.serviceReferral)
    if (body.kind !== 'referral') throw new Error(body.kind)
    expect([body.handle, body.values.map(({ type }) => type)]).toEqual(['', ['HS_SITE', 'HS_SITE.6']])
    expect(siteOf(body.values[0]!.data).servers).toMatchObject([{ address: '203.0.113.7' }])
  }
  // From memory it is the same.
  expect((await asked(lookUp('88.118.7/pump'))).header.responseCode).toBe(RC.serviceReferral)
  expect((await asked(lookUp('0.NA/88.118.7'))).header.responseCode).toBe(RC.success)
})

test('by a handle, where the service is named by one', async () => {
  const service = { service: 'self-built', serviceHandle: '88.118.6/service' }
  await call('/v1/prefixes', node.adminKey, 'POST', { prefix: '88.118.9', ...service })
  const { body } = await asked(lookUp('88.118.9/pump', { opFlags: withFlag(FLAG.authoritative, USUAL_FLAGS) }))
  expect(body).toEqual({ kind: 'referral', handle: '88.118.6/service', values: [] })
})

test('for a prefix that is not this node’s: 303 to the parent where one is known, else 301, and never a wait', async () => {
  const { header, body } = await asked(lookUp('10.1000/182'))
  expect(header.responseCode).toBe(RC.prefixReferral)
  if (body.kind !== 'referral') throw new Error(body.kind)
  expect(body.values.map(({ type }) => type)).toEqual(['HS_SITE.PREFIX'])
  expect((await asked(lookUp('10.1000/182'), orphan)).header.responseCode).toBe(RC.notResponsible)
  expect((await asked(lookUp(`${PREFIX}/nothing`))).header.responseCode).toBe(RC.handleNotFound)
})

test('who cannot follow a referral, or will not, is told in words', async () => {
  const unwilling = lookUp('88.118.7/pump', { opFlags: USUAL_FLAGS | FLAG.doNotRefer })
  const old = { major: 2, minor: 3 }
  const usual = lookUp('88.118.7/pump')
  const older: Message = { ...usual, envelope: { ...usual.envelope, version: old, suggestedVersion: old } }
  for (const request of [unwilling, older]) {
    const { header, body } = await asked(request)
    expect(header.responseCode).toBe(RC.notResponsible)
    expect(body).toMatchObject({ kind: 'error', message: expect.stringContaining('203.0.113.7:1304') })
  }
})

test('a suspended prefix is referred nowhere', async () => {
  await call('/v1/prefixes/88.118.7?wait=visible', node.adminKey, 'PATCH', { state: 'suspended' })
  for (const handle of ['88.118.7/pump', '0.NA/88.118.7'])
    expect((await asked(lookUp(handle))).header.responseCode).toBe(RC.notResponsible)
})

async function askedOctets(request: Message, at = node): Promise<Buffer> {
  const client = await streamClient(at.handle.port!)
  client.send(encodeMessage(request))
  const [answer] = await client.messages(1)
  client.close()
  return answer!
}

async function asked(request: Message, at = node): Promise<Message> {
  return mustDecode(await askedOctets(request, at))
}

function siteOf(octets: Uint8Array): Site {
  const site = decodeSite(octets)
  if (!site.ok) throw new Error(site.message)
  return site.value
}

async function call(path: string, key: string, method: string, body: unknown): Promise<void> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const response = await fetch(node.url + path, { method, headers, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`)
}
