/**
 * Nodes that ask, or are sent, in a circle: by the native protocol, which names nobody. The circle ends where it closes, with a request
 * at most that need not have been, and is told as "could not be asked".
 */
import { afterEach, expect, test, vi } from 'vitest'
import { PassingLookups } from '../../src/federation/passing-lookups.js'
import { parseIdentifier } from '../../src/identifier/parse.js'
import { freePort } from '../../src/platform/free-port.js'
import { handleClient } from '../../src/protocols/handle/client/client.js'
import { RC } from '../../src/protocols/handle/codes.js'
import { MAX_HOPS } from '../../src/resolution/passage.js'
import { answerTo, siteOctets, value, valuesTo } from '../protocols/handle/client/replies.js'
import { tcpServer } from '../protocols/handle/client/scripted-server.js'
import { get, type TestNode, testNode } from '../support/node.js'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (let close = closers.pop(); close; close = closers.pop()) await close()
})

async function node(environment: Readonly<Record<string, string>>): Promise<TestNode> {
  const quiet = { JIEXI_PROBE_SECONDS: '0', JIEXI_HANDLE_PUBLIC_ADDRESS: '127.0.0.1' }
  const ready = await testNode({ environment: { ...quiet, ...environment } })
  closers.push(() => ready.close())
  return ready
}

/** A ring of nodes, each of which asks the next for what is not its own. */
async function ringOf(size: number): Promise<readonly TestNode[]> {
  const ports: number[] = []
  while (ports.length < size) ports.push(await freePort())
  const ring: TestNode[] = []
  for (const [place, port] of ports.entries()) {
    const parent = `tcp://127.0.0.1:${ports[(place + 1) % size]}`
    ring.push(await node({ JIEXI_HANDLE_PORT: String(port), JIEXI_PARENT: parent }))
  }
  return ring
}

test.each([1, 2, 3])('a ring of %i nodes ends after one round', async (size) => {
  const ring = await ringOf(size)
  const response = await get(ring[0]!, '99.1/x')
  expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([503, 'authority-unavailable'])
  // Of each one question, for the prefix: the one of the last comes back to the first.
  expect(await Promise.all(ring.map(sent))).toEqual(Array(size).fill(1))
})

test('a ring ends so too when others look the same up at the same time', async () => {
  const ring = await ringOf(2)
  const all = await Promise.all(Array.from({ length: 10 }, (_, place) => get(ring[place % 2]!, `99.1/${place}`)))
  expect(new Set(all.map(({ status }) => status))).toEqual(new Set([503]))
  const [first, second] = await Promise.all(ring.map(sent))
  expect(first! + second!).toBeLessThanOrEqual(20)
})

test('a ring of the native protocol and our own ends so too', async () => {
  const [port, httpPort] = [await freePort(), await freePort()]
  const byNative = await node({ PORT: String(httpPort), JIEXI_PARENT: `tcp://127.0.0.1:${port}` })
  const byApi = await node({ JIEXI_HANDLE_PORT: String(port), JIEXI_PARENT: byNative.url })
  for (const first of [byNative, byApi]) {
    const before = (await sent(byNative)) + (await sent(byApi))
    expect((await get(first, '99.1/x')).status).toBe(503)
    expect((await sent(byNative)) + (await sent(byApi)) - before).toBe(2)
  }
})

test('look-ups of other identifiers that expire in the same second are no circle', async () => {
  const identifierOf = (text: string) => {
    const parsed = parseIdentifier(text)
    if (!parsed.ok) throw new Error(text)
    return parsed.value
  }
  const passing = new PassingLookups()
  const further = { via: [], hopsLeft: MAX_HOPS - 1, sendsLeft: 1, timeLeftMs: 1, expiresAtSeconds: 1_800_000_000 }
  const asked = (text: string) => () => passing.requireNoCircle(identifierOf(text), further)
  await passing.during(identifierOf('99.1/a'), { expiresAtSeconds: 1_800_000_000, hopsDone: 0 }, async () => {
    for (const other of ['99.1/b', '99.2/a', '0.NA/99.2']) expect(asked(other)).not.toThrow()
    for (const same of ['99.1/a', '0.NA/99.1']) expect(asked(same)).toThrow('in a circle')
  })
  expect(asked('99.1/a')).not.toThrow()
})

test.each(['site', 'referral'] as const)('a node that is sent to itself by a %s does not go there', async (how) => {
  const port = await freePort()
  const site = value(1, 'HS_SITE', siteOctets({ addresses: [{ transport: 'tcp', host: '127.0.0.1', port }] }))
  const parent = await tcpServer((request) =>
    how === 'site'
      ? valuesTo(request, [site])
      : answerTo(
          request,
          { kind: 'referral', handle: '', values: [site] },
          { header: { responseCode: RC.prefixReferral } },
        ),
  )
  closers.push(() => parent.close())
  const self = await node({
    JIEXI_HANDLE_PORT: String(port),
    JIEXI_PARENT: `tcp://127.0.0.1:${parent.address.port}`,
    JIEXI_PEER_NETWORKS: 'parent=127.0.0.1:1-65535',
  })
  await untilPlaced(port)
  const response = await get(self, '99.1/x')
  expect(response.status).toBe(503)
  expect(await response.text()).toContain('is this node itself')
  expect([parent.requests.length, await sent(self)]).toEqual([1, 1])
})

test('a client that two nodes refer to each other asks each once', async () => {
  const ports = [await freePort(), await freePort()]
  for (const [place, port] of ports.entries())
    await node({ JIEXI_HANDLE_PORT: String(port), JIEXI_PARENT_SITE: `127.0.0.1:${ports[1 - place]}` })
  const asked: number[] = []
  const client = handleClient({
    start: { kind: 'servers', servers: [{ transport: 'tcp', host: '127.0.0.1', port: ports[0]! }] },
    guard: (address) => void asked.push(address.port),
  })
  closers.push(() => client.close())
  await expect(client.resolve('99.1/x')).rejects.toMatchObject({ reason: 'referral-loop' })
  expect(asked).toEqual([ports[1]])
})

/** A node learns from its feed, a moment after its start, where it is itself. */
async function untilPlaced(port: number): Promise<void> {
  const client = handleClient({
    start: { kind: 'servers', servers: [{ transport: 'tcp', host: '127.0.0.1', port }] },
  })
  closers.push(() => client.close())
  await vi.waitFor(() => client.siteInfo(), { timeout: 15_000, interval: 20 })
}

/** Requests to other nodes so far. */
async function sent(at: TestNode): Promise<number> {
  const response = await fetch(`${at.url}/v1/peers`, { headers: { authorization: `Bearer ${at.adminKey}` } })
  const { items } = (await response.json()) as { items: { requests: number }[] }
  return items.reduce((sum, { requests }) => sum + requests, 0)
}
