import { expect, test } from 'vitest'
import { circuitBreaker } from '../../src/platform/circuit-breaker.js'
import { manualClock } from '../support/manual-clock.js'

test('it opens after the failures in a row, once, and lets nobody in while open', () => {
  const { breaker, opened, fail } = setUp()
  fail(4)
  breaker.succeeded()
  fail(4)
  expect(breaker.tryEnter()).toBe(true)

  fail(3)
  expect(opened()).toBe(1)
  expect(breaker.isOpen()).toBe(true)
  expect(breaker.tryEnter()).toBe(false)
})

test('after the pause one caller may try; its success closes it', () => {
  const { breaker, fail, advanceMs } = setUp()
  fail(5)
  advanceMs(500)

  expect([breaker.tryEnter(), breaker.tryEnter()]).toEqual([true, false])
  breaker.succeeded()
  expect([breaker.tryEnter(), breaker.tryEnter()]).toEqual([true, true])
})

test('its failure opens it for another pause, and a caller that never reports does not block the next', () => {
  const { breaker, fail, advanceMs } = setUp()
  fail(5)
  advanceMs(500)
  expect(breaker.tryEnter()).toBe(true)
  fail(1)
  expect(breaker.tryEnter()).toBe(false)

  advanceMs(500)
  expect(breaker.tryEnter()).toBe(true)
  advanceMs(500)
  expect(breaker.tryEnter()).toBe(true)
})

test('with a bound on its pauses each try that fails doubles the next one; a success makes it short again', () => {
  const { breaker, fail, advanceMs } = setUp({ maxOpenMs: 1_500 })
  const isOpenFor = (ms: number) => {
    advanceMs(ms - 1)
    const isStillOpen = breaker.isOpen()
    advanceMs(1)
    return isStillOpen && breaker.tryEnter()
  }
  // Those that were under way with the fifth count for nothing more.
  fail(9)
  expect(isOpenFor(500)).toBe(true)
  fail(1)
  expect(isOpenFor(1_000)).toBe(true)
  fail(1)
  expect(isOpenFor(1_500)).toBe(true)
  breaker.succeeded()
  fail(5)
  expect(isOpenFor(500)).toBe(true)
})

function setUp(more: { readonly maxOpenMs?: number } = {}) {
  const clock = manualClock()
  let opened = 0
  const breaker = circuitBreaker({ clock, failures: 5, openMs: 500, onOpen: () => opened++, ...more })
  const fail = (times: number) => {
    for (let count = 0; count < times; count++) breaker.failed()
  }
  return { breaker, fail, opened: () => opened, advanceMs: (ms: number) => clock.advanceMs(ms) }
}
