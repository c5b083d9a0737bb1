import { expect, test, vi } from 'vitest'
import { databaseHealth } from '../../src/platform/database-health.js'
import { PATIENT } from '../support/patience.js'

test('a few failures in a row, none of them long, are not an outage unless nothing succeeds between them', () => {
  const { health, isAway, probes } = setUp()
  for (let round = 0; round < 3; round++) {
    health.failed(5)
    health.failed(5)
    expect(isAway()).toBe(false)
    health.succeeded()
  }
  expect(probes()).toBe(0)
  for (let count = 0; count < 3; count++) health.failed(5)
  expect(isAway()).toBe(true)
})

test('one failure after a long wait is enough: nobody else shall wait as long', () => {
  const { health, isAway } = setUp()
  health.failed(700)
  expect(isAway()).toBe(true)
})

test('it is probed at once, then again and again, without anybody asking, until a probe is answered', async () => {
  const { health, isAway, probes, answer } = setUp()
  health.failed(700)
  expect(probes()).toBe(1)
  health.failed(700)
  expect(probes()).toBe(1)
  await vi.waitFor(() => expect(probes()).toBeGreaterThan(3), PATIENT)
  expect(isAway()).toBe(true)

  answer()
  await vi.waitFor(() => expect(isAway()).toBe(false), PATIENT)
  health.failed(5)
  expect(isAway()).toBe(false)
})

test('an answer to somebody who had asked before ends it too', () => {
  const { health, isAway } = setUp()
  health.failed(700)
  health.succeeded()
  expect(isAway()).toBe(false)
})

test('closed, it probes no more', async () => {
  const { health, probes } = setUp()
  health.failed(700)
  await vi.waitFor(() => expect(probes()).toBeGreaterThan(1), PATIENT)
  health.close()
  const before = probes()
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(probes()).toBeLessThanOrEqual(before + 1)
})

function setUp() {
  let probes = 0
  let answers = false
  const health = databaseHealth({
    failures: 3,
    longMs: 400,
    probeEveryMs: 1,
    probe: async () => {
      probes += 1
      if (!answers) throw new Error('no answer')
    },
  })
  const isAway = () => {
    try {
      health.check()
      return false
    } catch (error) {
      expect(error).toMatchObject({ code: 'authority-unavailable', retryAfterSeconds: 1 })
      return true
    }
  }
  return {
    health,
    isAway,
    probes: () => probes,
    answer: () => {
      answers = true
    },
  }
}
