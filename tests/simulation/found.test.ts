/** What the simulation and the model found wrong once, each as short as it gets. */
import { expect, test, vi } from 'vitest'
import { NodeError } from '../../src/platform/errors.js'
import type { RedisClient } from '../../src/platform/redis.js'
import { currentRoutes, lastKnownRoutes } from '../../src/registry/routes.js'
import { authorities, type RouteTable } from '../../src/resolution/authorities.js'
import { changeKnowledge, type FeedRow, type Poll } from '../../src/resolution/change-knowledge.js'
import { EntryMac } from '../../src/resolution/entry-mac.js'
import { memoryCached } from '../../src/resolution/memory-cached.js'
import { memoryStore } from '../../src/resolution/memory-store.js'
import { compose, type Query } from '../../src/resolution/resolve.js'
import { sharedStore } from '../../src/resolution/shared-cached.js'
import { encodeEntry, sharedKey } from '../../src/resolution/shared-entry.js'
import { singleFlight } from '../../src/resolution/single-flight.js'
import { manualClock } from '../support/manual-clock.js'
import { queryFor } from '../support/query-for.js'
import { scriptedAuthority } from '../support/scripted-authority.js'

const PUMP = '88.100.1/pump-7'
const KEY = `i:${PUMP}`
const OTHER = 'i:88.100.1/other'
const MAC_KEY = Buffer.alloc(32, 1)
const MAC = new EntryMac(MAC_KEY)

test('of rows that one poll brings, the highest version counts, though the exact map forgets between them', () => {
  const { knowledge, poll } = setUp({ recentKeys: 1 })
  // Transaction 12 committed version 2 before transaction 10 committed version 3; rows come in the order of ids.
  poll([row(9, OTHER, 1), row(10, KEY, 3), row(11, OTHER, 2), row(12, KEY, 2)])
  expect(knowledge.isValid(KEY, 2, 9)).toBe(false)
})

test('what is known exactly of a feed that was not read from its beginning accepts nothing from before', () => {
  const { knowledge, poll } = setUp()
  // Version 3 was written by transaction 10, which the poll does not go back to.
  poll([row(12, KEY, 2)], { floor: 11, reset: true })
  expect(knowledge.isValid(KEY, 2, 10)).toBe(false)
})

test('an own write of which nobody can tell whether the feed has brought it is kept until a later poll', () => {
  const { clock, knowledge, poll } = setUp()
  poll([row(50, KEY, 1)])
  // After a failover that this process has yet to hear of, ids begin anew.
  knowledge.noteOwnWrite({ keys: [KEY], versions: [2], xid: 20 })
  expect(knowledge.isValid(KEY, 1, 51)).toBe(false)
  poll([row(19)], { epoch: 'E2', floor: 0 })
  expect(knowledge.isValid(KEY, 1, 20)).toBe(false)
  clock.advanceMs(1)
  poll([row(19), row(20, KEY, 2)], { epoch: 'E2', floor: 0 })
  expect(knowledge.isValid(KEY, 2, 20)).toBe(true)
})

test('an own write outlives a feed that starts anew from a snapshot before it', () => {
  const { knowledge, poll } = setUp()
  poll([row(10, KEY, 1)])
  knowledge.noteOwnWrite({ keys: [KEY], versions: [2], xid: 20 })
  poll([row(10, KEY, 1)], { reset: true })
  expect(knowledge.isValid(KEY, 1, 11)).toBe(false)
})

test('an own write outlives the first poll', () => {
  const { knowledge, poll } = setUp()
  knowledge.noteOwnWrite({ keys: [KEY], versions: [2], xid: 20 })
  poll([row(10, KEY, 1)])
  expect(knowledge.isValid(KEY, 1, 11)).toBe(false)
})

test('a poll during which the machine was suspended makes nothing fresh, the next one does', () => {
  const { clock, knowledge, poll } = setUp()
  poll([row(10)])
  const startedAtMs = clock.monotonicMs()
  clock.suspendMs(60_000)
  knowledge.apply(pollOf([row(10)]), startedAtMs)
  expect(knowledge.isFresh()).toBe(false)
  poll([row(10)])
  expect(knowledge.isFresh()).toBe(true)
})

test('whoever wrote here is not given the answer of a look-up from before', async () => {
  const { clock, knowledge, poll, authority } = setUp()
  const resolve = compose([singleFlight(clock, 1000, knowledge)], authority.resolve)
  authority.holds(PUMP, 'v1')
  poll([row(10)])
  const release = authority.delaysReplies()
  const before = resolve(queryFor(PUMP))
  knowledge.noteOwnWrite({ keys: [KEY], versions: [2], xid: authority.holds(PUMP, 'v2') + 20 })
  const after = resolve(queryFor(PUMP))
  release()
  expect(await before).toMatchObject({ version: 1 })
  expect(await after).toMatchObject({ version: 2 })
})

test('what Redis gives for another history than the present one is not used', async () => {
  const { clock, knowledge, poll, authority } = setUp()
  poll([row(10, KEY, 5)])
  let reply!: (entries: readonly Buffer[]) => void
  const gate = new Promise<readonly Buffer[]>((resolve) => {
    reply = resolve
  })
  const resolve = compose([sharedOver({ mget: () => gate }, { clock, knowledge })], authority.resolve)
  const answer = resolve(queryFor(PUMP))
  poll([row(8, KEY, 5)], { epoch: 'E2' })
  const entry = { kind: 'absent', key: PUMP, prefix: '88.100.1', version: 5, stamp: 11, tier: 'registry' } as const
  reply([encodeEntry(MAC, sharedKey('E1', PUMP), entry)])
  expect(await answer).toMatchObject({ tier: 'registry', version: 0 })
})

test('what Redis gave before an outage is not given as current after a change that became known meanwhile', async () => {
  const { clock, knowledge, poll } = setUp()
  poll([row(10, KEY, 1)])
  clock.advanceMs(5_000)
  const entry = { kind: 'absent', key: PUMP, prefix: '88.100.1', version: 1, stamp: 11, tier: 'registry' } as const
  const redis = { mget: async () => [encodeEntry(MAC, sharedKey('E1', PUMP), entry)] }
  const source = async () => {
    poll([row(10, KEY, 1), row(11, KEY, 2)])
    throw new NodeError('authority-unavailable', 'gone')
  }
  const resolve = compose([sharedOver(redis, { clock, knowledge })], source)
  await expect(resolve(queryFor(PUMP))).rejects.toMatchObject({ code: 'authority-unavailable' })
})

test('while the routes cannot be loaded, what they said before routes no unmarked answer, and none that is kept', async () => {
  const { clock, knowledge, poll, authority } = setUp()
  authority.holds(PUMP, 'v1')
  poll([row(10)])
  let state: 'active' | 'suspended' = 'active'
  let isReachable = true
  const load = async (): Promise<RouteTable> => {
    if (!isReachable) throw new NodeError('authority-unavailable', 'gone')
    return new Map([['88.100.1', { prefix: '88.100.1', state }]])
  }
  const routes = currentRoutes({ load, knowledge, clock, maxAgeMs: 500 })
  const registry = async (identifier: Query['identifier']) => authority.resolve({ identifier })
  const memory = memoryCached({ store: memoryStore(1_000_000), knowledge, clock, maxStaleSeconds: 60 })
  const resolve = compose([memory], authorities({ routes, registry, mark: () => knowledge.mark }))
  expect(await resolve(queryFor(PUMP))).toMatchObject({ kind: 'found' })

  state = 'suspended'
  poll([row(10), row(30, 'p:88.100.1', 2)])
  isReachable = false
  await expect(resolve(queryFor(PUMP))).rejects.toMatchObject({ code: 'authority-unavailable' })
  isReachable = true
  await expect(resolve(queryFor(PUMP))).rejects.toMatchObject({ code: 'prefix-not-served' })
})

test('a flight from before the machine was suspended is not joined', () => {
  const { clock, knowledge } = setUp()
  const source = vi.fn(() => new Promise<never>(() => undefined))
  const resolve = compose([singleFlight(clock, 500, knowledge)], source)
  void resolve(queryFor(PUMP))
  clock.suspendMs(5_000)
  void resolve(queryFor(PUMP))
  expect(source).toHaveBeenCalledTimes(2)
})

test('a loading of the routes that began long ago is not joined', async () => {
  const { clock, knowledge } = setUp()
  const load = vi.fn(() => new Promise<RouteTable>(() => undefined))
  const routes = currentRoutes({ load, knowledge, clock, maxAgeMs: 500 })
  void routes()
  clock.advanceMs(400)
  void routes()
  expect(load).toHaveBeenCalledTimes(1)
  clock.advanceMs(200)
  void routes()
  expect(load).toHaveBeenCalledTimes(2)
})

test('the last routes known still say who may see what', async () => {
  const table: RouteTable = new Map()
  let isReachable = true
  const routes = lastKnownRoutes(async () => {
    if (!isReachable) throw new NodeError('authority-unavailable', 'gone')
    return table
  })
  await routes()
  isReachable = false
  expect(await routes()).toBe(table)
})

function setUp(options: { readonly recentKeys?: number } = {}) {
  const clock = manualClock()
  const knowledge = changeKnowledge({ clock, boundMs: 1000, ...options })
  const authority = scriptedAuthority(() => knowledge)
  const poll = (rows: readonly FeedRow[], more: Partial<Poll> = {}) =>
    knowledge.apply(pollOf(rows, more), clock.monotonicMs())
  return { clock, knowledge, authority, poll }
}

function sharedOver(
  redis: Pick<RedisClient, 'mget'>,
  parts: Pick<Parameters<typeof sharedStore>[0], 'clock' | 'knowledge'>,
) {
  const client: RedisClient = {
    run: () => Promise.resolve(1),
    del: () => Promise.resolve(),
    isUp: () => true,
    close: () => Promise.resolve(),
    ...redis,
  }
  const policy = { ...parts, maxStaleSeconds: 60, macKey: MAC_KEY, keepMs: 60_000, onRejected: () => undefined }
  return sharedStore({ ...policy, redis: client }).layer
}

function row(xid: number, key?: string, version = 1): FeedRow {
  return key === undefined ? { xid, keys: [], versions: [] } : { xid, keys: [key], versions: [version] }
}

function pollOf(rows: readonly FeedRow[], more: Partial<Poll> = {}): Poll {
  return { epoch: 'E1', xmin: 1 + Math.max(...rows.map(({ xid }) => xid)), floor: 1, rows, ...more }
}
