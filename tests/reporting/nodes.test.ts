/** Two real nodes: one reports, the other, in the role of a top-level node, receives. */
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { freePort } from '../../src/platform/free-port.js'
import { handleClient } from '../../src/protocols/handle/client/client.js'
import { parseServerAddress } from '../../src/protocols/handle/client/server-address.js'
import { folderDestination } from '../../src/reporting/destinations/folder.js'
import { nodeDestination } from '../../src/reporting/destinations/node.js'
import { jiexi } from '../cli/run.js'
import { type Enterprise, get, makeEnterprise, put, registerMany, type TestNode, testNode } from '../support/node.js'
import { PATIENT } from '../support/patience.js'

let top: TestNode
let below: TestNode
let province: Enterprise
let acme: Enterprise
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'jiexi-reports-'))
  top = await testNode({ environment: { JIEXI_ROLE: 'top-level' } })
  province = await makeEnterprise(top, { id: 'province', prefix: '88.118' })
  below = await testNode({
    environment: {
      JIEXI_HANDLE_PORT: '0',
      JIEXI_HANDLE_HTTP_PORT: '0',
      JIEXI_NODE_PREFIX: '88.118',
      JIEXI_PARENT: top.url,
      JIEXI_PARENT_API_KEY: province.apiKey,
      JIEXI_REPORTS: folder,
    },
  })
  acme = await makeEnterprise(below, { id: 'acme', prefix: '88.118.8' })
}, 60_000)
afterAll(async () => {
  await below?.close()
  await top?.close()
  await rm(folder, { recursive: true, force: true })
})

interface PublishedSchema {
  readonly $id: string
  readonly type: string
  readonly properties: { readonly table: { readonly const: string } }
}

interface Listed {
  readonly id: number
  readonly table: string
  readonly period: string
  readonly [name: string]: unknown
}

test('what a node reports arrives at the node above, and in the folder, as the same document', async () => {
  const received = await untilReceived('T1')
  const document = await read(top, `/v1/received-reports/${received.id}`)
  expect(document).toMatchObject({ table: 'T1', node: '88.118', revision: 1, part: 1, isLast: true })
  const name = path.join(folder, 'T1', 'current.r1.p1.json')
  await vi.waitUntil(() => existsSync(name), PATIENT)
  expect(JSON.parse(await readFile(name, 'utf8'))).toEqual(document)
  expect((await readdir(path.dirname(name))).filter((file) => file.endsWith('.draft'))).toEqual([])

  const { items } = await read(below, '/v1/reports?table=T1')
  expect(items[0]).toMatchObject({ table: 'T1', isKept: true })
  await vi.waitUntil(async () => (await statesOf('T1')).every((state) => state === 'delivered'), PATIENT)
  const attempts = await read(below, `/v1/reports/${items[0].id}/attempts`)
  expect(attempts.items.map(({ outcome }: { outcome: string }) => outcome)).toEqual(['delivered', 'delivered'])
  expect(await read(below, `/v1/reports/${items[0].id}`)).toEqual(document)
})

test('look-ups through every door of HTTP, and registrations, are counted for who asked and what was asked', async () => {
  await registerMany(below, acme.apiKey, ['88.118.8/a', '88.118.8/b', '88.118.8/c'])
  await put(below, acme.apiKey, { identifier: '88.118.8/d', name: 'd' })
  const countsBefore = await countsAfterFlush()
  for (let round = 0; round < 5; round++) await get(below, '88.118.8/a')
  await get(below, '88.118.8/a', { accept: 'application/x-protobuf' })
  await get(below, '88.118.8/a', { 'x-unusual': '1' })
  await get(below, '88.118.8/never')
  await get(below, '99.9/foreign')
  await get(below, 'malformed')
  await fetch(`${below.url}/v1/resolve`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ identifiers: ['88.118.8/b', '88.118.8/c', '88.118.8/never'] }),
  })
  const counts = await countsAfterFlush((now) => now.requests - countsBefore.requests >= 12)
  expect(counts.requests - countsBefore.requests).toBe(12)
  expect(counts.successes - countsBefore.successes).toBe(9)
  expect(counts.foreign - countsBefore.foreign).toBe(1)
  expect(Object.keys(counts.sources)).toEqual(['127.0.0.1'])
  expect(counts.registered).toBe(4)
})

test('look-ups through the doors of the Handle System are counted like others', async () => {
  const before = await countsAfterFlush()
  const { port, httpPort } = below.handle
  for (const address of [`udp://127.0.0.1:${port}`, `tcp://127.0.0.1:${port}`, `http://127.0.0.1:${httpPort}`]) {
    const server = parseServerAddress(address)
    if (!server.ok) throw new Error(server.reason)
    const client = handleClient({ start: { kind: 'servers', servers: [server.value] } })
    for (let round = 0; round < 4; round++) expect(await client.resolve('88.118.8/A')).toMatchObject({ kind: 'found' })
    expect(await client.resolve('88.118.8/none')).toMatchObject({ kind: 'absent' })
    await client.close()
  }
  await fetch(`http://127.0.0.1:${httpPort}/api/handles/88.118.8/a`)
  await fetch(`http://127.0.0.1:${httpPort}/88.118.8/a?noredirect`)
  const counts = await countsAfterFlush((now) => now.requests - before.requests >= 17)
  expect(counts.requests - before.requests).toBe(17)
  expect(counts.successes - before.successes).toBe(14)
  expect(Object.keys(counts.sources)).toEqual(['127.0.0.1'])
})

test('the same document again changes nothing; another content under its name is refused', async () => {
  const { id } = await untilReceived('T2')
  const document = await read(top, `/v1/received-reports/${id}`)
  const again = await report('T2', document)
  expect([again.status, again.body.id]).toEqual([200, id])
  const other = await report('T2', { ...document, collectedAt: '2026-01-01T00:00:00.000Z' })
  expect([other.status, other.body.code]).toEqual([409, 'version-conflict'])
  const next = await report('T2', { ...document, revision: document.revision + 1 })
  expect(next.status).toBe(201)
})

test('two who bring the same document at once store it once', async () => {
  const document = { ...(await read(top, `/v1/received-reports/${(await untilReceived('T2')).id}`)), revision: 77 }
  const answers = await Promise.all(Array.from({ length: 8 }, () => report('T2', document)))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 200, 200, 200, 201])
  expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
})

test('bad data is refused with all its faults, and whoever may not report is told so', async () => {
  const { id } = await untilReceived('T11')
  const document = await read(top, `/v1/received-reports/${id}`)
  const bad = await report('T11', {
    ...document,
    revision: 0,
    period: { ...document.period, key: '../x' },
    data: { items: [{}] },
    more: 1,
  })
  expect(bad.status).toBe(400)
  const { faults } = bad.body
  const fields = faults.map(({ field }: { field: string }) => field).join()
  for (const field of ['revision', 'period.key', 'data.items[0].enterpriseId', 'more']) expect(fields).toContain(field)

  for (const [field, value] of [
    ['revision', 2 ** 31],
    ['part', 2 ** 31],
  ] as const)
    expect(await report('T11', { ...document, [field]: value })).toMatchObject({
      status: 400,
      body: { faults: [{ field }] },
    })
  expect((await report('T99', document)).status).toBe(400)
  expect((await report('T11', document, {})).status).toBe(401)
  const foreign = await report('T11', { ...document, node: '88.999' })
  expect([foreign.status, foreign.body.code]).toEqual([403, 'prefix-not-held'])
  expect((await report('T11', '{"table": "T11"')).status).toBe(400)
  const listed = await fetch(`${top.url}/v1/received-reports`, { headers: bearer(province.apiKey) })
  expect(listed.status).toBe(403)
  expect((await fetch(`${below.url}/v1/received-reports`, { headers: bearer(below.adminKey) })).status).toBe(404)
})

test('lists of what was received page by key, and can be narrowed', async () => {
  const all = await read(top, '/v1/received-reports?limit=1000')
  const seen: Listed[] = []
  for (let next: string | null = ''; next !== null; ) {
    const page = await read(top, `/v1/received-reports?limit=2${next === '' ? '' : `&after=${next}`}`)
    seen.push(...page.items)
    next = page.next
  }
  expect(seen.map(({ id }) => id)).toEqual(all.items.map(({ id }: Listed) => id))
  const narrowed = await read(top, '/v1/received-reports?table=T2&node=88.118')
  expect(narrowed.items.every(({ table }: Listed) => table === 'T2')).toBe(true)
  expect((await read(top, '/v1/received-reports?node=88.1')).items).toEqual([])
  for (const wrong of ['table=T12', 'node=%00', 'period=%00', 'after=T2'])
    expect((await fetch(`${top.url}/v1/received-reports?${wrong}`, { headers: bearer(top.adminKey) })).status).toBe(400)
  expect((await fetch(`${below.url}/v1/reports?table=%00`, { headers: bearer(below.adminKey) })).status).toBe(400)
})

test('the schema of each table is published, and valid as a schema', async () => {
  const { items } = await read(top, '/v1/schemas/reports')
  expect(items).toHaveLength(15)
  for (const { schema, table } of items) {
    const response = await fetch(top.url + schema)
    expect(response.headers.get('content-type')).toBe('application/schema+json')
    const { $id, type, properties } = (await response.json()) as PublishedSchema
    expect([$id, type, properties.table.const]).toEqual([schema, 'object', table])
  }
  expect((await fetch(`${top.url}/v1/schemas/reports/T12`)).status).toBe(404)
})

test('a report can be asked for again, and anew', async () => {
  const again = await resend('T1/current', {})
  expect([again.status, await again.json()]).toEqual([202, { deliveries: 2 }])
  expect((await resend('T3/2020-01-01', {})).status).toBe(404)
  expect((await resend('T3/yesterday', {})).status).toBe(400)
  expect((await resend('T3/2026-01-01', { anew: true })).status).toBe(202)
  const received = await untilReceived('T3')
  expect(received).toMatchObject({ period: '2026-01-01', revision: 1 })
})

test.each(['T8', 'month'])(
  'a %s of what has not ended is not collected, for it would stand for the whole',
  async (table) => {
    const today = new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, table === 'month' ? 7 : 10)
    for (const period of [today, table === 'month' ? '2999-01' : '2999-01-01']) {
      const refused = await resend(`${table}/${period}`, { anew: true })
      expect([refused.status, await refused.json()]).toMatchObject([400, { faults: [{ field: 'period' }] }])
    }
  },
)

test('nothing is promised of events that have no number, nor of reports where none are made', async () => {
  for (const period of ['%00', 'current']) expect((await resend(`event/${period}`, {})).status).toBe(400)
  expect((await resend('event/event-999', { anew: true })).status).toBe(404)
  const nowhere = await resend('T8/2026-01-01', { anew: true }, top)
  expect([nowhere.status, await nowhere.json()]).toMatchObject([
    400,
    { detail: expect.stringContaining('JIEXI_NODE_PREFIX') },
  ])
})

test('the command lists what was reported, and has it sent again', async () => {
  const ask = (...args: string[]) => jiexi(['reports', ...args], { node: below.url, apiKey: below.adminKey })
  const listed = await ask('list', '--table', 'T1')
  expect(listed.code).toBe(0)
  expect(listed.out).toMatch(new RegExp(`^T1 {2}current +r1 +p1 +\\S+ +folder ${folder} +(delivered|due)`, 'm'))
  expect(listed.out).toContain(top.url)
  expect(await ask('resend', 'T1', 'current')).toMatchObject({ code: 0, out: 'T1 of current will be sent again.\n' })
  expect(await ask('resend', 'T3', 'never')).toMatchObject({ code: 1, err: expect.stringContaining('2026-11-25') })
})

test.each<[string, string, 'failed' | 'refused', RegExp]>([
  ['says yes to everything', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}', 'failed', /not the receipt/],
  ['lets nobody in', 'HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n', 'failed', /^401/],
  ['is busy', 'HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n', 'failed', /^503/],
  ['refuses', 'HTTP/1.1 400 No\r\nContent-Length: 16\r\n\r\n{"detail":"bad"}', 'refused', /^400 bad/],
  ['answers without end', `HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(100_000)}`, 'failed', /larger than/],
  ['never ends its answer', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n', 'failed', /no answer within 2 s/],
  ['speaks another language', 'SSH-2.0-OpenSSH_9.2\r\n', 'failed', /./],
])('a receiver that %s does no harm', async (_what, octets, kind, detail) => {
  const server = createServer().on('connection', (socket) => {
    socket.removeAllListeners('data')
    socket.once('data', () => socket.write(octets))
    socket.on('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const destination = nodeDestination({ addresses: [url], apiKey: 'jx_secret', timeoutMs: 2_000 })
  const document = { table: 'T3', period: '2026-11-25', revision: 1, part: 1, text: '{}' }
  const outcome = await destination.send(document, new AbortController().signal)
  expect(outcome.kind).toBe(kind)
  expect(outcome.detail).toMatch(detail)
  expect(JSON.stringify([outcome, destination.name])).not.toContain('secret')
  server.closeAllConnections()
  server.close()
})

test('whatever fails at one address of the node above is sent to the next, and what follows goes there at once', async () => {
  const failed: string[] = []
  const broken = createServer(({ url = '' }, response) => {
    if (url.startsWith('/v1/upward/reports/')) failed.push(url)
    response.writeHead(503, { 'retry-after': '600' }).end()
  })
  await new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve))
  const nowhere = `http://127.0.0.1:${await freePort()}`
  const first = `http://127.0.0.1:${(broken.address() as AddressInfo).port}`
  const other = await makeEnterprise(top, { id: 'other', prefix: '88.119' })
  const node = await testNode({
    environment: {
      JIEXI_NODE_PREFIX: '88.119',
      JIEXI_PARENT: [first, nowhere, top.url].join(),
      JIEXI_PARENT_API_KEY: other.apiKey,
    },
  })
  const delivered = async () => (await read(node, '/v1/reports?state=delivered')).items as Listed[]
  await vi.waitUntil(async () => (await delivered()).length >= 3, { timeout: 30_000, interval: 50 })
  for (const { deliveries } of await delivered())
    expect(deliveries).toMatchObject([{ destination: first, attempts: 1 }])
  const { items } = await read(top, '/v1/received-reports')
  const tables = items.filter(({ node }: Listed) => node === '88.119').map(({ table }: Listed) => table)
  expect(tables.sort()).toEqual(['T1', 'T11', 'T2'])
  expect(failed).toHaveLength(1)
  await node.close()
  broken.closeAllConnections()
  broken.close()
})

test('a folder that cannot be written to is a failure that may pass', async () => {
  const file = path.join(folder, 'T1', 'current.r1.p1.json')
  const outcome = await folderDestination(file).send(
    { table: 'T3', period: '2026-11-25', revision: 1, part: 1, text: '{}' },
    new AbortController().signal,
  )
  expect(outcome).toMatchObject({ kind: 'failed', detail: expect.stringMatching(/ENOTDIR|EEXIST/) })
})

test('what an enterprise says of itself is kept as it is, and refused with its faults', async () => {
  const say = (id: string, body: unknown, key = below.adminKey) =>
    fetch(`${below.url}/v1/enterprises/${id}/reporting`, {
      method: 'PUT',
      headers: { ...bearer(key), 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const said = { subject: { name: '齐齐哈尔机床' }, applications: [] }
  expect((await say('acme', said)).status).toBe(200)
  expect(await read(below, '/v1/enterprises/acme/reporting')).toEqual(said)
  expect((await say('acme', { subject: { name: '' } })).status).toBe(400)
  for (const nobody of ['nobody', '%00']) expect((await say(nobody, said)).status).toBe(404)
  expect((await say('acme', said, acme.apiKey)).status).toBe(403)
})

// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
async function read(node: TestNode, address: string): Promise<any> {
  const response = await fetch(node.url + address, { headers: bearer(node.adminKey) })
  if (!response.ok) throw new Error(`${address}: ${response.status} ${await response.text()}`)
  return response.json()
}

function resend(name: string, body: unknown, node = below): Promise<Response> {
  return fetch(`${node.url}/v1/reports/${name}/resend`, {
    method: 'POST',
    headers: { ...bearer(node.adminKey), 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  readonly body: any
}

/** As the province, unless told otherwise. */
async function report(table: string, document: unknown, headers = bearer(province.apiKey)): Promise<Answer> {
  for (;;) {
    const answer = await reportOnce(table, document, headers)
    // A busy machine is no subject here.
    if (answer.status !== 503) return answer
  }
}

async function reportOnce(table: string, document: unknown, headers: Record<string, string>): Promise<Answer> {
  const response = await fetch(`${top.url}/v1/upward/reports/${table}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof document === 'string' ? document : JSON.stringify(document),
  })
  return { status: response.status, body: await response.json() }
}

function bearer(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}` }
}

async function untilReceived(table: string): Promise<Listed> {
  return vi.waitUntil(
    async () => ((await read(top, `/v1/received-reports?table=${table}`)) as { items: Listed[] }).items.at(-1),
    { timeout: 30_000, interval: 100 },
  )
}

async function statesOf(table: string): Promise<string[]> {
  const { items } = await read(below, `/v1/reports?table=${table}`)
  return items.flatMap(({ deliveries }: { deliveries: { state: string }[] }) => deliveries.map(({ state }) => state))
}

interface Counts {
  readonly requests: number
  readonly successes: number
  readonly foreign: number
  readonly registered: number
  readonly sources: Readonly<Record<string, number>>
}

/** Counts are stored every few seconds. */
async function countsAfterFlush(isThere: (counts: Counts) => boolean = () => true): Promise<Counts> {
  const { openDatabase } = await import('../../src/platform/postgres.js')
  const db = openDatabase({
    url: below.databaseUrl,
    maxConnections: 1,
    statementTimeoutMs: 10_000,
    connectTimeoutMs: 10_000,
  })
  try {
    return await vi.waitUntil(
      async () => {
        const [row] = await db.query<Omit<Counts, 'sources'>>(
          `select coalesce(sum(requests), 0)::bigint as requests, coalesce(sum(successes), 0)::bigint as successes,
             coalesce(sum(requests) filter (where prefix = ''), 0)::bigint as foreign,
             (select coalesce(sum(happened), 0)::bigint from load_minute, unnest(seconds) as happened where kind = 2) as registered
           from lookup_hour`,
        )
        const [sources] = await db.query<{ of: Record<string, number> }>(
          `select coalesce(jsonb_object_agg(pair->>0, pair->1), '{}') as of
           from lookup_hour, jsonb_array_elements(sources->'counts') as pair`,
        )
        const counts = { ...row!, sources: sources!.of }
        return counts.registered >= 4 && isThere(counts) ? counts : false
      },
      { timeout: 30_000, interval: 200 },
    )
  } finally {
    await db.close()
  }
}
