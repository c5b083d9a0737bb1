/** The short form of `npm run upward`: what is promised of duties upward, over a failing line and kills of both sides. */
import { expect, test } from 'vitest'
import { runUpwardStorm } from './upward-storm.js'

test('over a line that fails 30 % of calls, each side killed, every version has its effect above exactly once', async () => {
  const result = await runUpwardStorm({ registrations: 3_000, failing: 0.3, kills: 1, seed: 5, say: () => undefined })
  expect(result).toMatchObject({
    identifiers: 3_000,
    versions: 3_000 + 300 + 150 + 1,
    applied: result.versions,
    refused: 0,
    different: 0,
    disorder: 0,
    notAcknowledged: 0,
    kills: 2,
  })
  expect(result.failedCalls).toBeGreaterThan(0)
}, 300_000)
