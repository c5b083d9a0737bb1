import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/platform/clock.js'
import { type LoopDelay, loopDelay } from '../../src/platform/loop-delay.js'

let loop: LoopDelay
beforeEach(() => {
  loop = loopDelay(systemClock)
})
afterEach(() => loop.stop())

function block(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

/** Keeps the process busy for turn after turn of its timers. */
async function keepBusy(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    block(150)
    await delay(1)
  }
}

test('one long turn is no overload, however long', async () => {
  block(800)
  await delay(1)
  expect(loop.isOverloaded()).toBe(false)
})

test('the delay is seen while it lasts, before the timer could tell', async () => {
  await delay(1)
  block(200)
  expect(loop.delayMs()).toBeGreaterThanOrEqual(150)
})

test('turn after turn too late is overload; when enough have come in time again, a late one is an accident again', async () => {
  await keepBusy(8)
  block(60)
  expect(loop.isOverloaded()).toBe(true)
  do {
    await delay(200)
    block(60)
  } while (loop.isOverloaded())
  expect(loop.delayMs()).toBeGreaterThanOrEqual(20)
})
