/**
 * Baseline of a look-up that reaches the database: the same read without a node around it. 64 callers, each wanting one
 * random record; the wishes of one tick go as one unnest-join of at most 256 keys, at most 4 in flight.
 *
 * Arguments: database URL, number of records, seed.
 */
import { openDatabase } from '../../src/platform/postgres.js'
import { identifierAt } from '../workload/dataset.js'
import { drawKeys } from '../workload/keys.js'
import { repeat, serveOrders } from './tasks.js'

const CALLERS = 64
const MAX_KEYS = 256
const MAX_IN_FLIGHT = 4
const DRAWN_AHEAD = 200_000
const QUERY =
  'select i.key, i.version, i.state, i.prefix, i.spelling, i.template, i.body, i.reason, i.registered_at, i.recorded_at ' +
  'from unnest($1::text[]) wanted(key) join identifier i on i.key = wanted.key'

const [url = '', records = '', seed = ''] = process.argv.slice(2)
const db = openDatabase({ url, maxConnections: MAX_IN_FLIGHT, statementTimeoutMs: 10_000 })
const drawn = drawKeys('uniform', { count: Number(records), length: DRAWN_AHEAD, seed: Number(seed) })
// Identifiers of the data set are their own canonical keys.
const keys = Array.from(drawn, identifierAt)

let next = 0
let inFlight = 0
let scheduled = false
const waiting: { readonly key: string; readonly settle: () => void; readonly fail: (error: unknown) => void }[] = []

function lookUp(): Promise<void> {
  const key = keys[next]!
  next = (next + 1) % keys.length
  return new Promise((settle, fail) => {
    waiting.push({ key, settle, fail })
    if (scheduled) return
    scheduled = true
    setImmediate(flush)
  })
}

function flush(): void {
  scheduled = false
  while (waiting.length > 0 && inFlight < MAX_IN_FLIGHT) void ask(waiting.splice(0, MAX_KEYS))
}

async function ask(batch: typeof waiting): Promise<void> {
  inFlight += 1
  try {
    const rows = await db.query<{ key: string }>(QUERY, [batch.map(({ key }) => key)])
    const found = new Set(rows.map(({ key }) => key))
    for (const { key, settle, fail } of batch)
      found.has(key) ? settle() : fail(new Error(`${key} is not in the database`))
  } catch (error) {
    for (const { fail } of batch) fail(error)
  } finally {
    inFlight -= 1
    flush()
  }
}

serveOrders(
  ({ durationMs }) =>
    repeat(CALLERS, durationMs, async () => {
      await lookUp()
      return 1
    }),
  () => db.close(),
)
