/** The short form. The long one is `npm run simulate -- --seeds 5000`. */
import { expect, test } from 'vitest'
import { reportOf, summary } from './report.js'
import { simulate } from './simulate.js'

const SEEDS = 40
const TIMEOUT_MS = 120_000

test(
  'in no run of the real cache modules through storms of faults is a promise broken',
  async () => {
    const total = summary()
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const run = await simulate(seed)
      if (run.violation !== undefined) expect.fail(await reportOf(run))
      total.add(run)
    }
    process.stderr.write(`[simulation] ${total.text()}\n`)
    expect(total.checked).toBeGreaterThan(200_000)
    expect(total.redisHits).toBeGreaterThan(1_000)
    expect(total.visible).toBeGreaterThan(1_000)
  },
  TIMEOUT_MS,
)

test('the same seed makes the same run, another seed another', async () => {
  const digests: number[] = []
  for (const seed of [7, 7, 8]) digests.push((await simulate(seed)).tally.digest)
  expect(digests[0]).toBe(digests[1])
  expect(digests[2]).not.toBe(digests[0])
})
