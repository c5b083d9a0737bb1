/**
 * The read at the bottom of a look-up that reaches the database, as plainly as it can be had from `pg`: the wishes of one
 * tick go as one unnest-join of at most 256 keys, at most 4 in flight.
 */
import { openDatabase } from '../../src/platform/postgres.js'

const MAX_KEYS = 256
const MAX_IN_FLIGHT = 4
const QUERY =
  'select i.key, i.version, i.state, i.prefix, i.spelling, i.template, i.body, i.reason, i.registered_at, i.recorded_at ' +
  'from unnest($1::text[]) wanted(key) join identifier i on i.key = wanted.key'

export interface CoalescedReads {
  /** Rejects when the database has no such record. */
  lookUp(key: string): Promise<void>
  close(): Promise<void>
}

export function coalescedReads(url: string): CoalescedReads {
  const db = openDatabase({ url, maxConnections: MAX_IN_FLIGHT, statementTimeoutMs: 10_000 })
  const waiting: { readonly key: string; readonly settle: () => void; readonly fail: (error: unknown) => void }[] = []
  let inFlight = 0
  let scheduled = false

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

  return {
    lookUp: (key) =>
      new Promise((settle, fail) => {
        waiting.push({ key, settle, fail })
        if (scheduled) return
        scheduled = true
        setImmediate(flush)
      }),
    close: () => db.close(),
  }
}
