/**
 * Baseline of a look-up that reaches the database: the same read without a node around it, and without HTTP. 64 callers in
 * this process, each wanting one random record.
 *
 * Arguments: database URL, number of records, seed.
 */

import { identifierAt } from '../workload/dataset.js'
import { drawKeys } from '../workload/keys.js'
import { coalescedReads } from './coalesced.js'
import { repeat, serveOrders } from './tasks.js'

const CALLERS = 64
const DRAWN_AHEAD = 200_000

const [url = '', records = '', seed = ''] = process.argv.slice(2)
const reads = coalescedReads(url)
const drawn = drawKeys('uniform', { count: Number(records), length: DRAWN_AHEAD, seed: Number(seed) })
// Identifiers of the data set are their own canonical keys.
const keys = Array.from(drawn, identifierAt)
let next = 0

serveOrders(
  ({ durationMs }) =>
    repeat(CALLERS, durationMs, async () => {
      const key = keys[next]!
      next = (next + 1) % keys.length
      await reads.lookUp(key)
      return 1
    }),
  reads.close,
)
