/** A node above that fails on what is in a batch, and one that fails on everything, over real HTTP. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { registerUpward } from '../../src/federation/upward/outbox-store.js'
import { parentNode } from '../../src/federation/upward/parent.js'
import { type UpwardSync, upwardSync } from '../../src/federation/upward/upward-sync.js'
import { systemClock } from '../../src/platform/clock.js'
import { findSettledTransaction } from '../../src/registry/acknowledged-waits.js'
import { writeIdentifiers } from '../../src/registry/identifiers.js'
import { settleNodeSite } from '../../src/registry/node-site.js'
import { findPropagationStatus, listRefused, upwardPropagation } from '../../src/registry/propagation.js'
import { type RegistryFixture, registration, registryFixture } from '../registry/fixture.js'
import { inDatabase } from '../support/node.js'
import { type ChoosyLine, choosyLine, type Failure } from './choosy-line.js'
import { delegateTo, PATIENT, type TestNode, toldTo, topLevelNode } from './upward-nodes.js'

vi.setConfig({ testTimeout: 150_000 })

let top: TestNode
let apiKey: string
let below: RegistryFixture
let line: ChoosyLine
let syncs: UpwardSync[]

beforeAll(async () => {
  top = await topLevelNode()
  apiKey = await delegateTo(top)
})
afterAll(() => top.close())
beforeEach(async () => {
  ;[below, line] = await Promise.all([registryFixture(), choosyLine(top.url)])
  syncs = []
  for (const table of ['delegate_identifier', 'delegate_prefix', 'delegate'])
    await inDatabase(top, `delete from ${table}`)
  // Not delegated, and not the subject here.
  await below.db.query(`delete from prefix where name like 'urn:%'`)
})
afterEach(async () => {
  for (const sync of syncs) await sync.stop()
  await line.close()
  await below.close()
})

async function startTelling(addresses: readonly string[] = [line.url]): Promise<void> {
  await registerUpward(below.db)
  const stopping = new AbortController()
  const sync = upwardSync({
    db: below.db,
    clock: systemClock,
    parent: parentNode({ addresses, apiKey, signal: stopping.signal }),
    keepHours: 1,
    log: { info: () => undefined, warn: () => undefined },
    retry: { leastMs: 5, mostMs: 40 },
  })
  sync.start()
  syncs.push({
    ...sync,
    stop() {
      const stopped = sync.stop()
      stopping.abort()
      return stopped
    },
  })
}

async function write(...names: readonly string[]): Promise<number> {
  const items = names.map((name) => registration(`88.118.8/${name}`, `https://example.com/${name}`))
  const outcomes = await writeIdentifiers(below.registry, below.acme, items)
  return Math.max(...outcomes.map((one) => (one.ok ? Number(one.receipt.token) : Number.NaN)))
}

const untilSettled = (xid: number) =>
  vi.waitUntil(async () => ((await findSettledTransaction(below.db)) ?? 0) >= xid, PATIENT)
const stateOf = async (name: string) =>
  (await upwardPropagation(below.db).ofIdentifiers([`88.118.8/${name}`])).get(`88.118.8/${name}`)?.state
const refused = () => listRefused(below.db, { limit: 100 })
const many = (stem: string, count: number) => Array.from({ length: count }, (_, place) => `${stem}${place}`)
const on =
  (failure: Failure, ...names: readonly string[]) =>
  (_: string, body: string) =>
    names.some((name) => body.includes(`"88.118.8/${name}"`)) ? failure : undefined

test.each<[string, Failure, string, RegExp]>([
  ['answers 500 to', 500, 'status-500', /answered 500: Not like this/],
  ['breaks off at', 'cut', 'no-answer', /the connection was cut/],
])('a change that the node above %s is found and set aside, and all others are told', async (_, failure, code, why) => {
  line.choose(on(failure, 'bad', 'worse'))
  await startTelling()
  await untilSettled(await write('before'))
  await untilSettled(await write(...many('a', 40), 'bad', ...many('b', 40), 'worse'))
  expect(await refused()).toMatchObject([
    { name: '88.118.8/bad', code, reason: expect.stringMatching(why), tries: 1 },
    { name: '88.118.8/worse', code },
  ])
  expect([await stateOf('a0'), await stateOf('bad'), await stateOf('b39')]).toEqual([
    'acknowledged',
    'refused',
    'acknowledged',
  ])
  expect(await toldTo(top)).toMatchObject({ registered: 81, refused: 0 })
  expect(await findPropagationStatus(below.db)).toMatchObject({ backlog: 0, refused: 2 })
})

test('it is told again later, apart from what is new, and taken once the node above has been mended', async () => {
  line.choose(on(500, 'bad', 'worse'))
  await startTelling()
  await untilSettled(await write('before'))
  await untilSettled(await write('bad', 'worse'))
  await below.db.query('update propagation_refusal set next_try_at = clock_timestamp()')
  const isTriedAgain = async () => (await refused()).every(({ tries }) => tries > 1)
  await vi.waitUntil(isTriedAgain, PATIENT)
  line.choose(() => undefined)
  await untilSettled(await write('new'))
  expect((await refused()).length).toBe(2)
  await below.db.query('update propagation_refusal set next_try_at = clock_timestamp()')
  await vi.waitUntil(async () => (await refused()).length === 0, PATIENT)
  expect([await stateOf('bad'), await stateOf('worse')]).toEqual(['acknowledged', 'acknowledged'])
  expect(await toldTo(top)).toMatchObject({ registered: 4 })
})

test('what is told again in vain holds up nothing that is new', async () => {
  line.choose(on(500, 'bad'))
  await startTelling()
  await untilSettled(await write('bad'))
  for (const name of many('new', 5)) {
    await below.db.query('update propagation_refusal set next_try_at = clock_timestamp()')
    await untilSettled(await write(name))
  }
  expect(await refused()).toMatchObject([{ name: '88.118.8/bad' }])
  expect(await toldTo(top)).toMatchObject({ registered: 5 })
})

test('also while everything is told anew', async () => {
  line.choose(on(500, 'm7'))
  await write(...many('m', 20))
  await startTelling()
  await untilSettled(await write('last'))
  expect(await refused()).toMatchObject([{ name: '88.118.8/m7', code: 'status-500' }])
  expect(await toldTo(top)).toMatchObject({ registered: 20, walk: null })
})

/** By far more than make a single change be set aside. */
const FAILED_CALLS = 15

test.each<[string, (method: string, body: string) => Failure]>([
  ['answers 503 to everything', () => 503],
  ['answers 500 to everything', () => 500],
  ['breaks off at everything', () => 'cut'],
  ['answers to questions only', (method) => (method === 'GET' ? undefined : 500)],
  ['breaks off at whatever is told', (method) => (method === 'GET' ? undefined : 'cut')],
  ['is busy for whatever is told', (method) => (method === 'GET' ? undefined : 503)],
])('a node above that %s makes nothing be set aside', async (_, failureOf) => {
  await startTelling()
  await untilSettled(await write('before'))
  line.choose(failureOf)
  await write('alone')
  await vi.waitUntil(() => line.failed > FAILED_CALLS, PATIENT)
  const xid = await write(...many('more', 20))
  await vi.waitUntil(() => line.failed > 2 * FAILED_CALLS, PATIENT)
  expect(await findPropagationStatus(below.db)).toMatchObject({ refused: 0, failing: { reason: expect.any(String) } })
  line.choose(() => undefined)
  await untilSettled(xid)
  expect(await refused()).toEqual([])
  expect(await toldTo(top)).toMatchObject({ registered: 22, refused: 0 })
})

test.each<[string, (method: string) => Failure]>([
  ['answers 500', () => 500],
  ['is busy for a long time', () => 'busy'],
  ['breaks off', () => 'cut'],
  ['answers to questions only', (method) => (method === 'GET' ? undefined : 502)],
])(
  'where one address of the node above %s, the next is told, and what follows goes there at once',
  async (_, failureOf) => {
    const other = await choosyLine(top.url)
    await startTelling([line.url, other.url])
    await untilSettled(await write('before'))
    line.choose(failureOf)
    await untilSettled(await write('first'))
    const { failed } = line
    expect(failed).toBeGreaterThan(0)
    for (const name of many('next', 3)) await untilSettled(await write(name))
    expect(line.failed).toBe(failed)
    // And back.
    line.choose(() => undefined)
    await other.close()
    await untilSettled(await write('last'))
    expect(await refused()).toEqual([])
    expect(await toldTo(top)).toMatchObject({ registered: 6 })
  },
)

test.each<[string, Failure]>([
  ['fails on it, too', undefined],
  ['fails on everything', 500],
  ['breaks off at everything', 'cut'],
  ['is busy', 503],
])('a change that the node above fails on is found also where its other address %s', async (_, failure) => {
  const other = await choosyLine(top.url)
  const isBad = on(500, 'bad')
  line.choose(isBad)
  other.choose((method, body) => failure ?? isBad(method, body))
  await startTelling([line.url, other.url])
  await untilSettled(await write(...many('a', 10), 'bad', ...many('b', 10)))
  expect(await refused()).toMatchObject([{ name: '88.118.8/bad', code: 'status-500' }])
  expect(await toldTo(top)).toMatchObject({ registered: 20 })
  await other.close()
})

test('how long the node above wants to be left alone holds once each of its addresses has failed', async () => {
  const other = await choosyLine(top.url)
  for (const each of [line, other]) each.choose(() => 'busy')
  const parent = parentNode({ addresses: [line.url, other.url], apiKey, signal: new AbortController().signal })
  const tell = () => parent.tell({ epoch: 'any', after: '0.0', through: '0.0', changes: [] })
  expect(await tell()).toEqual({ kind: 'failed', reason: expect.stringContaining('503') })
  for (const failed of [1, 2]) {
    expect(await tell()).toMatchObject({ kind: 'failed', retryAfterMs: 600_000 })
    expect(line.failed).toBe(failed)
  }
  await other.close()
})

test('nor does one that is not there', async () => {
  await startTelling()
  await untilSettled(await write('before'))
  await line.close()
  const xid = await write('alone', 'together')
  const failing = async () => (await findPropagationStatus(below.db))?.failing
  await vi.waitFor(async () => expect((await failing())?.reason).toMatch(/nothing listens there/), PATIENT)
  expect([await refused(), await stateOf('alone')]).toEqual([[], 'sent'])
  line = await choosyLine(top.url)
  for (const sync of syncs.splice(0)) await sync.stop()
  await startTelling()
  await untilSettled(xid)
  expect(await toldTo(top)).toMatchObject({ registered: 3 })
})

test('a node above that has no time for large batches is told in smaller ones', async () => {
  line.choose((_, body) => (body.split('"kind"').length > 12 ? 503 : undefined))
  await startTelling()
  await untilSettled(await write(...many('s', 60)))
  expect(await refused()).toEqual([])
  expect(await toldTo(top)).toMatchObject({ registered: 60 })
})

test('where the node answers, when the node above fails on that, holds up no change and is told again', async () => {
  const { registry } = below
  const site = { addresses: ['198.51.100.7'], nativePort: 2641, publicKey: new Uint8Array(0) }
  await settleNodeSite(registry, site)
  line.choose((_, body) => (body.includes('"sites"') ? 500 : undefined))
  await startTelling()
  await untilSettled(await write(...many('s', 3)))
  expect(line.failed).toBeGreaterThan(0)
  expect(await refused()).toEqual([])
  line.choose(() => undefined)
  const isKnown = async () => {
    const [row] = await inDatabase<{ service: string }>(top, `select service from prefix where name = '88.118'`)
    return row!.service === 'self-built'
  }
  await vi.waitUntil(isKnown, PATIENT)
})
