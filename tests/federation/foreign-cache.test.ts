import { expect, test } from 'vitest'
import { clampedTtl, contentVersion } from '../../src/federation/foreign-answer.js'
import { ForeignCache } from '../../src/federation/foreign-cache.js'
import type { Found } from '../../src/record/answer.js'
import { PUBLIC_VALUE } from '../../src/record/record.js'
import { manualClock } from '../support/manual-clock.js'

const DAY_SECONDS = 86_400

test('an answer holds for its time to live, then only while nobody can be asked, marked with its age, and not for ever', () => {
  const { cache, clock } = setUp()
  const asOfMs = clock.nowMs()
  cache.put('88.1/x', { answer: found('88.1/x'), ttlSeconds: 30 }, '')
  clock.advanceMs(29_999)
  expect(cache.find('88.1/x', '')).toMatchObject({ kind: 'found', tier: 'remembered', asOfMs })
  clock.advanceMs(1)
  expect(cache.find('88.1/x', '')).toBeUndefined()
  expect(cache.findStale('88.1/x', '')).toMatchObject({ stale: { reason: 'authority-unavailable', asOfMs } })
  clock.advanceMs(DAY_SECONDS * 1000)
  expect(cache.findStale('88.1/x', '')).toBeUndefined()
})

test('another delegation makes void what is remembered of the one before, stale as well', () => {
  const { cache } = setUp()
  cache.put('88.1/x', { answer: found('88.1/x'), ttlSeconds: 30 }, '88.1 7')
  expect(cache.find('88.1/x', '88.1 7')).toBeDefined()
  for (const route of ['88.1 8', '']) {
    expect(cache.find('88.1/x', route)).toBeUndefined()
    expect(cache.findStale('88.1/x', route)).toBeUndefined()
  }
})

test('what came stale is not remembered', () => {
  const { cache } = setUp()
  const stale = { reason: 'authority-unavailable', asOfMs: 1 } as const
  cache.put('88.1/x', { answer: { ...found('88.1/x'), stale }, ttlSeconds: 30 }, '')
  expect(cache.findStale('88.1/x', '')).toBeUndefined()
})

test('it takes no more memory than it may, and what was used last stays', () => {
  const { cache } = setUp(50_000)
  for (let count = 0; count < 1_000; count++) {
    cache.put(`88.1/${count}`, { answer: found(`88.1/${count}`, 'x'.repeat(1_000)), ttlSeconds: 30 }, '')
    cache.find('88.1/0', '')
    expect(cache.usage().bytes).toBeLessThanOrEqual(50_000)
  }
  expect(cache.find('88.1/0', '')).toBeDefined()
  expect(cache.find('88.1/1', '')).toBeUndefined()
  expect(cache.find('88.1/999', '')).toBeDefined()
})

test('without memory nothing is remembered', () => {
  const { cache } = setUp(0)
  cache.put('88.1/x', { answer: found('88.1/x'), ttlSeconds: 30 }, '')
  expect(cache.find('88.1/x', '')).toBeUndefined()
})

test('that nobody has a prefix is remembered for a minute', () => {
  const { cache, clock } = setUp()
  cache.noteNobody('99.1', 'nobody')
  expect(() => cache.requireSomebody('99.1')).toThrow('nobody')
  expect(() => cache.requireSomebody('99.2')).not.toThrow()
  clock.advanceMs(60_000)
  expect(() => cache.requireSomebody('99.1')).not.toThrow()
})

test.each([
  [0, 5],
  [60, 60],
  [2_147_483_647, 300],
])('a time to live of %i s counts as %i s', (said, counts) => expect(clampedTtl(said, 300)).toBe(counts))

test('a number made of a content is the same for the same, and another for another', () => {
  const value = (data: string) => ({ ...PUBLIC_VALUE, index: 1, type: 'URL', data, timestampSeconds: 1 })
  expect(contentVersion([value('a')])).toBe(contentVersion([value('a')]))
  expect(contentVersion([value('a')])).not.toBe(contentVersion([value('b')]))
  expect(contentVersion([{ ...value('a'), ttlSeconds: 7 }])).toBe(contentVersion([value('a')]))
  expect(contentVersion([])).toBeGreaterThanOrEqual(1)
  expect(Number.isSafeInteger(contentVersion([value('a')]))).toBe(true)
})

function found(key: string, data = 'https://example.com'): Found {
  const values = [{ ...PUBLIC_VALUE, index: 1, type: 'URL', data, timestampSeconds: 1 }]
  const about = { key, prefix: '88.1', version: 1 }
  const record = { ...about, spelling: key, template: '', values, registeredAtMs: 1, recordedAtMs: 1 }
  return { kind: 'found', ...about, tier: 'upstream', stamp: 0, record, asOfMs: 1_800_000_000_000 }
}

function setUp(capacityBytes = 1_000_000) {
  const clock = manualClock()
  return { clock, cache: new ForeignCache({ clock, capacityBytes, maxStaleSeconds: DAY_SECONDS }) }
}
