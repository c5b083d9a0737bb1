import { afterAll, beforeAll, expect, test } from 'vitest'
import { HEADER, type ImportSetUp, importSetUp, productRows } from './import-set-up.js'

const ROWS = 200_000
const ROWS_PER_PIECE = 1_000
const MIB = 2 ** 20

let s: ImportSetUp

beforeAll(async () => {
  s = await importSetUp()
})
afterAll(() => s.close())

test('memory does not grow with the file, and the sender is made to wait', async () => {
  let peakAfterWarmUp = 0
  let warm = 0
  let lead = 0
  async function* content() {
    yield Buffer.from(HEADER)
    for (let row = 1; row <= ROWS; row += ROWS_PER_PIECE) {
      yield Buffer.from(productRows(ROWS_PER_PIECE, row))
      const { rss } = process.memoryUsage()
      if (row > ROWS / 4) peakAfterWarmUp = Math.max(peakAfterWarmUp, rss)
      else warm = Math.max(warm, rss)
      const committed = s.changes.reduce((total, { keys }) => total + keys.length, 0)
      lead = Math.max(lead, row - committed)
    }
  }
  const job = await s.send(await s.open(), content())
  expect(job.counts.created).toBe(ROWS)
  expect((peakAfterWarmUp - warm) / MIB).toBeLessThan(100)
  // One chunk under way, one being read.
  expect(lead).toBeLessThanOrEqual(3 * 4_000)
}, 120_000)
