/**
 * Requests as other programs sent them, over real sockets to a real node that has the same records: the answers are theirs,
 * octet for octet, but for what a server decides for itself: serial, expiration and when a value last changed.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodeMessage, type Message } from '../../src/protocols/handle/codec-message.js'
import { packetsOf } from '../../src/protocols/handle/codec-packets.js'
import { type HandleValue, RELATIVE_TTL } from '../../src/protocols/handle/codec-value.js'
import { FLAG, hasFlag, OP, RC } from '../../src/protocols/handle/codes.js'
import { answered, mustDecode, wholeMessages } from '../protocols/handle/whole-messages.js'
import { datagramClient, streamClient, tunnelled } from '../support/handle-client.js'
import { exchanges } from '../support/handle-vectors.js'
import { type Enterprise, makeEnterprise, type TestNode, testNode } from '../support/node.js'

/** Look-ups of our prefix that nobody had to prove anything for; one of them is of another server's, poorer, record. */
const pairs = answered(exchanges()).filter(({ name, request, response }) => {
  if (name === 'idsdk/idsdk-lookup-before-login') return false
  const { body, header } = mustDecode(request)
  if (header.opCode !== OP.resolve || body.kind !== 'query' || !body.handle.startsWith('88.100.1/')) return false
  const { responseCode } = mustDecode(response).header
  return !hasFlag(header.opFlags, FLAG.certify) && (responseCode === RC.success || responseCode === RC.handleNotFound)
})

let node: TestNode
let enterprise: Enterprise

beforeAll(async () => {
  node = await testNode({ environment: { JIEXI_HANDLE_PORT: '0', JIEXI_HANDLE_HTTP_PORT: '0' } })
  enterprise = await makeEnterprise(node, { id: 'pumps', prefix: '88.100.1' })
  for (const [handle, values] of recordsOf()) await register(handle, values)
})

afterAll(async () => {
  await node.close()
})

test('there are look-ups of every kind to compare', () => {
  expect(pairs.length).toBeGreaterThan(25)
  const codes = new Set(pairs.map(({ response }) => mustDecode(response).header.responseCode))
  expect(codes).toEqual(new Set([RC.success, RC.handleNotFound]))
})

test.each(pairs)('TCP answers $name as the reference server did', async ({ request, response }) => {
  const client = await streamClient(node.handle.port!)
  client.send(request)
  const [answer] = await client.messages(1)
  expect(comparable(answer!)).toEqual(comparable(response))
  // And again from memory, where it is by now.
  client.send(request)
  expect(comparable((await client.messages(1))[0]!)).toEqual(comparable(response))
  client.close()
})

test.each(pairs)('UDP answers $name with the same octets in packets', async ({ request, response }) => {
  const whole = packetsOf(response, false)
  const client = await datagramClient(node.handle.port!)
  client.send(request)
  const count = whole.length > 4 ? 1 : whole.length
  const packets = await client.packets(count)
  client.close()
  if (whole.length > 4) {
    // Too much for a stranger: the beginning, marked, and the rest over TCP.
    expect(packets[0]!.length).toBe(512)
    expect(packets[0]![2]! & 0x20).toBe(0x20)
    expect(packets[0]!.readUInt32BE(16)).toBe(response.length - 20)
    return
  }
  const [answer] = wholeMessages(packets.map((bytes) => ({ name: 'answer', transport: 'udp', bytes })))
  expect(comparable(answer!)).toEqual(comparable(response))
})

test.each(pairs)('HTTP answers $name with the same octets', async ({ request, response }) => {
  const { status, octets, type } = await tunnelled(`http://127.0.0.1:${node.handle.httpPort}`, request)
  expect([status, type]).toEqual([200, 'application/x-hdl-message'])
  expect(comparable(octets)).toEqual(comparable(response))
})

/** With the same serial, expiration and timestamps, and no value that ends at a time, which a record of ours cannot have. */
function comparable(octets: Buffer): string {
  const message = mustDecode(octets)
  const { body } = message
  const header = { ...message.header, siteSerial: 1, expirationSeconds: 0 }
  const same: Message =
    body.kind === 'handle-values' ? { ...message, body: { ...body, values: untimed(body.values) } } : message
  return encodeMessage({ ...same, header }).toString('hex')
}

function untimed(values: readonly HandleValue[]): readonly HandleValue[] {
  return values.map((value) => ({ ...value, timestampSeconds: 0, ttlType: RELATIVE_TTL }))
}

/** What the reference server had, as far as its answers tell. */
function recordsOf(): ReadonlyMap<string, readonly HandleValue[]> {
  const records = new Map<string, readonly HandleValue[]>()
  for (const { response } of pairs) {
    const { body } = mustDecode(response)
    if (body.kind !== 'handle-values') continue
    const key = body.handle.toLowerCase()
    if ((records.get(key)?.length ?? 0) < body.values.length) records.set(key, body.values)
  }
  return records
}

async function register(handle: string, values: readonly HandleValue[]): Promise<void> {
  const response = await fetch(`${node.url}/v1/identifiers/${encodeURIComponent(handle)}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${enterprise.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ values: values.map(valueJson) }),
  })
  if (!response.ok) throw new Error(`${handle}: ${await response.text()}`)
}

function valueJson({ index, type, data, ttl, permissions, references }: HandleValue) {
  return {
    index,
    type,
    data: { format: 'base64', value: Buffer.from(data).toString('base64') },
    ttlSeconds: ttl,
    permissions: permissions.toString(2).padStart(4, '0'),
    ...(references.length > 0 && { references }),
  }
}
