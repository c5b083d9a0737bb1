/**
 * A node below a Handle server of others, which knows enterprises with servers of others: whole, with its doors. What these say comes from
 * octets that such servers have sent.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type HandleClient, handleClient } from '../../src/protocols/handle/client/client.js'
import { about, asAnswer, recordOf, said } from '../federation/theirs.js'
import { handleIn } from '../protocols/handle/client/replies.js'
import { type ScriptedServer, tcpServer, udpServer } from '../protocols/handle/client/scripted-server.js'
import { get, type TestNode, testNode } from '../support/node.js'

let root: ScriptedServer
let byUdp: ScriptedServer
let byTcp: ScriptedServer
let node: TestNode
let client: HandleClient

const ANSWERS: Readonly<Record<string, string>> = {
  '88.100.1/pump-0001': 'session/resolve-all-http',
  '88.100.1/mixed': 'session/resolve-restricted-no-auth-tcp',
  '88.100.1/bom-big': 'session/resolve-big-udp',
}

const enterprise = (request: Buffer) =>
  asAnswer(said(ANSWERS[handleIn(request)] ?? 'session/resolve-not-found-udp'), request)

beforeAll(async () => {
  ;[byUdp, byTcp] = [await udpServer(enterprise), await tcpServer(enterprise)]
  root = await tcpServer((request) => {
    switch (handleIn(request)) {
      case '0.NA/88.100.1':
        return about(said('root/root-resolve-0.NA_88-2.3'), request)
      case '0.NA/0.NA':
        return recordOf(request, byUdp, byTcp)
      default:
        return asAnswer(said('root/root-resolve-0.NA_99-2.11'), request)
    }
  })
  node = await testNode({
    environment: {
      JIEXI_HANDLE_PORT: '0',
      JIEXI_PROBE_SECONDS: '0',
      JIEXI_PARENT: `tcp://127.0.0.1:${root.address.port}`,
      JIEXI_PEER_NETWORKS: 'parent=127.0.0.1:1-65535',
    },
  })
  client = handleClient({
    start: { kind: 'servers', servers: [{ transport: 'tcp', host: '127.0.0.1', port: node.handle.port! }] },
  })
}, 60_000)

afterAll(async () => {
  await client.close()
  await node.close()
  for (const server of [root, byUdp, byTcp]) await server.close()
})

test.each([
  ['88.100.1/pump-0001', 3],
  ['88.100.1/mixed', 7],
  ['88.100.1/bom-big', 61],
])('%s is found by every door, with all that is public of it', async (handle, count) => {
  const response = await get(node, encodeURI(handle))
  expect([response.status, response.headers.get('cache-status')]).toEqual([200, expect.stringContaining('upstream')])
  const { values } = (await response.json()) as { values: { index: number; type: string }[] }
  expect(values.length).toBe(count)
  const resolved = await client.resolve(handle)
  expect(resolved).toMatchObject({ kind: 'found', isAuthoritative: false })
  const indexes = resolved.kind === 'found' ? resolved.values.map(({ index }) => index) : []
  expect(indexes).toEqual(values.map(({ index }) => index))
})

test('what is not registered there is absent, and what nobody has is another thing', async () => {
  expect(await codeAt('88.100.1/none')).toEqual([404, 'identifier-absent'])
  expect(await codeAt('99.1/none')).toEqual([404, 'prefix-not-served'])
  expect(await client.resolve('88.100.1/none')).toMatchObject({ kind: 'absent' })
})

test('the root is asked once for the prefix and its service', async () => {
  for (const name of ['pump-0001', 'mixed']) await get(node, `88.100.1/${name}?authoritative=1`)
  const asked = root.requests.map(handleIn).filter((handle) => handle !== '0.NA/99.1')
  expect(asked).toEqual(['0.NA/88.100.1', '0.NA/0.NA'])
})

async function codeAt(identifier: string): Promise<[number, string]> {
  const response = await get(node, identifier)
  return [response.status, ((await response.json()) as { code: string }).code]
}
