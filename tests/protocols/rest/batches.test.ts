import { afterAll, beforeAll, expect, test } from 'vitest'
import { decodeResolveResults, encodeResolveRequest } from '../../../src/protocols/protobuf/messages.js'
import { MAX_RECORD_OCTETS_PER_BATCH } from '../../../src/protocols/rest/resolve-batch.js'
import { type RestNode, restNode } from './rest-node.js'

let node: RestNode
beforeAll(async () => {
  node = await restNode()
  await node.ask('POST', '/v1/identifiers:batch', {
    key: node.acmeKey,
    body: {
      items: Array.from({ length: 1_200 }, (_, at) => ({
        identifier: `88.118.8/part-${at}`,
        template: 'product',
        attributes: { name: `零件 ${at}` },
        values: [{ index: 5, type: 'COST', data: '1', permissions: '1100' }],
      })),
    },
  })
  await node.ask('DELETE', '/v1/identifiers/88.118.8/part-7', { key: node.acmeKey, body: { reason: 'recalled' } })
})
afterAll(() => node.close())

const MIXED = [
  '88.118.8/PART-1',
  'nonsense',
  '77.9.9/x',
  '88.118.8/part-7',
  '88.118.8/never',
  'VAA088118812345/x',
  '88.118.8/part-2',
  '1.2.156.3000.7',
  '88.118.8/part-1',
]
const STATUSES = [200, 400, 404, 410, 404, expect.any(Number), 200, 404, 200]

test('results come in the order asked for, each with its own status', async () => {
  for (let round = 0; round < 2; round += 1) {
    const { status, json } = await node.ask('POST', '/v1/resolve', { body: { identifiers: MIXED } })
    expect(status).toBe(200)
    expect(json.results.map((one: { identifier: string }) => one.identifier)).toEqual(MIXED)
    expect(json.results.map((one: { status: number }) => one.status)).toEqual(STATUSES)
    expect(json.results[0].record).toMatchObject({ identifier: '88.118.8/part-1', attributes: { name: '零件 1' } })
    expect(json.results[1].problem).toMatchObject({
      code: 'identifier-malformed',
      faults: [{ position: expect.any(Number) }],
    })
    expect(json.results[3].problem.detail).toContain('recalled')
  }
})

test.each(['application/json', 'application/x-protobuf'])(
  'one answer holds no more than it may (%s)',
  async (accept) => {
    const values = [1, 2, 3].map((index) => ({ index, type: 'NOTE', data: 'x'.repeat(64_000) }))
    const identifier = '88.118.8/large'
    const item = { identifier, template: 'product', attributes: { name: 'large' }, values }
    await node.ask('POST', '/v1/identifiers:batch', { key: node.acmeKey, body: { items: [item] } })
    const identifiers = [...Array.from({ length: 200 }, () => identifier), '88.118.8/never']
    for (const key of [undefined, node.acmeKey]) {
      const { json, bytes } = await node.ask('POST', '/v1/resolve', {
        headers: { accept },
        body: { identifiers },
        ...(key === undefined ? {} : { key }),
      })
      expect(bytes.length).toBeLessThan(MAX_RECORD_OCTETS_PER_BATCH + 500_000)
      const results = accept === 'application/json' ? json.results : decodeResolveResults(bytes)
      const statuses = results.map(({ status }: { status: number }) => status)
      const fit = Math.ceil(MAX_RECORD_OCTETS_PER_BATCH / 192_500)
      expect(statuses.slice(0, fit - 2)).toEqual(Array.from({ length: fit - 2 }, () => 200))
      expect(statuses.slice(-3)).toEqual([413, 413, 404])
      expect(results.at(-2)).toMatchObject({ problem: { code: 'too-large', detail: expect.stringContaining('again') } })
    }
  },
)

test('each result of a batch says its version, tier and age, in every format', async () => {
  const identifiers = ['88.118.8/part-5', '88.118.8/part-7', '88.118.8/never', 'nonsense']
  const expected = [
    { version: 1, ageSeconds: 0 },
    { version: 2, ageSeconds: 0 },
    { version: 0, ageSeconds: 0 },
  ]
  for (const [path, tier] of [
    ['/v1/resolve?authoritative=1', 'registry'],
    ['/v1/resolve', 'memory'],
  ] as const) {
    const results = async () => (await node.ask('POST', path, { body: { identifiers } })).json.results
    // Memory counts for as long as the feed was read within its bound.
    await expect
      .poll(async () => (await results()).slice(0, 3))
      .toMatchObject(expected.map((one) => ({ ...one, tier })))
    expect((await results())[3]).not.toHaveProperty('version')
  }
  const lines = await node.ask('POST', '/v1/resolve', {
    body: { identifiers },
    headers: { accept: 'application/x-ndjson' },
  })
  expect(
    lines.text
      .trim()
      .split('\n')
      .slice(0, 3)
      .map((line) => JSON.parse(line)),
  ).toMatchObject(expected)
  const inProtobuf = async () => {
    const headers = { accept: 'application/x-protobuf' }
    return decodeResolveResults((await node.ask('POST', '/v1/resolve', { body: { identifiers }, headers })).bytes)
  }
  await expect
    .poll(async () => (await inProtobuf()).slice(0, 3))
    .toMatchObject(expected.map((freshness) => ({ freshness: { ...freshness, tier: 'memory' } })))
  expect((await inProtobuf())[3]).not.toHaveProperty('freshness')
})

test('a batch gives the very record that a single look-up gives', async () => {
  const single = (await node.ask('GET', '/v1/identifiers/88.118.8/part-3')).json
  const { json } = await node.ask('POST', '/v1/resolve', { body: { identifiers: ['88.118.8/part-3'] } })
  expect(json.results[0].record).toEqual(single)
})

test('a thousand are answered, from the registry and then from memory; one more is too many', async () => {
  const identifiers = Array.from({ length: 1_000 }, (_, at) => `88.118.8/part-${at}`)
  for (let round = 0; round < 2; round += 1) {
    const { json } = await node.ask('POST', '/v1/resolve', { body: { identifiers } })
    const names = json.results.map((one: { record?: { attributes: { name: string } } }) => one.record?.attributes.name)
    expect(names).toEqual(identifiers.map((_, at) => (at === 7 ? undefined : `零件 ${at}`)))
  }
  const refused = await node.ask('POST', '/v1/resolve', { body: { identifiers: [...identifiers, 'one/more'] } })
  expect([refused.status, refused.json.code]).toEqual([413, 'too-large'])
})

test('NDJSON: plain lines or JSON strings in, a result a line out', async () => {
  const { headers, text } = await node.ask('POST', '/v1/resolve', {
    body: '88.118.8/part-1\r\n\n"88.118.8/part-\\u0032"\nnonsense',
    headers: { 'content-type': 'application/x-ndjson' },
  })
  expect(headers.get('content-type')).toBe('application/x-ndjson')
  const results = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(results.map((one) => [one.identifier, one.status])).toEqual([
    ['88.118.8/part-1', 200],
    ['88.118.8/part-2', 200],
    ['nonsense', 400],
  ])
  const asJson = await node.ask('POST', '/v1/resolve', {
    body: '88.118.8/part-1',
    headers: { 'content-type': 'text/plain', accept: 'application/json' },
  })
  expect(asJson.json.results).toHaveLength(1)
  const broken = await node.ask('POST', '/v1/resolve', {
    body: 'a/b\n"half',
    headers: { 'content-type': 'text/plain' },
  })
  expect(broken.json).toMatchObject({ code: 'request-malformed', faults: [{ field: 'line 2' }] })
})

test('protobuf in and out tells the same as JSON', async () => {
  const { headers, bytes } = await node.ask('POST', '/v1/resolve', {
    body: encodeResolveRequest(MIXED),
    headers: { 'content-type': 'application/x-protobuf' },
  })
  expect(headers.get('content-type')).toBe('application/x-protobuf')
  const results = decodeResolveResults(bytes)
  expect(results.map(({ identifier, status }) => [identifier, status])).toEqual(
    MIXED.map((id, at) => [id, STATUSES[at]]),
  )
  expect(results[0]).toMatchObject({ record: { key: '88.118.8/part-1' } })
  expect(results[3]).toMatchObject({ problem: { code: 'identifier-withdrawn' } })
  const garbage = await node.ask('POST', '/v1/resolve', {
    body: Buffer.from([0x0a, 0xff, 0xff]),
    headers: { 'content-type': 'application/x-protobuf' },
  })
  expect([garbage.status, garbage.json.code]).toEqual([400, 'request-malformed'])
})

test('the holder sees in a batch what a single look-up shows them', async () => {
  const indexes = async (key: string | undefined, accept: string) => {
    const { json, bytes } = await node.ask('POST', '/v1/resolve', {
      ...(key === undefined ? {} : { key }),
      body: { identifiers: ['88.118.8/part-1'] },
      headers: { accept },
    })
    const [result] = accept === 'application/json' ? json.results : decodeResolveResults(bytes)
    return result.record.values.map((value: { index: number }) => value.index)
  }
  for (const accept of ['application/json', 'application/x-protobuf']) {
    expect(await indexes(undefined, accept)).toEqual([])
    expect(await indexes(node.otherKey, accept)).toEqual([])
    expect(await indexes(node.acmeKey, accept)).toEqual([5])
  }
})

test.each([
  [{}, 'identifiers'],
  [{ identifiers: 'a/b' }, 'identifiers'],
  [{ identifiers: ['a/b', 5] }, 'identifiers[1]'],
  [{ identifiers: [], more: 1 }, 'more'],
  [[], 'body'],
])('%j is no batch', async (body, field) => {
  const { status, json } = await node.ask('POST', '/v1/resolve', { body })
  expect([status, json.code, json.faults[0].field]).toEqual([400, 'request-malformed', field])
})

test('an empty batch has an empty result', async () => {
  expect((await node.ask('POST', '/v1/resolve', { body: { identifiers: [] } })).text).toBe('{"results":[]}')
})

test('a batch of writes gives each item its outcome, in order', async () => {
  const record = { values: [{ index: 1, type: 'URL', data: 'https://a' }] }
  const items = [
    { identifier: '88.118.8/w-1', ...record },
    { identifier: 'nonsense', ...record },
    { identifier: '88.118.8/w-2', template: 'nope' },
    { identifier: '88.200.1/foreign', ...record },
    { identifier: '88.118.8/w-1', ...record, ifNoneMatch: '*' },
    { identifier: '88.118.8/w-1', intent: 'withdraw', reason: 'test', ifMatch: 1 },
    { identifier: '88.118.8/w-3', intent: 'withdraw' },
    { identifier: '88.118.8/w-4', ...record, ifMatch: 'one' },
    { identifier: '88.118.8/w-5', ...record, colour: 'red' },
    { ...record },
    'text',
  ]
  const { status, json, headers } = await node.ask('POST', '/v1/identifiers:batch', {
    key: node.acmeKey,
    body: { items },
  })
  expect(status).toBe(200)
  expect(json.results.map((one: { status: number }) => one.status)).toEqual([
    201, 400, 422, 403, 412, 200, 404, 400, 422, 400, 400,
  ])
  expect(json.results[0].receipt).toMatchObject({ outcome: 'created', version: 1 })
  expect(json.results[5].receipt).toMatchObject({ outcome: 'withdrawn', version: 2 })
  expect(json.results[8].problem.faults[0].field).toBe('colour')
  expect(json.results[9]).toMatchObject({ identifier: null, problem: { code: 'request-malformed' } })
  expect(headers.get('jiexi-token')).toBe(json.results[5].receipt.token)
})

test('a batch of writes is repeated safely with its idempotency key', async () => {
  const body = { items: [{ identifier: '88.118.8/idem', values: [] }] }
  const options = { key: node.acmeKey, body, headers: { 'idempotency-key': 'batch-1' } }
  const first = await node.ask('POST', '/v1/identifiers:batch', options)
  const retry = await node.ask('POST', '/v1/identifiers:batch', options)
  expect(retry.json).toEqual(first.json)
  const other = await node.ask('POST', '/v1/identifiers:batch', { ...options, body: { items: [] } })
  expect(other.status).toBe(200)
})

test('2,001 writes are too many, and strangers get no explanation', async () => {
  const items = Array.from({ length: 2_001 }, (_, at) => ({ identifier: `88.118.8/m-${at}`, values: [] }))
  expect((await node.ask('POST', '/v1/identifiers:batch', { key: node.acmeKey, body: { items } })).status).toBe(413)
  expect((await node.ask('POST', '/v1/identifiers:batch', { body: { items: 5 } })).status).toBe(401)
  expect((await node.ask('POST', '/v1/identifiers:batch', { key: node.acmeKey, body: { items: 5 } })).status).toBe(400)
})
