import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/platform/clock.js'
import { findStalenessBounds, noteStalenessBound, type StalenessBounds } from '../../src/registry/staleness-bounds.js'
import { type VisibleWaitsOptions, visibleWaits, type WaitingPlace } from '../../src/registry/visible-waits.js'
import { type TestDatabase, testDatabase } from '../support/database.js'

const BOUND_MS = 150
/** Much longer than a pause of the machine. */
const LONG_MS = 2_000
const EPOCH = 'history-1'

test('a wait ends a bound and a millisecond after it began, never earlier', async () => {
  const waits = waitsWith()
  for (let round = 0; round < 5; round += 1) {
    const startedAtMs = performance.now()
    await waits.takePlace().untilVisible()
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(BOUND_MS + 1)
  }
})

test('a thousand that wait at once ask for the largest bound a few times, and each ends after its own time', async () => {
  let asked = 0
  const waits = waitsWith({
    findBounds: async () => {
      asked += 1
      return told({})
    },
  })
  const tooShort: number[] = []
  const waitOnce = async (number: number) => {
    await new Promise((resolve) => setTimeout(resolve, number % 40))
    const startedAtMs = performance.now()
    const place = waits.takePlace()
    await place.untilVisible()
    place.leave()
    const tookMs = performance.now() - startedAtMs
    if (tookMs < BOUND_MS + 1) tooShort.push(tookMs)
  }
  await Promise.all(Array.from({ length: 1_000 }, (_, number) => waitOnce(number)))
  expect(tooShort).toEqual([])
  expect(asked).toBeLessThan(10)
  expect(waits.taken).toBe(0)
})

test('the largest bound of all processes counts, also one that is noted while somebody waits', async () => {
  const larger = 3 * BOUND_MS
  let noted = false
  const waits = waitsWith({ findBounds: async () => told({ largestMs: noted ? larger : BOUND_MS }) })
  const startedAtMs = performance.now()
  const waiting = waits.takePlace().untilVisible()
  setTimeout(() => {
    noted = true
  }, BOUND_MS / 2)
  await waiting
  expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(larger + 1)
})

test('a bound that was read before the commit does not count', async () => {
  let largestMs = BOUND_MS
  const waits = waitsWith({ findBounds: async () => told({ largestMs }) })
  await waits.takePlace().untilVisible()
  largestMs = 3 * BOUND_MS
  const startedAtMs = performance.now()
  await waits.takePlace().untilVisible()
  expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(3 * BOUND_MS + 1)
})

test('for a transaction that ended long ago nobody waits; for one of another history they do', async () => {
  let epoch = EPOCH
  const longAgoMs = performance.now() - 10 * LONG_MS
  const waits = waitsWith({
    boundMs: LONG_MS,
    knowledge: { endedBy: (xid) => (xid < 100 ? longAgoMs : undefined), epoch: EPOCH },
    findBounds: async () => told({ epoch }),
  })
  expect(await timed(waits.takePlace(), 99)).toBeLessThan(LONG_MS)
  expect(await timed(waits.takePlace(), 100)).toBeGreaterThan(LONG_MS)
  epoch = 'history-2'
  expect(await timed(waits.takePlace(), 99)).toBeGreaterThan(LONG_MS)
})

test('places are bounded, and one that is left is free again and keeps nobody waiting', async () => {
  const waits = waitsWith({ maxWaiting: 2, boundMs: LONG_MS })
  const [one, two] = [waits.takePlace(), waits.takePlace()]
  expect(() => waits.takePlace()).toThrowError(expect.objectContaining({ code: 'overloaded' }))
  const startedAtMs = performance.now()
  const [first, second] = [one.untilVisible(), two.untilVisible()]
  one.leave()
  one.leave()
  await first
  expect(performance.now() - startedAtMs).toBeLessThan(LONG_MS)
  expect(waits.taken).toBe(1)
  await second
  expect(performance.now() - startedAtMs).toBeGreaterThan(LONG_MS)
})

test('whoever cannot be waited for before the process ends is told so at once, the others are waited for', async () => {
  const waits = waitsWith()
  const early = waits.takePlace().untilVisible()
  await new Promise((resolve) => setTimeout(resolve, BOUND_MS / 2))
  const late = waits.takePlace().untilVisible()
  const refused = expect(late).rejects.toMatchObject({ code: 'not-yet-visible', retryAfterSeconds: 1 })
  waits.drain(BOUND_MS * 0.75)
  await refused
  await early
  await expect(waits.takePlace().untilVisible()).rejects.toMatchObject({ code: 'not-yet-visible' })
})

test('a database that goes away for a moment is waited for; one that stays away is told after a time', async () => {
  let failures = 3
  const waits = waitsWith({
    findBounds: async () => {
      failures -= 1
      if (failures > 0) throw new Error('away')
      return told({})
    },
  })
  await waits.takePlace().untilVisible()
  expect(failures).toBe(0)

  failures = Number.POSITIVE_INFINITY
  await expect(waits.takePlace().untilVisible()).rejects.toMatchObject({ code: 'not-yet-visible' })
})

let database: TestDatabase
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database.close())

test('the database keeps the largest bound that was noted within a day, and the history it is in', async () => {
  const { db } = database
  expect(await findStalenessBounds(db)).toEqual({ largestMs: 0, epoch: expect.stringMatching(/^\d+-[\dA-F]{8}-\d+$/) })
  for (const boundMs of [1_000, 5_000, 1_000]) await noteStalenessBound(db, boundMs)
  expect(await findStalenessBounds(db)).toMatchObject({ largestMs: 5_000 })
  await db.query(`update staleness_bound set noted_at = noted_at - interval '25 hours' where bound_ms = 5000`)
  expect(await findStalenessBounds(db)).toMatchObject({ largestMs: 1_000 })
  await noteStalenessBound(db, 5_000)
  expect(await findStalenessBounds(db)).toMatchObject({ largestMs: 5_000 })
})

function waitsWith(options: Partial<VisibleWaitsOptions> = {}) {
  return visibleWaits({
    clock: systemClock,
    knowledge: { endedBy: () => undefined, epoch: EPOCH },
    boundMs: BOUND_MS,
    findBounds: async () => told({}),
    ...options,
  })
}

function told(some: Partial<StalenessBounds>): StalenessBounds {
  return { largestMs: BOUND_MS, epoch: EPOCH, ...some }
}

async function timed(place: WaitingPlace, xid: number): Promise<number> {
  const startedAtMs = performance.now()
  await place.untilVisible(xid)
  return performance.now() - startedAtMs
}
