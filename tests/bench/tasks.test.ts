import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { repeat } from '../../bench/baselines/tasks.js'

test('what many callers do at once is counted in full', async () => {
  let done = 0
  const measured = await repeat(64, 1_000, async (caller) => {
    await delay(caller % 5)
    done += 3
    return 3
  })
  expect(measured.done).toBe(done)
  expect(measured.done).toBeGreaterThan(64 * 3)
  expect(measured.seconds).toBeGreaterThanOrEqual(1)
})
