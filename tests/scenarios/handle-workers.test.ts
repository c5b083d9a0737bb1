/** Two worker processes behind the ports of the Handle System, for real: shared sockets, strays, restarts. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packetsOf } from '../../src/protocols/handle/codec-packets.js'
import { RC } from '../../src/protocols/handle/codes.js'
import { mustDecode } from '../protocols/handle/whole-messages.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { datagramClient, lookUpOctets, streamClient, tunnelled } from '../support/handle-client.js'
import { type Machine, machine } from '../support/machine.js'
import { makeEnterprise, put } from '../support/node.js'

const timeout = 180_000
const HANDLE = '88.118.5/known'
/** Packets on their way at once: a socket's buffer holds some 270 small ones, and the system drops the rest without a word. */
const IN_FLIGHT = 40

let database: TestDatabase
let node: Machine
let port: number
let httpPort: number

beforeAll(async () => {
  database = await testDatabase({ migrated: false })
  node = await machine({
    databaseUrl: database.url,
    redisUrl: 'none',
    workers: 2,
    environment: { JIEXI_HANDLE_PORT: '0', JIEXI_HANDLE_HTTP_PORT: '0', JIEXI_DRAIN_SECONDS: '2' },
  })
  const ports = /UDP and TCP port (\d+), its HTTP on port (\d+)/.exec(node.child.output())!
  port = Number(ports[1])
  httpPort = Number(ports[2])
  const enterprise = await makeEnterprise(node, { id: 'pumps', prefix: '88.118.5' })
  await put(node, enterprise.apiKey, { identifier: HANDLE, name: 'Known', wait: 'visible' })
}, timeout)

afterAll(async () => {
  await node.stop()
  await database.close()
}, timeout)

test('every datagram is answered once, and both workers answer some', async () => {
  const client = await datagramClient(port)
  const ids = Array.from({ length: 400 }, (_, place) => place + 1)
  for (const requestId of ids) {
    client.send(lookUpOctets(HANDLE, { requestId }))
    if (requestId % IN_FLIGHT === 0) await client.packets(requestId)
  }
  const packets = await client.packets(ids.length)
  client.close()
  expect(packets.map((packet) => packet.readUInt32BE(8)).sort((a, b) => a - b)).toEqual(ids)
  for (const packet of packets) expect(packet.readUInt32BE(24)).toBe(RC.success)
})

test('requests of several packets are put together, whichever worker gets which packet, in any order', async () => {
  // Nobody's types: what makes the request long.
  const types = ['NAME', ...Array.from({ length: 60 }, (_, place) => `X-TYPE-${place}-${'x'.repeat(20)}`)]
  const client = await datagramClient(port)
  const count = 50
  for (let requestId = 1; requestId <= count; requestId += 1) {
    const packets = [...packetsOf(lookUpOctets(HANDLE, { requestId, types }), true)]
    expect(packets.length).toBeGreaterThan(3)
    for (let at = packets.length - 1; at > 0; at -= 1) {
      const other = Math.floor(Math.random() * (at + 1))
      ;[packets[at], packets[other]] = [packets[other]!, packets[at]!]
    }
    client.send(...packets)
    if ((requestId * 4) % IN_FLIGHT === 0) await client.packets(requestId)
  }
  const answers = await client.packets(count)
  client.close()
  expect(new Set(answers.map((answer) => answer.readUInt32BE(8))).size).toBe(count)
  for (const answer of answers) {
    const { header, body } = mustDecode(answer)
    expect(header.responseCode).toBe(RC.success)
    expect(body.kind === 'handle-values' && body.values.map(({ type }) => type)).toEqual(['name'])
  }
})

test('TCP and HTTP connections go to both workers', async () => {
  const clients = await Promise.all(Array.from({ length: 8 }, () => streamClient(port)))
  for (const client of clients) {
    client.send(Buffer.concat([lookUpOctets(HANDLE, { requestId: 7 }), lookUpOctets(HANDLE, { requestId: 8 })]))
    const answers = await client.messages(2)
    expect(answers.map((answer) => answer.readUInt32BE(8))).toEqual([7, 8])
  }
  const text = await (await fetch(`${node.url}/metrics`)).text()
  expect(text).toMatch(/^jiexi_handle_connections 8$/m)
  for (const client of clients) client.close()
  const { status, octets } = await tunnelled(`http://127.0.0.1:${httpPort}`, lookUpOctets(HANDLE))
  expect([status, mustDecode(octets).header.responseCode]).toEqual([200, RC.success])
})

test('while workers are replaced and killed, UDP is answered, with the retries that clients make', {
  timeout,
}, async () => {
  const old = [...node.workers().values()]
  let isOver = false
  let asked = 0
  const asking = (async () => {
    while (!isOver) {
      asked += 1
      await askWithRetries(asked)
    }
  })()
  node.signal('SIGHUP')
  await node.child.line(/All workers have been replaced/)
  const [victim] = node.workers().values()
  expect(old).not.toContain(victim)
  process.kill(victim!, 'SIGKILL')
  await node.replaced(victim!)
  isOver = true
  await asking
  expect(asked).toBeGreaterThan(100)
  const client = await streamClient(port)
  client.send(lookUpOctets(HANDLE))
  expect(mustDecode((await client.messages(1))[0]!).header.responseCode).toBe(RC.success)
  client.close()
})

/** As clients in use: again after half a second, three times. */
async function askWithRetries(requestId: number): Promise<void> {
  const client = await datagramClient(port)
  let timer: NodeJS.Timeout | undefined
  const send = () => client.send(lookUpOctets(HANDLE, { requestId }))
  timer = setInterval(send, 500)
  send()
  try {
    await client.packets(1)
  } finally {
    clearInterval(timer)
    client.close()
  }
}
