import { expect, test } from 'vitest'
import type { Absent } from '../../src/record/answer.js'
import { compose, type Resolve } from '../../src/resolution/resolve.js'
import { singleFlight } from '../../src/resolution/single-flight.js'
import { manualClock } from '../support/manual-clock.js'
import { queryFor } from '../support/query-for.js'

const PUMP = '88.100.1/pump-7'

test('a thousand look-ups of one identifier ask once', async () => {
  const { resolve, source } = setUp()
  const answers = Array.from({ length: 1000 }, () => resolve(queryFor(PUMP)))
  source.reply()
  expect(new Set(await Promise.all(answers)).size).toBe(1)
  expect(source.asked()).toBe(1)
})

test('different identifiers do not wait for one another', () => {
  const { resolve, source } = setUp()
  void resolve(queryFor(PUMP))
  void resolve(queryFor('88.100.1/valve'))
  expect(source.asked()).toBe(2)
})

test('a flight that began longer ago than the bound is not joined', () => {
  const { clock, resolve, source } = setUp()
  void resolve(queryFor(PUMP))
  clock.advanceMs(1001)
  void resolve(queryFor(PUMP))
  expect(source.asked()).toBe(2)
})

test('an older flight that lands does not end a newer one', async () => {
  const { clock, resolve, source } = setUp()
  const older = resolve(queryFor(PUMP))
  clock.advanceMs(1001)
  void resolve(queryFor(PUMP))
  source.replyFirst()
  await older
  void resolve(queryFor(PUMP))
  expect(source.asked()).toBe(2)
})

test('a failure reaches everybody who joined and is not remembered', async () => {
  const { resolve, source } = setUp()
  const joined = [resolve(queryFor(PUMP)), resolve(queryFor(PUMP))]
  source.fail(new Error('gone'))
  expect((await Promise.allSettled(joined)).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  void resolve(queryFor(PUMP))
  expect(source.asked()).toBe(2)
})

test('a query with demands of its own flies alone', () => {
  const { resolve, source } = setUp()
  void resolve(queryFor(PUMP))
  void resolve(queryFor(PUMP, { authoritative: true }))
  void resolve(queryFor(PUMP, { token: 7 }))
  void resolve(queryFor(PUMP, { minVersion: 2 }))
  expect(source.asked()).toBe(4)
})

function setUp() {
  const clock = manualClock()
  const pending: { resolve: (answer: Absent) => void; reject: (error: Error) => void }[] = []
  let asked = 0
  const absent: Absent = { kind: 'absent', key: PUMP, prefix: '88.100.1', version: 0, tier: 'registry', stamp: 1 }
  const ask: Resolve = () => {
    asked += 1
    return new Promise((resolve, reject) => pending.push({ resolve, reject }))
  }
  const source = {
    asked: () => asked,
    reply: () => {
      for (const { resolve } of pending.splice(0)) resolve(absent)
    },
    replyFirst: () => pending.shift()?.resolve(absent),
    fail: (error: Error) => {
      for (const { reject } of pending.splice(0)) reject(error)
    },
  }
  return { clock, source, resolve: compose([singleFlight(clock, 1000)], ask) }
}
