import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RestNode, restNode } from './rest-node.js'

let node: RestNode
beforeAll(async () => {
  node = await restNode()
})
afterAll(() => node.close())

test('the OpenAPI 3.1 document describes every route of /v1, the hot ones included', async () => {
  const { status, json } = await node.ask('GET', '/docs/json')
  expect([status, json.openapi]).toEqual([200, '3.1.0'])
  const described = Object.entries<Record<string, unknown>>(json.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const registered = node.routes
    .filter(({ method, url }) => url.startsWith('/v1/') && method !== 'HEAD')
    .map(({ method, url }) => `${method} ${pathOf(url)}`)
  expect(registered.length).toBeGreaterThan(20)
  expect(described.sort()).toEqual(registered.sort())
})

test('every operation has a summary, a tag, and says how it fails; writing ones ask for a key', async () => {
  const { json } = await node.ask('GET', '/docs/json')
  for (const [path, operations] of Object.entries<Record<string, Operation>>(json.paths)) {
    for (const [method, one] of Object.entries(operations)) {
      const name = `${method} ${path}`
      expect(one.summary, name).toMatch(/\w{3}/)
      expect(one.tags, name).toHaveLength(1)
      expect(Object.keys(one.responses), name).toEqual(expect.arrayContaining(['4XX', '5XX']))
      const needsKey = method !== 'get' && path !== '/v1/resolve'
      if (needsKey) expect(one.security, name).toEqual([{ apiKey: [] }])
    }
  }
  const lookup = json.paths['/v1/identifiers/{identifier}'].get
  expect(lookup.parameters.map((one: { name: string }) => one.name)).toEqual(
    expect.arrayContaining(['identifier', 'index', 'type', 'attribute', 'values', 'version', 'at', 'explain']),
  )
  expect(Object.keys(lookup.responses['200'].content)).toEqual(['application/json', 'application/x-protobuf'])
})

test('the page at /docs is served with a policy against foreign scripts', async () => {
  const { status, text, headers } = await node.ask('GET', '/docs')
  expect(status).toBe(200)
  expect(text).toContain('swagger-ui')
  const policy = headers.get('content-security-policy')!.split('; ')
  expect(policy).toEqual(expect.arrayContaining(["default-src 'self'", "script-src 'self'"]))
  expect(policy.find((one) => one.startsWith('style-src'))).toMatch(/^style-src 'self' 'sha256-[^']+'$/)
  // The node speaks no https: a browser that is told to would load nothing.
  expect(policy.join()).not.toMatch(/upgrade-insecure-requests|https:|unsafe/)
  for (const [, source] of text.matchAll(/(?:src|href)="([^"]+)"/g)) {
    expect((await node.ask('GET', source!)).status, source).toBe(200)
  }
})

interface Operation {
  readonly summary: string
  readonly tags: readonly string[]
  readonly responses: Readonly<Record<string, unknown>>
  readonly security: unknown
}

function pathOf(url: string): string {
  return url
    .replace('/*', '/{identifier}')
    .replace('::', ':')
    .replace(/\/:(\w+)/g, '/{$1}')
}
