/** Who waits for the node above: for how long, and what is told when it does not answer. */
import { expect, test, vi } from 'vitest'
import { systemClock } from '../../src/platform/clock.js'
import { type AcknowledgedWaitsOptions, acknowledgedWaits } from '../../src/registry/acknowledged-waits.js'
import { PATIENT } from '../support/patience.js'

function setUp(options: Partial<AcknowledgedWaitsOptions> = {}) {
  const state = { settled: 10 as number | undefined, asked: 0 }
  const findSettled = async () => {
    state.asked += 1
    return state.settled
  }
  return { state, waits: acknowledgedWaits({ clock: systemClock, findSettled, ...options }) }
}

test('a write is waited for until its transaction is settled above, and no longer', async () => {
  const { state, waits } = setUp()
  const [old, recent] = [waits.takePlace(), waits.takePlace()]
  await old.untilAcknowledged(10)
  let isDone = false
  const waiting = recent.untilAcknowledged(12).then(() => {
    isDone = true
  })
  state.settled = 11
  const { asked } = state
  await vi.waitUntil(() => state.asked > asked + 2, PATIENT)
  expect(isDone).toBe(false)
  state.settled = 12
  await waiting
  old.leave()
  recent.leave()
  recent.leave()
  expect(waits.taken).toBe(0)
})

test('nobody is asked while nobody waits, and all who wait share one question', async () => {
  const { state, waits } = setUp()
  const place = waits.takePlace()
  expect(state.asked).toBe(0)
  await place.untilAcknowledged(1)
  expect(state.asked).toBe(1)
  await Promise.all(Array.from({ length: 50 }, () => waits.takePlace().untilAcknowledged(5)))
  expect(state.asked).toBe(2)
})

test('whoever waits for too long is told that it is written, and why it is not known above', async () => {
  const { waits } = setUp({ longestMs: 60 })
  await expect(waits.takePlace().untilAcknowledged(11)).rejects.toMatchObject({
    code: 'not-yet-acknowledged',
    message: expect.stringMatching(/is written here.*has not answered yet/),
  })
  const lost = setUp({ longestMs: 60, findSettled: () => Promise.reject(new Error('gone')) })
  await expect(lost.waits.takePlace().untilAcknowledged(11)).rejects.toMatchObject({
    message: expect.stringMatching(/gone/),
  })
})

test('while everything is told anew nothing counts as settled', async () => {
  const { state, waits } = setUp()
  state.settled = undefined
  const waiting = waits.takePlace().untilAcknowledged(1)
  await vi.waitUntil(() => state.asked > 1, PATIENT)
  state.settled = 1
  await waiting
})

test('places are bounded, and whoever leaves makes room', async () => {
  const { waits } = setUp({ maxWaiting: 1 })
  const place = waits.takePlace()
  expect(() => waits.takePlace()).toThrow(/1 writes are waiting.*Nothing was written/)
  const waiting = place.untilAcknowledged(99)
  place.leave()
  await waiting
  expect(waits.taken).toBe(0)
  waits.takePlace()
})

test('a process that stops lets nobody wait longer than it has time', async () => {
  const { waits } = setUp()
  const waiting = waits.takePlace().untilAcknowledged(99)
  waits.drain(0)
  await expect(waiting).rejects.toMatchObject({
    code: 'not-yet-acknowledged',
    message: expect.stringMatching(/stopping/),
  })
  await expect(waits.takePlace().untilAcknowledged(99)).rejects.toMatchObject({ code: 'not-yet-acknowledged' })
})
