import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decodeResolveResults } from '../../../src/protocols/protobuf/messages.js'
import { nativeInterfaces, sitesOf } from '../../../src/record/service.js'
import { ADMIN_KEY as key, type RestNode, restNode } from './rest-node.js'

const SITE = Buffer.from(
  sitesOf([{ address: '203.0.113.7', interfaces: nativeInterfaces(2641) }], {
    serial: 1,
    protocolVersion: { major: 2, minor: 10 },
  })[0]!,
).toString('base64')
const LOCATIONS = [
  { address: '203.0.113.7', port: 2641, transport: 'tcp', use: 'both' },
  { address: '203.0.113.7', port: 2641, transport: 'udp', use: 'lookups' },
]
const REFERRAL = { prefix: '88.118.8', locations: LOCATIONS, sites: [SITE] }

let node: RestNode
beforeAll(async () => {
  node = await restNode()
  await put('88.118.8/kept', node.acmeKey)
})
afterAll(() => node.close())

describe('a prefix whose holder answers himself', () => {
  beforeAll(async () => {
    const sites = [{ address: '203.0.113.7' }]
    const { status, json } = await serve({ service: 'self-built', sites }, '?wait=visible')
    expect([status, json.service, json.locations, json.sites]).toEqual([200, 'self-built', LOCATIONS, [SITE]])
  })

  test('a look-up is told where to ask: not "not found", which would call a good product a false one', async () => {
    for (const path of ['88.118.8/kept', '88.118.8/other', '88.118.8/kept?version=1', '88.118.8/x?min-version=99']) {
      const { status, headers, json } = await node.ask('GET', `/v1/identifiers/${path}`)
      expect([path, status, json.code]).toEqual([path, 421, 'served-elsewhere'])
      expect(json.referral).toEqual(REFERRAL)
      expect(json.detail).toContain('tcp://203.0.113.7:2641')
      expect(headers.get('content-type')).toBe('application/problem+json')
      if (!path.includes('version=1')) expect(headers.get('cache-control')).toBe('no-cache')
    }
    expect((await node.ask('GET', '/v1/history/88.118.8/kept')).status).toBe(421)
  })

  test('so is each of a batch, in JSON and in protobuf, and the others are answered', async () => {
    await put('88.200.1/b', node.otherKey)
    const body = { identifiers: ['88.118.8/kept', '88.200.1/b'] }
    const { json } = await node.ask('POST', '/v1/resolve', { body })
    expect(json.results).toMatchObject([
      { status: 421, version: 2, problem: { code: 'served-elsewhere', referral: REFERRAL } },
      { status: 200 },
    ])
    const headers = { accept: 'application/x-protobuf' }
    const { bytes } = await node.ask('POST', '/v1/resolve', { body, headers })
    expect(decodeResolveResults(bytes)[0]).toMatchObject({
      status: 421,
      problem: { code: 'served-elsewhere', referral: REFERRAL },
    })
  })

  test('the way there is explained', async () => {
    const { json } = await node.ask('GET', '/v1/identifiers/88.118.8/kept?explain=1')
    expect(json).toMatchObject({
      authority: { prefix: '88.118.8', kind: 'self-built', state: 'active' },
      outcome: 'referral',
      status: 421,
      problem: { referral: REFERRAL },
    })
  })

  test('its identifiers are not registered here, one by one, many at once or from a file', async () => {
    expect(await put('88.118.8/new', node.acmeKey)).toBe(421)
    const items = [{ identifier: '88.118.8/new', values: [] }]
    const { json } = await node.ask('POST', '/v1/identifiers:batch', { key: node.acmeKey, body: { items } })
    expect(json.results).toMatchObject([{ status: 421, problem: { code: 'served-elsewhere' } }])
    expect((await node.ask('DELETE', '/v1/identifiers/88.118.8/kept', { key: node.acmeKey })).status).toBe(421)
    const csv = 'identifier,partNumber,name\n88.118.8/new,1,Pump\n0.NA/88.118.8,2,Pump\n'
    const opened = await node.ask('POST', '/v1/imports', {
      key: node.acmeKey,
      body: { format: 'csv', template: 'part' },
    })
    const sent = { key: node.acmeKey, body: csv, headers: { 'content-type': 'text/csv', 'upload-offset': '0' } }
    const { json: job } = await node.ask('PATCH', `/v1/imports/${opened.json.id}/content`, sent)
    expect(job).toMatchObject({ state: 'finished', rows: { failed: 2 } })
    const { text } = await node.ask('GET', `/v1/imports/${opened.json.id}/errors`, { key: node.acmeKey })
    expect(text).toContain('answers for its identifiers with a server of its own')
    expect(text).toContain('is the record of the prefix 88.118.8')
  })

  test('its record is answered here, and says where its server is', async () => {
    const { json } = await node.ask('GET', '/v1/identifiers/0.NA/88.118.8')
    expect(json.values).toContainEqual(
      expect.objectContaining({ index: 1, type: 'HS_SITE', data: { format: 'base64', value: SITE } }),
    )
  })

  test('what was registered before resolves again once it is hosted again', async () => {
    expect((await serve({ service: 'hosted' }, '?wait=visible')).json).toMatchObject({
      service: 'hosted',
      locations: [],
    })
    expect((await node.ask('GET', '/v1/identifiers/88.118.8/kept')).status).toBe(200)
  })
})

test.each([
  [{ sites: [{ address: '203.0.113.7' }] }, 'sites'],
  [{ service: 'hosted', serviceHandle: '88.1/x' }, 'serviceHandle'],
  [{ service: 'self-built' }, 'service'],
  [{ service: 'self-built', sites: [{ address: 'example.com' }] }, 'sites[0]'],
  [{ service: 'self-built', sites: [{ address: '::ffff:1.2.3.4' }] }, 'sites[0]'],
  [{ service: 'self-built', sites: [{ address: '0.0.0.0' }] }, 'sites[0]'],
  [{ service: 'self-built', sites: ['AAE='] }, 'sites[0]'],
  [{ service: 'self-built', sites: ['no base64!'] }, 'sites[0]'],
])('%o is refused, and %s named', async (body, field) => {
  const { status, json } = await serve(body)
  expect([status, json.code, json.faults[0].field]).toEqual([400, 'request-malformed', field])
})

describe('the record of a prefix', () => {
  const path = '/v1/identifiers/0.NA/88.200.1'
  const secret = { index: 301, type: 'HS_SECKEY', data: 'hush' }

  test('is found in any case, by everybody', async () => {
    const { status, json } = await node.ask('GET', '/v1/identifiers/0.na%2F88.200.1')
    expect([status, json.identifier, json.prefix]).toEqual([200, '0.NA/88.200.1', '88.200.1'])
    expect(json.values.map(({ type }: { type: string }) => type)).toEqual(['HS_NAMESPACE', 'HS_ADMIN'])
  })

  test('is edited and put back by its holder; what is the node’s stays', async () => {
    const before = (await node.ask('GET', path, { key: node.otherKey })).json
    const body = { values: [...before.values, secret] }
    const put = { key: node.otherKey, body, headers: { 'if-match': `"v${before.version}"` } }
    expect((await node.ask('PUT', `${path}?wait=visible`, put)).status).toBe(200)
    expect((await node.ask('PUT', path, put)).status).toBe(412)
    const values = [{ index: 1, type: 'URL', data: 'x' }]
    const refused = await node.ask('PATCH', path, { key: node.otherKey, body: { values } })
    expect([refused.status, refused.json.faults[0].field]).toEqual([422, 'values[0]'])
    expect((await node.ask('DELETE', path, { key: node.otherKey })).status).toBe(403)
    expect((await node.ask('PUT', path, { key: node.acmeKey, body })).status).toBe(403)
  })

  test('shows its secret to nobody but who may write, in no way there is', async () => {
    const readOnly = await node.keyFor('other', ['read'])
    const { json } = await node.ask('GET', path, { key: node.otherKey })
    expect(json.values).toContainEqual(expect.objectContaining({ index: 301, data: 'hush', permissions: '1100' }))
    const paths = [
      '',
      '?values=all',
      '?type=HS_SECKEY',
      '?index=301',
      '?explain=1',
      '?authoritative=1',
      `?version=${json.version}`,
    ]
    for (const by of [undefined, readOnly, node.acmeKey]) {
      for (const query of paths) {
        for (const accept of ['application/json', 'application/x-protobuf']) {
          const asked = { headers: { accept }, ...(by && { key: by }) }
          const { bytes, status } = await node.ask('GET', path + query, asked)
          expect([query, status, bytes.includes('hush'), bytes.includes('aHVza')]).toEqual([query, 200, false, false])
        }
      }
      for (const accept of ['application/json', 'application/x-ndjson', 'application/x-protobuf']) {
        const body = { identifiers: ['0.NA/88.200.1'] }
        const { bytes } = await node.ask('POST', '/v1/resolve', { body, headers: { accept }, ...(by && { key: by }) })
        expect(bytes.includes('hush')).toBe(false)
      }
      const history = await node.ask('GET', '/v1/history/0.NA/88.200.1', by ? { key: by } : {})
      expect(history.text).not.toContain('hush')
    }
    const changes = await node.ask('GET', '/v1/changes', { key: readOnly })
    expect(changes.text).toContain('0.NA/88.200.1')
    expect(changes.text).not.toContain('hush')
    // Entity tags tell the two representations apart.
    const tags = [readOnly, node.otherKey].map(async (by) =>
      (await node.ask('GET', path, { key: by })).headers.get('etag'),
    )
    expect(new Set(await Promise.all(tags)).size).toBe(2)
  })

  test('a secret with permissions that give it away is refused', async () => {
    const body = { values: [{ ...secret, permissions: '1110' }] }
    for (const at of [path, '/v1/identifiers/88.200.1/admin']) {
      const { status, json } = await node.ask('PUT', at, { key: node.otherKey, body })
      expect([status, json.faults[0].field]).toEqual([422, 'values[0].permissions'])
      expect(JSON.stringify(json)).not.toContain('hush')
    }
  })
})

test('0.NA is allotted to nobody', async () => {
  const { status, json } = await node.ask('POST', '/v1/prefixes', { key, body: { prefix: '0.NA' } })
  expect([status, json.code]).toEqual([400, 'request-malformed'])
})

function serve(body: unknown, query = '') {
  return node.ask('PATCH', `/v1/prefixes/88.118.8${query}`, { key, body })
}

async function put(identifier: string, by: string): Promise<number> {
  const body = { values: [{ index: 1, type: 'URL', data: 'https://example.com/' }] }
  return (await node.ask('PUT', `/v1/identifiers/${identifier}`, { key: by, body })).status
}
