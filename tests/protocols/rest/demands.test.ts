/** `min-version`, `Jiexi-Token` and `authoritative`, on every kind of look-up. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decodeResolveResults } from '../../../src/protocols/protobuf/messages.js'
import { ADMIN_KEY, type RestNode, restNode } from './rest-node.js'

let node: RestNode
let token = ''
const PATH = '/v1/identifiers/88.118.8/demanded'
const GONE = '/v1/identifiers/88.118.8/demanded-gone'

beforeAll(async () => {
  node = await restNode()
  for (const name of ['one', 'two', 'three']) token = (await write(PATH, name)).headers.get('jiexi-token')!
  await write(GONE, 'gone')
  await node.ask('DELETE', GONE, { key: node.acmeKey })
})
afterAll(() => node.close())

const LOOKUPS = [
  [
    'a record',
    (headers: object, query = '') => node.ask('GET', `${PATH}?values=all${query}`, { headers: { ...headers } }),
  ],
  ['a history', (headers: object) => node.ask('GET', '/v1/history/88.118.8/demanded', { headers: { ...headers } })],
  [
    'a batch',
    (headers: object, query = '') =>
      node.ask('POST', `/v1/resolve?${query.slice(1)}`, {
        headers: { ...headers },
        body: { identifiers: ['88.118.8/demanded'] },
      }),
  ],
] as const

test.each(LOOKUPS)('a token of this history is taken by %s', async (_what, ask) => {
  expect(token).toMatch(/^\d+-[\da-f]{8}$/)
  expect((await ask({ 'jiexi-token': token })).status).toBe(200)
})

test.each(LOOKUPS)(
  'a token of another history, or of no transaction there ever was, is refused by %s',
  async (_what, ask) => {
    const [xid, history] = token.split('-') as [string, string]
    const other = history.startsWith('0') ? history.replace('0', '1') : `0${history.slice(1)}`
    for (const [unknown, why] of [
      [`${xid}-${other}`, 'another history'],
      [`999999999999999-${history}`, 'no such transaction'],
    ] as const) {
      const { status, json } = await ask({ 'jiexi-token': unknown })
      const problem = json.results?.[0].problem ?? json
      expect([json.results?.[0].status ?? status, problem.code]).toEqual([412, 'token-unknown'])
      expect(problem.detail).toContain(why)
    }
  },
)

test.each(LOOKUPS)('what is no token is refused by %s', async (_what, ask) => {
  for (const text of ['x', '5', '-', `${token}0`, '1-ABCDEF01', `${'1'.repeat(16)}-00000000`]) {
    const { status, json } = await ask({ 'jiexi-token': text })
    expect([status, json.faults?.[0].field]).toEqual([400, 'Jiexi-Token'])
  }
})

test('a version that there is not yet is a problem that names the newest, never an older answer', async () => {
  expect((await node.ask('GET', `${PATH}?min-version=3`)).json.version).toBe(3)
  const early = await node.ask('GET', `${PATH}?min-version=4`)
  expect([early.status, early.json.code, early.headers.get('jiexi-version')]).toEqual([404, 'version-absent', '3'])
  expect(early.json.detail).toBe('88.118.8/demanded has no version 4 yet: its newest is 3.')
  const never = await node.ask('GET', '/v1/identifiers/88.118.8/demanded-never?min-version=1')
  expect(never.json).toMatchObject({ code: 'version-absent', detail: expect.stringContaining('never registered') })
  expect((await node.ask('GET', `${GONE}?min-version=2`)).status).toBe(410)
  expect((await node.ask('GET', `${GONE}?min-version=3`)).json.code).toBe('version-absent')
  const past = await node.ask('GET', `${PATH}?version=1&min-version=4`)
  expect(past.json.code).toBe('version-absent')
  const explained = await node.ask('GET', `${PATH}?explain=1&min-version=4`)
  expect(explained.json).toMatchObject({ status: 404, problem: { code: 'version-absent' } })
})

test('a batch demands the same of each, and tells what there is', async () => {
  const body = { identifiers: ['88.118.8/demanded', '88.118.8/demanded-gone'] }
  const { json } = await node.ask('POST', '/v1/resolve?min-version=3', { body })
  expect(json.results).toMatchObject([
    { status: 200, version: 3 },
    { status: 404, version: 2, problem: { code: 'version-absent' } },
  ])
  const headers = { accept: 'application/x-protobuf' }
  const { bytes } = await node.ask('POST', '/v1/resolve?min-version=3', { body, headers })
  expect(decodeResolveResults(bytes)).toMatchObject([
    { status: 200, freshness: { version: 3 } },
    { status: 404, freshness: { version: 2 }, problem: { code: 'version-absent' } },
  ])
  const authoritative = await node.ask('POST', '/v1/resolve?authoritative=1', { body })
  expect(authoritative.json.results).toMatchObject([{ tier: 'registry' }, { tier: 'registry' }])
  const wrong = await node.ask('POST', '/v1/resolve?version=1&authoritative=yes', { body })
  expect(wrong.json.faults.map(({ field }: { field: string }) => field)).toEqual(['version', 'authoritative'])
})

test('every write that a look-up can see gives a token', async () => {
  const admin = { key: ADMIN_KEY }
  const answers = [
    await write(PATH, 'four'),
    await write(PATH, 'four'),
    await node.ask('PATCH', PATH, { key: node.acmeKey, body: { attributes: { name: 'five' } } }),
    await node.ask('DELETE', PATH, { key: node.acmeKey }),
    await node.ask('POST', '/v1/identifiers:batch', {
      key: node.acmeKey,
      body: { items: [{ identifier: '88.118.8/demanded', values: [] }] },
    }),
    await node.ask('POST', '/v1/prefixes', { ...admin, body: { prefix: '88.200.7', enterpriseId: 'other' } }),
    await node.ask('PATCH', '/v1/prefixes/88.200.7', { ...admin, body: { state: 'suspended' } }),
    await node.ask('PATCH', '/v1/enterprises/other', { ...admin, body: { state: 'suspended' } }),
    await node.ask('PATCH', '/v1/enterprises/other', { ...admin, body: { state: 'active' } }),
    await node.ask('POST', '/v1/enterprises/other/keys', { ...admin, body: { scopes: ['read'] } }),
  ]
  for (const { status, headers } of answers) {
    expect(status).toBeLessThan(300)
    const given = headers.get('jiexi-token') ?? ''
    expect(
      (await node.ask('GET', '/v1/identifiers/88.118.8/demanded-gone', { headers: { 'jiexi-token': given } })).status,
    ).toBe(410)
  }
})

function write(path: string, name: string) {
  return node.ask('PUT', path, { key: node.acmeKey, body: { template: 'product', attributes: { name } } })
}
