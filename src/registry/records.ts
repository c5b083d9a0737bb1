/**
 * Look-ups in this node's registry. Concurrent misses share a query: all that come up in one turn of the event loop, and,
 * while the queries allowed are under way, all that come up meanwhile. A query costs one index probe per key whatever
 * the size of the table.
 */
import type { Identifier } from '../identifier/identifier.js'
import type { Clock } from '../platform/clock.js'
import { NodeError } from '../platform/errors.js'
import type { Database } from '../platform/postgres.js'
import type { Answer } from '../record/answer.js'
import { answerOf, VERSION_COLUMNS, type VersionRow } from './version-rows.js'

export const MAX_KEYS_PER_QUERY = 256
export const MAX_QUERIES_IN_FLIGHT = 4
export const MAX_WAITING_KEYS = 8_192
/** Whoever waited this long for its query to be sent is better served by trying elsewhere. */
const MAX_WAIT_MS = 500

const FIND = `
  select found.* from unnest($1::text[]) as wanted (key)
  join lateral (select ${VERSION_COLUMNS} from identifier i where i.key = wanted.key limit 1) found on true`

interface Waiter {
  readonly prefix: string
  readonly sinceMs: number
  resolve(answer: Answer): void
  reject(error: unknown): void
}

/** `mark`: the feed mark known now; each answer's stamp. @throws NodeError (from a look-up) `overloaded`, `authority-unavailable` */
export function registryLookup(
  db: Database,
  mark: () => number,
  clock: Clock,
): (identifier: Identifier, prefix: string) => Promise<Answer> {
  const waiting = new Map<string, Waiter[]>()
  let inFlight = 0
  let scheduled = false

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      sendQueries()
    })
  }

  function sendQueries(): void {
    while (waiting.size > 0 && inFlight < MAX_QUERIES_IN_FLIGHT) {
      const batch = takeBatch()
      if (batch.size === 0) continue
      inFlight += 1
      void answer(batch).finally(() => {
        inFlight -= 1
        if (waiting.size > 0) schedule()
      })
    }
  }

  function takeBatch(): Map<string, Waiter[]> {
    const batch = new Map<string, Waiter[]>()
    const oldestMs = clock.monotonicMs() - MAX_WAIT_MS
    for (const [key, waiters] of waiting) {
      waiting.delete(key)
      if (waiters[0]!.sinceMs < oldestMs) for (const waiter of waiters) waiter.reject(tooBusy())
      else batch.set(key, waiters)
      if (batch.size === MAX_KEYS_PER_QUERY) break
    }
    return batch
  }

  async function answer(batch: ReadonlyMap<string, readonly Waiter[]>): Promise<void> {
    try {
      // The stamp is taken before the query is sent: the rows read can only be newer.
      const stamp = mark()
      const rows = await db.query<VersionRow>(FIND, [[...batch.keys()]])
      const found = new Map(rows.map((row) => [row.key, row]))
      for (const [key, waiters] of batch) settle(waiters, key, { row: found.get(key), stamp })
    } catch (error) {
      for (const waiters of batch.values()) for (const waiter of waiters) waiter.reject(error)
    }
  }

  return ({ key }, prefix) =>
    new Promise((resolve, reject) => {
      const waiter: Waiter = { prefix, sinceMs: clock.monotonicMs(), resolve, reject }
      const others = waiting.get(key)
      if (others) others.push(waiter)
      else if (waiting.size >= MAX_WAITING_KEYS) return reject(tooBusy())
      else waiting.set(key, [waiter])
      schedule()
    })
}

function settle(
  waiters: readonly Waiter[],
  key: string,
  read: { readonly row: VersionRow | undefined; readonly stamp: number },
) {
  const { row, stamp } = read
  for (const { prefix, resolve, reject } of waiters) {
    try {
      resolve(row ? answerOf(row, { prefix, stamp }) : absent(key, prefix, stamp))
    } catch (error) {
      // One record that cannot be read is no reason to fail the others of its query.
      reject(error)
    }
  }
}

function absent(key: string, prefix: string, stamp: number): Answer {
  return { kind: 'absent', key, prefix, version: 0, tier: 'registry', stamp }
}

function tooBusy(): NodeError {
  return new NodeError('overloaded', 'More identifiers are being looked up than the database can answer.', {
    retryAfterSeconds: 1,
  })
}
