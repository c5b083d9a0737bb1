import { expect, test } from 'vitest'
import { changeKnowledge, type FeedRow, type Poll } from '../../src/resolution/change-knowledge.js'
import { momentOf } from '../../src/resolution/moment.js'
import { manualClock } from '../support/manual-clock.js'

const KEY = 'i:88.100.1/pump-7'

test('before the first poll nothing is fresh and nothing valid', () => {
  const { knowledge } = setUp()
  expect(knowledge.isFresh()).toBe(false)
  expect(knowledge.isValid(KEY, 9, 9)).toBe(false)
})

test('freshness counts from the start of the last poll and ends at the bound', () => {
  const { clock, knowledge } = setUp()
  const startedAtMs = clock.monotonicMs()
  clock.advanceMs(400)
  knowledge.apply(poll([row(1)]), startedAtMs)
  clock.advanceMs(600)
  expect(knowledge.isFresh()).toBe(true)
  clock.advanceMs(1)
  expect(knowledge.isFresh()).toBe(false)
})

test('what had been asked by a moment may be answered as of that moment, and what has none never', () => {
  const { clock, knowledge } = setUp()
  knowledge.apply(poll([row(1)]), clock.monotonicMs())
  clock.advanceMs(1000)
  const asked = momentOf(clock)
  clock.advanceMs(1)
  expect(knowledge.isFresh(asked)).toBe(true)
  expect(knowledge.isFresh(momentOf(clock))).toBe(false)
  expect(knowledge.isFresh({ monotonicMs: Number.NaN, wallMs: Number.NaN })).toBe(false)
})

test('a suspended machine, whose monotonic clock stood still, is not fresh', () => {
  const { clock, knowledge } = setUp()
  knowledge.apply(poll([row(1)]), clock.monotonicMs())
  clock.suspendMs(5_000)
  expect(knowledge.isFresh()).toBe(false)
})

test('the mark is one past the newest committed row below xmin, never xmin itself', () => {
  const { clock, knowledge } = setUp()
  knowledge.apply(poll([row(5)], { xmin: 40 }), clock.monotonicMs())
  expect(knowledge.mark).toBe(6)
})

test('an entry older than a change of its key is invalid, one of the new version valid', () => {
  const { clock, knowledge } = setUp()
  knowledge.apply(poll([row(1)]), clock.monotonicMs())
  expect(knowledge.isValid(KEY, 1, 2)).toBe(true)
  knowledge.apply(poll([row(7, KEY, 2)], { xmin: 8 }), clock.monotonicMs())
  expect(knowledge.isValid(KEY, 1, 2)).toBe(false)
  expect(knowledge.isValid(KEY, 2, 2)).toBe(true)
})

test('a row that commits late, below rows already seen, is still applied', () => {
  const { clock, knowledge } = setUp()
  knowledge.apply(poll([row(1), row(9)], { xmin: 4 }), clock.monotonicMs())
  expect(knowledge.mark).toBe(2)
  knowledge.apply(poll([row(9), row(4, KEY, 3)], { xmin: 10 }), clock.monotonicMs())
  expect(knowledge.isValid(KEY, 2, 2)).toBe(false)
  expect(knowledge.mark).toBe(10)
})

test('a row delivered twice is applied once, so that an old version cannot come back as the newest', () => {
  const { clock, knowledge } = setUp({ recentKeys: 1 })
  const first = row(3, KEY, 2)
  knowledge.apply(poll([first], { xmin: 2 }), clock.monotonicMs())
  knowledge.apply(poll([first, row(4, KEY, 3)], { xmin: 2 }), clock.monotonicMs())
  // Version 3 is forgotten exactly (one key is remembered), the sketch still knows of its transaction.
  knowledge.apply(poll([first, row(4, KEY, 3), row(5, 'i:other', 1)], { xmin: 2 }), clock.monotonicMs())
  knowledge.apply(poll([first], { xmin: 2 }), clock.monotonicMs())
  expect(knowledge.isValid(KEY, 2, 4)).toBe(false)
})

test('an own write rejects older entries at once, and is no reason to accept any', () => {
  const { clock, knowledge } = setUp()
  knowledge.apply(poll([row(1)]), clock.monotonicMs())
  knowledge.noteOwnWrite({ keys: [KEY], versions: [2], xid: 20 })
  expect(knowledge.isValid(KEY, 1, 2)).toBe(false)
  expect(knowledge.isValid(KEY, 2, 2)).toBe(false)
  expect(knowledge.covers(20)).toBe(false)
  knowledge.apply(poll([row(1), row(20, KEY, 2)], { xmin: 21 }), clock.monotonicMs())
  expect(knowledge.isValid(KEY, 2, 2)).toBe(true)
  expect(knowledge.covers(20)).toBe(true)
})

test('an own write told after the feed delivered it changes nothing', () => {
  const { clock, knowledge } = setUp()
  knowledge.apply(poll([row(20, KEY, 2), row(21, KEY, 3)], { xmin: 22 }), clock.monotonicMs())
  knowledge.noteOwnWrite({ keys: [KEY], versions: [2], xid: 20 })
  expect(knowledge.isValid(KEY, 3, 22)).toBe(true)
})

test('another epoch forgets everything and tells the caches', () => {
  const { clock, knowledge } = setUp()
  let resets = 0
  knowledge.onReset(() => {
    resets += 1
  })
  knowledge.apply(poll([row(50)], { xmin: 51 }), clock.monotonicMs())
  knowledge.apply(poll([row(30)], { xmin: 31, floor: 30, epoch: 'E2' }), clock.monotonicMs())
  expect(resets).toBe(2)
  expect(knowledge.mark).toBe(31)
  expect(knowledge.isValid(KEY, 1, 29)).toBe(false)
  expect(knowledge.isValid(KEY, 1, 31)).toBe(true)
})

test('rows that were skipped make older stamps worthless', () => {
  const { clock, knowledge } = setUp()
  knowledge.apply(poll([row(1)]), clock.monotonicMs())
  knowledge.apply(poll([row(900)], { xmin: 901, floor: 900, reset: true }), clock.monotonicMs())
  expect(knowledge.isValid(KEY, 1, 2)).toBe(false)
  expect(knowledge.isValid(KEY, 1, 901)).toBe(true)
})

test.each([
  ['i:88.100.1/pump-7', '88.100.1', false],
  ['i:88.100.1.5/pump-7', '88.100.1', false],
  ['i:88.100.12/pump-7', '88.100.1', true],
  ['i:urn:oid:1.2.156.5', 'urn:oid:1.2.156', false],
  ['i:urn:oid:1.2.1567', 'urn:oid:1.2.156', true],
])('%s after a change of the prefix %s: valid %s', (key, prefix, valid) => {
  const { clock, knowledge } = setUp()
  knowledge.apply(poll([row(1)]), clock.monotonicMs())
  knowledge.apply(poll([row(1), row(2, `p:${prefix}`, 2)], { xmin: 3 }), clock.monotonicMs())
  expect(knowledge.isValid(key, 1, 2)).toBe(valid)
  expect(knowledge.isValid(key, 1, 3)).toBe(true)
})

function setUp(options: { recentKeys?: number } = {}) {
  const clock = manualClock()
  return { clock, knowledge: changeKnowledge({ clock, boundMs: 1000, ...options }) }
}

function row(xid: number, key?: string, version = 1): FeedRow {
  return key === undefined ? { xid, keys: [], versions: [] } : { xid, keys: [key], versions: [version] }
}

function poll(rows: readonly FeedRow[], more: Partial<Poll> = {}): Poll {
  return { epoch: 'E1', xmin: 2, floor: 1, rows, ...more }
}
