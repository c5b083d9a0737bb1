/**
 * A root, a server that it refers to, and a child of that, all nodes of ours: the child is found by a client that has found it before,
 * whichever of the two above it is stopped.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type HandleClient, handleClient } from '../../src/protocols/handle/client/client.js'
import { type Enterprise, makeEnterprise, put, type TestNode, testNode } from '../support/node.js'

let root: TestNode
let province: TestNode
let holder: TestNode
let client: HandleClient
let pumps: Enterprise

const started = new Set<TestNode>()
async function node(): Promise<TestNode> {
  const ready = await testNode({ environment: { JIEXI_HANDLE_PORT: '0' } })
  started.add(ready)
  return ready
}

async function stop(ready: TestNode): Promise<void> {
  started.delete(ready)
  await ready.close()
}

beforeAll(async () => {
  ;[root, province, holder] = [await node(), await node(), await node()]
  await serveElsewhere(root, '88.118', province)
  await serveElsewhere(province, '88.118.8', holder)
  pumps = await makeEnterprise(holder, { id: 'pumps', prefix: '88.118.8' })
  for (const name of ['a', 'b', 'c', 'd'])
    await put(holder, pumps.apiKey, { identifier: `88.118.8/${name}`, name, wait: 'visible' })
  const servers = [{ transport: 'tcp' as const, host: '127.0.0.1', port: root.handle.port! }]
  client = handleClient({ start: { kind: 'root', servers }, limits: { maxSiteAgeMs: 300 } })
}, 120_000)

afterAll(async () => {
  await client.close()
  for (const ready of started) await ready.close()
})

const found = { kind: 'found', isAuthoritative: true }

test('by the root, which refers to a server that refers to the child', async () => {
  expect(await client.resolve('88.118.8/a')).toMatchObject(found)
})

test('while the server that referred is stopped, past the time of what it said', async () => {
  await stop(province)
  await expired()
  expect(await client.resolve('88.118.8/b')).toMatchObject(found)
  // Of another child nothing is known, which is no "not found".
  await expect(client.resolve('88.118.9/b')).rejects.toMatchObject({ code: 'authority-unavailable' })
})

test('and while the root is stopped, too', async () => {
  await stop(root)
  await expired()
  for (const name of ['c', 'd']) expect(await client.resolve(`88.118.8/${name}`)).toMatchObject(found)
})

/** More than a site is remembered for. */
async function expired(): Promise<void> {
  const fromMs = performance.now()
  await vi.waitUntil(() => performance.now() - fromMs > 350, { timeout: 5_000 })
}

async function serveElsewhere(at: TestNode, prefix: string, { handle: { port } }: TestNode): Promise<void> {
  const response = await fetch(`${at.url}/v1/prefixes?wait=visible`, {
    method: 'POST',
    headers: { authorization: `Bearer ${at.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ prefix, service: 'self-built', sites: [{ address: '127.0.0.1', port }] }),
  })
  expect([response.status, response.ok ? '' : await response.text()]).toEqual([201, ''])
}
