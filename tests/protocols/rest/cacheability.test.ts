/** Nothing that this node sends may be kept by anybody downstream and be given again without asking here. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeEnterprise, put, type TestNode, testNode } from '../../support/node.js'
import { type RestNode, restNode } from './rest-node.js'

let node: TestNode
let rest: RestNode
let apiKey = ''

beforeAll(async () => {
  node = await testNode({ environment: { JIEXI_DEMO: 'true' } })
  rest = await restNode()
  apiKey = (await makeEnterprise(node, { id: 'pumps', prefix: '88.118.5' })).apiKey
  await put(node, apiKey, { identifier: '88.118.5/kept', name: 'Kept' })
  await put(node, apiKey, { identifier: '88.118.5/gone', name: 'Gone' })
  await fetch(`${node.url}/v1/identifiers/88.118.5/gone`, { method: 'DELETE', headers: authorized(apiKey) })
})
afterAll(async () => {
  await node.close()
  await rest.close()
})

test('every address that can be read says no-store, or that it is to be asked for again each time', async () => {
  const paths = rest.routes.filter(({ method }) => method === 'GET').map(({ url }) => pathOf(url))
  expect(paths.length).toBeGreaterThan(15)
  const others = [
    '/',
    '/console/page.js',
    '/console/page.css',
    '/console/samples.json',
    '/problems',
    '/problems/internal',
  ]
  for (const path of [...paths, ...others, '/livez', '/readyz', '/metrics', '/nowhere', '/v1/nowhere']) {
    for (const key of [undefined, apiKey, node.adminKey]) {
      const { headers, status } = await fetch(node.url + path, { headers: authorized(key), redirect: 'manual' })
      expect([path, status, mayBeKept(headers)]).toEqual([path, expect.any(Number), false])
    }
  }
})

test.each([
  ['/v1/identifiers/88.118.5/kept', 200],
  ['/v1/identifiers/88.118.5/gone', 410],
  ['/v1/identifiers/88.118.5/never', 404],
])(
  '%s says its version, tier and age, and has to be asked for again, plain or not, held already or not',
  async (path, status) => {
    for (const [query, headers] of [
      ['', {}],
      ['?values=all', {}],
      ['', authorized(apiKey)],
      ['', { accept: 'application/x-protobuf' }],
      ['?authoritative=1', {}],
    ] as const) {
      const first = await fetch(`${node.url}${path}${query}`, { headers })
      const etag = first.headers.get('etag')
      const again = await fetch(`${node.url}${path}${query}`, {
        headers: { ...headers, 'if-none-match': etag ?? '"v9"' },
      })
      expect([first.status, again.status]).toEqual([status, status === 200 ? 304 : status])
      for (const answer of [first, again]) {
        expect(answer.headers.get('jiexi-version')).toMatch(/^[012]$/)
        expect(answer.headers.get('cache-status')).toMatch(/^jiexi; (hit; detail=memory|fwd=miss; detail=registry)$/)
        expect(answer.headers.get('age')).toBe('0')
        expect(answer.headers.get('cache-control')).toMatch(/no-cache$/)
      }
    }
  },
)

function pathOf(url: string): string {
  return url.replace('/identifiers/*', '/identifiers/88.118.5/kept').replace('/history/*', '/history/88.118.5/kept')
}

function mayBeKept(headers: Headers): boolean {
  const said = (headers.get('cache-control') ?? '').split(',').map((directive) => directive.trim())
  const isAskedFor = said.includes('no-store') || said.includes('no-cache') || said.includes('max-age=0')
  return !isAskedFor || headers.has('expires') || said.some((one) => /^(s-maxage|stale-|immutable)/.test(one))
}

function authorized(key: string | undefined): Record<string, string> {
  return key === undefined ? {} : { authorization: `Bearer ${key}` }
}
