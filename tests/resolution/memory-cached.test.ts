import { expect, test } from 'vitest'
import { HANDLE_VALUES } from '../../src/protocols/handle/codec-face.js'
import { answerWith } from '../../src/record/answer.js'
import { changeKnowledge } from '../../src/resolution/change-knowledge.js'
import { FaceSearch } from '../../src/resolution/kept/face-search.js'
import { memoryCached, rememberedFaces } from '../../src/resolution/memory-cached.js'
import { memoryStore } from '../../src/resolution/memory-store.js'
import { momentOf } from '../../src/resolution/moment.js'
import { compose, type Layer } from '../../src/resolution/resolve.js'
import { manualClock } from '../support/manual-clock.js'
import { queryFor } from '../support/query-for.js'
import { scriptedAuthority } from '../support/scripted-authority.js'

const PUMP = '88.100.1/pump-7'

test('a second look-up is answered from memory, at once', async () => {
  const { authority, resolve, poll } = setUp()
  authority.holds(PUMP, 'v1')
  poll()
  expect(await resolve(queryFor(PUMP))).toMatchObject({ kind: 'found', tier: 'registry' })
  expect(resolve(queryFor(PUMP))).toMatchObject({ kind: 'found', tier: 'memory', version: 1 })
  expect(authority.asked()).toBe(1)
})

test('a change that the feed has told ends the kept answer', async () => {
  const { authority, resolve, poll } = setUp()
  authority.holds(PUMP, 'v1')
  poll()
  await resolve(queryFor(PUMP))
  authority.holds(PUMP, 'v2')
  poll()
  expect(await resolve(queryFor(PUMP))).toMatchObject({ version: 2, tier: 'registry' })
})

test('"absent" is remembered, and ends with the registration', async () => {
  const { authority, resolve, poll } = setUp()
  poll()
  await resolve(queryFor(PUMP))
  expect(resolve(queryFor(PUMP))).toMatchObject({ kind: 'absent', tier: 'memory' })
  authority.holds(PUMP, 'v1')
  poll()
  expect(await resolve(queryFor(PUMP))).toMatchObject({ kind: 'found' })
})

test('a withdrawal outranks the record that was kept', async () => {
  const { authority, resolve, poll } = setUp()
  authority.holds(PUMP, 'v1')
  poll()
  await resolve(queryFor(PUMP))
  authority.withdraws(PUMP)
  poll()
  expect(await resolve(queryFor(PUMP))).toMatchObject({ kind: 'withdrawn', version: 2, reason: 'scrapped' })
})

test('a slow reply that a change has overtaken is given to its caller but not kept', async () => {
  const { authority, resolve, poll } = setUp()
  authority.holds(PUMP, 'v1')
  poll()
  const release = authority.delaysReplies()
  const slow = resolve(queryFor(PUMP))
  authority.holds(PUMP, 'v2')
  poll()
  release()
  expect(await slow).toMatchObject({ version: 1 })
  expect(await resolve(queryFor(PUMP))).toMatchObject({ version: 2 })
})

test('without a fresh poll every look-up asks the authority', async () => {
  const { clock, authority, resolve, poll } = setUp()
  authority.holds(PUMP, 'v1')
  poll()
  await resolve(queryFor(PUMP))
  clock.advanceMs(1001)
  expect(await resolve(queryFor(PUMP))).toMatchObject({ tier: 'registry' })
})

test('while the authority is down an answer past the bound is served, marked stale with its time', async () => {
  const { clock, authority, resolve, poll } = setUp()
  authority.holds(PUMP, 'v1')
  poll()
  const polledAtMs = clock.nowMs()
  await resolve(queryFor(PUMP))
  clock.advanceMs(5_000)
  authority.goesDown()
  expect(await resolve(queryFor(PUMP))).toMatchObject({
    kind: 'found',
    stale: { reason: 'authority-unavailable', asOfMs: polledAtMs },
  })
  authority.comesBack()
  poll()
  expect(await resolve(queryFor(PUMP))).not.toHaveProperty('stale')
})

test('with nothing held an outage is an error, not "absent"', async () => {
  const { authority, resolve, poll } = setUp()
  poll()
  authority.goesDown()
  await expect(resolve(queryFor(PUMP))).rejects.toMatchObject({ code: 'authority-unavailable' })
  authority.holds(PUMP, 'v1')
  authority.comesBack()
  expect(await resolve(queryFor(PUMP))).toMatchObject({ kind: 'found' })
})

test('a stale answer that comes from below is handed on, marked, and not kept', async () => {
  const { knowledge, clock, store, authority, poll } = setUp()
  authority.holds(PUMP, 'v1')
  poll()
  const stale = { reason: 'authority-unavailable', asOfMs: 0 } as const
  const staleBelow: Layer = (next) => async (query) => answerWith(await next(query), { stale })
  const memory = memoryCached({ store, knowledge, clock, maxStaleSeconds: 60 })
  const resolve = compose([memory, staleBelow], authority.resolve)
  expect(await resolve(queryFor(PUMP))).toMatchObject({ kind: 'found', stale })
  expect(store.usage().entries).toBe(0)
})

test('an answer too old to be served stale is an error', async () => {
  const { clock, authority, resolve, poll } = setUp()
  authority.holds(PUMP, 'v1')
  poll()
  await resolve(queryFor(PUMP))
  clock.advanceMs(61_000)
  authority.goesDown()
  await expect(resolve(queryFor(PUMP))).rejects.toMatchObject({ code: 'authority-unavailable' })
})

test('an authoritative query gets no stale answer either: that nobody could be asked is what it is told', async () => {
  const { authority, resolve, poll } = setUp()
  authority.holds(PUMP, 'v1')
  poll()
  await resolve(queryFor(PUMP))
  authority.goesDown()
  const authoritative = resolve(queryFor(PUMP, { authoritative: true }))
  await expect(authoritative).rejects.toMatchObject({ code: 'authority-unavailable' })
})

test('an authoritative query, a higher version or an unknown token is not answered from memory', async () => {
  const { authority, resolve, poll } = setUp()
  authority.holds(PUMP, 'v1')
  poll()
  await resolve(queryFor(PUMP))
  const xid = authority.holds(PUMP, 'v2')
  expect(await resolve(queryFor(PUMP))).toMatchObject({ version: 1 })
  expect(await resolve(queryFor(PUMP, { token: xid }))).toMatchObject({ version: 2 })
  expect(await resolve(queryFor(PUMP, { minVersion: 2 }))).toMatchObject({ version: 2 })
  expect(await resolve(queryFor(PUMP, { authoritative: true }))).toMatchObject({ version: 2 })
})

test('a change of the prefix makes its answers be asked for again, others stay', async () => {
  const { authority, resolve, poll } = setUp()
  authority.holds(PUMP, 'v1')
  authority.holds('88.100.2/valve', 'v1')
  poll()
  await resolve(queryFor(PUMP))
  await resolve(queryFor('88.100.2/valve'))
  authority.changesPrefix('88.100.1')
  poll()
  expect(await resolve(queryFor(PUMP))).toMatchObject({ tier: 'registry' })
  expect(await resolve(queryFor('88.100.2/valve'))).toMatchObject({ tier: 'memory' })
})

test('made-up identifiers cannot push out the real ones', async () => {
  const { authority, resolve, poll } = setUp({ capacityBytes: 40_000 })
  authority.holds(PUMP, 'v1')
  poll()
  await resolve(queryFor(PUMP))
  for (let n = 0; n < 1_000; n += 1) await resolve(queryFor(`88.100.1/made-up-${n}`))
  expect(await resolve(queryFor(PUMP))).toMatchObject({ tier: 'memory' })
})

test('the memory used stays within its bound', async () => {
  const { authority, resolve, poll, store } = setUp({ capacityBytes: 40_000 })
  for (let n = 0; n < 500; n += 1) authority.holds(`88.100.1/part-${n}`, 'v1')
  poll()
  for (let n = 0; n < 500; n += 1) await resolve(queryFor(`88.100.1/part-${n}`))
  expect(store.usage().bytes).toBeLessThanOrEqual(40_000)
  expect(store.usage().entries).toBeGreaterThan(10)
})

test('what is in use is fetched again when a change ends it, and answered from memory at once', async () => {
  const { authority, resolve, poll } = setUp()
  authority.holds(PUMP, 'v1')
  poll()
  for (let use = 0; use < 3; use += 1) await resolve(queryFor(PUMP))
  authority.holds(PUMP, 'v2')
  poll()
  await turnOfTheLoop()
  expect(resolve(queryFor(PUMP))).toMatchObject({ tier: 'memory', version: 2 })
  expect(authority.asked()).toBe(2)
})

test('what nobody uses is not fetched again', async () => {
  const { authority, resolve, poll } = setUp()
  authority.holds(PUMP, 'v1')
  poll()
  await resolve(queryFor(PUMP))
  authority.holds(PUMP, 'v2')
  poll()
  await turnOfTheLoop()
  expect(authority.asked()).toBe(1)
})

test('after an own write the fetch waits for the feed, before which nothing it brings would count', async () => {
  const { authority, knowledge, resolve, poll } = setUp()
  authority.holds(PUMP, 'v1')
  poll()
  for (let use = 0; use < 3; use += 1) await resolve(queryFor(PUMP))
  const xid = authority.holds(PUMP, 'v2')
  knowledge.noteOwnWrite({ keys: [`i:${PUMP}`], versions: [2], xid })
  await turnOfTheLoop()
  expect(authority.asked()).toBe(1)
  poll()
  await turnOfTheLoop()
  expect(resolve(queryFor(PUMP))).toMatchObject({ tier: 'memory', version: 2 })
})

test("a fetch that fails is nobody's failure", async () => {
  const { authority, resolve, poll } = setUp()
  authority.holds(PUMP, 'v1')
  poll()
  for (let use = 0; use < 3; use += 1) await resolve(queryFor(PUMP))
  authority.holds(PUMP, 'v2')
  authority.goesDown()
  poll()
  await turnOfTheLoop()
  authority.comesBack()
  expect(await resolve(queryFor(PUMP))).toMatchObject({ tier: 'registry', version: 2 })
})

function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

test('octets are found as of the moment by which they had been asked for, and without one not at all', async () => {
  const { authority, clock, knowledge, resolve, store, poll } = setUp()
  authority.holds(PUMP, 'v1')
  poll()
  await resolve({ ...queryFor(PUMP), face: HANDLE_VALUES })
  const find = rememberedFaces({ store, knowledge })
  const search = new FaceSearch(HANDLE_VALUES)
  search.key = Buffer.from(PUMP.toUpperCase())
  search.keyEnd = search.key.length
  expect(find(search)).toBe(false)
  search.moment = momentOf(clock)
  expect(find(search)).toBe(true)
  clock.advanceMs(1_001)
  expect(find(search)).toBe(true)
  search.moment = momentOf(clock)
  expect(find(search)).toBe(false)
})

function setUp({ capacityBytes = 1_000_000 } = {}) {
  const clock = manualClock()
  const knowledge = changeKnowledge({ clock, boundMs: 1000 })
  const authority = scriptedAuthority(() => knowledge)
  const store = memoryStore(capacityBytes)
  const memory = memoryCached({ store, knowledge, clock, maxStaleSeconds: 60 })
  const poll = () => knowledge.apply(authority.poll(), clock.monotonicMs())
  return { clock, knowledge, authority, store, poll, resolve: compose([memory], authority.resolve) }
}
