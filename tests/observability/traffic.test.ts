import { expect, test } from 'vitest'
import { SOURCES_KEPT, trafficMeter } from '../../src/observability/traffic.js'
import type { Answer } from '../../src/record/answer.js'
import { manualClock } from '../support/manual-clock.js'

/** 2027-01-15T08:00:00Z, the start of an hour. */
const START_MS = 1_800_000_000_000
const ABSENT: Answer = { kind: 'absent', key: '88.118.8/a', prefix: '88.118.8', version: 0, tier: 'memory', stamp: 1 }
const REFERRAL: Answer = { ...ABSENT, kind: 'referral', service: { handle: '', sites: [] } }

test('each second counts what happened in it, and each extreme has the time it ended at', () => {
  const { clock, meter, ask } = setUp()
  ask(5)
  ask(1)
  clock.advanceMs(2_000)
  ask(9)
  const [minute] = meter.take().lookups
  expect(minute!.minuteMs).toBe(START_MS)
  expect(minute!.seconds.slice(0, 4)).toEqual([2, 0, 1, 0])
  expect(minute).toMatchObject({ timed: 3, sumMs: 15 })
  expect(minute!.fastest).toEqual({ tookMs: 1, atMs: START_MS + 6 })
  expect(minute!.slowest).toEqual({ tookMs: 9, atMs: START_MS + 2_015 })
  expect(meter.take().lookups).toEqual([])
})

test('requests, successes and sources count for the responsible prefix; what nobody here is responsible for, for the node', () => {
  const { meter, ask } = setUp()
  ask(1, { source: '192.0.2.1', written: '88.118.8.5' })
  ask(1, { source: '192.0.2.1', answer: REFERRAL })
  ask(1, { source: '2001:db8::1', answer: REFERRAL })
  meter.failed({ identifier: { prefix: '99.1' }, source: '' })
  const [hour] = meter.take().hours
  expect(hour!.hourMs).toBe(START_MS)
  expect(hour!.prefixes).toMatchObject([
    { prefix: '88.118.8', requests: 3, successes: 2, sources: { total: 3, error: 0 } },
    { prefix: '', requests: 1, successes: 0, sources: { counts: [['unknown', 1]] } },
  ])
  expect(new Map(hour!.prefixes[0]!.sources.counts)).toEqual(
    new Map([
      ['192.0.2.1', 2],
      ['2001:db8::1', 1],
    ]),
  )
})

test('an hour that turns begins counts of its own, and both are taken', () => {
  const { clock, meter, ask } = setUp()
  ask(1)
  clock.advanceMs(3_600_000)
  ask(1)
  ask(1)
  expect(meter.take().hours.map(({ hourMs, prefixes }) => [hourMs, prefixes[0]!.requests])).toEqual([
    [START_MS, 1],
    [START_MS + 3_600_000, 2],
  ])
})

test('neither prefixes nor sources nor hours grow without bound, and no request is lost', () => {
  const { clock, meter, ask } = setUp()
  const asked = 6_000
  for (let at = 0; at < asked; at++) {
    ask(0, { source: `192.0.2.${at}`, answer: { ...ABSENT, prefix: `88.${at}` }, written: `88.${at}` })
    ask(0, { source: `198.51.100.${at}` })
    if (at % 500 === 0) clock.advanceMs(3_600_000)
  }
  const { hours } = meter.take()
  expect(hours.length).toBeLessThanOrEqual(5)
  const rows = hours.flatMap(({ prefixes }) => prefixes)
  expect(rows.reduce((sum, { requests }) => sum + requests, 0)).toBe(2 * asked)
  for (const { prefixes } of hours) expect(prefixes.length).toBeLessThanOrEqual(4_098)
  for (const { sources } of rows) expect(sources.counts.length).toBeLessThanOrEqual(2 * SOURCES_KEPT)
})

test('what is found by octets counts once it is known who is responsible, letters folded, and in its own hour', () => {
  const { clock, meter, ask } = setUp()
  const find = (handle: string) => {
    const octets = Buffer.from(`--${handle}--`)
    return meter.countsBelow(octets, 2, octets.length - 2)
  }
  const found = (handle: string) => meter.found(find(handle)!, '192.0.2.5', clock.monotonicMs())
  expect(find('88.abc/x')).toBeUndefined()
  ask(1, { written: '88.abc', answer: { ...ABSENT, prefix: '88' } })
  ask(1, { written: '88.118.8' })
  for (const handle of ['88.abc/x', '88.ABC/y', '88.118.8/z', '88.118.8/z', '88.abc/']) found(handle)
  for (const other of ['88.abc', '88.ab/c', '88.abcd/x', '/x', ''])
    expect([other, find(other)]).toEqual([other, undefined])
  const [first] = meter.take().hours
  expect(first!.prefixes.map(({ prefix, requests, successes }) => [prefix, requests, successes])).toEqual([
    ['88', 4, 3],
    ['88.118.8', 3, 2],
  ])
  // What was taken is never counted into again.
  expect(find('88.abc/x')).toBeUndefined()
})

test('what the node asks itself counts for nobody', () => {
  const { meter } = setUp()
  const asked = { identifier: { prefix: '88.118.8' } }
  meter.answered(asked, ABSENT, { startedMs: 0, endedMs: 1 })
  meter.failed(asked)
  expect(meter.take()).toEqual({ lookups: [], registrations: [], hours: [] })
})

test('registrations are counted by what was registered, and timed by the command', () => {
  const { meter } = setUp()
  meter.registered(2_000, 300)
  meter.registered(1, 4)
  const [minute] = meter.take().registrations
  expect(minute).toMatchObject({ timed: 2, fastest: { tookMs: 4 }, slowest: { tookMs: 300 } })
  expect(minute!.seconds[0]).toBe(2_001)
})

function setUp() {
  const clock = manualClock(START_MS)
  const meter = trafficMeter(clock)
  const ask = (
    tookMs: number,
    {
      source = '192.0.2.1',
      answer = ABSENT,
      written = '88.118.8',
    }: { source?: string; answer?: Answer; written?: string } = {},
  ) => {
    const startedMs = clock.monotonicMs()
    clock.advanceMs(tookMs)
    const asked = { identifier: { prefix: written }, source }
    meter.answered(asked, answer, { startedMs, endedMs: clock.monotonicMs() })
  }
  return { clock, meter, ask }
}
