import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { HEADER, type ImportSetUp, importSetUp, productRows } from './import-set-up.js'

const ROWS = 200_000
const ROWS_PER_PIECE = 1_000
const MIB = 2 ** 20

let s: ImportSetUp

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

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
      if (row % (20 * ROWS_PER_PIECE) === 1) {
        const live = liveBytes()
        if (row > ROWS / 4) peakAfterWarmUp = Math.max(peakAfterWarmUp, live)
        else warm = Math.max(warm, live)
      }
      const committed = s.changes.reduce((total, { keys }) => total + keys.length, 0)
      lead = Math.max(lead, row - committed)
    }
  }
  const job = await s.send(await s.open(), content())
  expect(job.counts.created).toBe(ROWS)
  expect((peakAfterWarmUp - warm) / MIB).toBeLessThan(60)
  // One chunk under way, one being read.
  expect(lead).toBeLessThanOrEqual(3 * 4_000)
}, 120_000)

/** What is really held: the resident size also counts garbage that nobody has needed to collect yet. */
function liveBytes(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
