/**
 * Look-ups in this node's registry. Concurrent misses share a query: all that come up in one turn of the event loop, and,
 * while the queries allowed are under way, all that come up meanwhile. A query costs one index probe per key whatever
 * the size of the table.
 */
import type { Identifier } from '../identifier/identifier.js'
import type { Clock } from '../platform/clock.js'
import { NodeError } from '../platform/errors.js'
import type { ColumnReader } from '../platform/keyed-reads.js'
import type { Database } from '../platform/postgres.js'
import type { Answer } from '../record/answer.js'
import { LOOKUP_COLUMNS, readAnswer } from './version-rows.js'

export const MAX_KEYS_PER_QUERY = 256
export const MAX_QUERIES_IN_FLIGHT = 4
export const MAX_WAITING_KEYS = 8_192
/** Whoever waited this long for its query to be sent is better served by trying elsewhere. */
const MAX_WAIT_MS = 500

// The limit keeps the planner from any other plan than an index probe for each key.
const FIND = `
  select wanted.place, found.* from unnest($1::text[]) with ordinality as wanted (key, place)
  join lateral (select ${LOOKUP_COLUMNS} from identifier i where i.key = wanted.key limit 1) found on true`

/** One identifier that a query must still be sent for; all who ask meanwhile share the answer. */
interface Wanted {
  readonly key: string
  readonly prefix: string
  readonly sinceMs: number
  readonly answer: Promise<Answer>
  resolve(answer: Answer): void
  reject(error: unknown): void
}

/** `mark`: the feed mark known now; each answer's stamp. @throws NodeError (from a look-up) `overloaded`, `authority-unavailable` */
export function registryLookup(
  db: Pick<Database, 'keyedReads'>,
  mark: () => number,
  clock: Clock,
): (identifier: Identifier, prefix: string) => Promise<Answer> {
  const reads = db.keyedReads(FIND, MAX_QUERIES_IN_FLIGHT)
  const waiting = new Map<string, Wanted>()
  let inFlight = 0
  let scheduled = false

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    setImmediate(sendQueries)
  }

  function sendQueries(): void {
    scheduled = false
    while (waiting.size > 0 && inFlight < MAX_QUERIES_IN_FLIGHT) {
      const batch = takeBatch()
      if (batch.length > 0) void send(batch)
    }
  }

  function takeBatch(): Wanted[] {
    const batch: Wanted[] = []
    const oldestMs = clock.monotonicMs() - MAX_WAIT_MS
    for (const [name, wanted] of waiting) {
      waiting.delete(name)
      if (wanted.sinceMs < oldestMs) wanted.reject(tooBusy())
      else batch.push(wanted)
      if (batch.length === MAX_KEYS_PER_QUERY) break
    }
    return batch
  }

  async function send(batch: readonly Wanted[]): Promise<void> {
    inFlight += 1
    try {
      // The stamp is taken before the query is sent: the rows read can only be newer.
      const stamp = mark()
      const rows = await reads.read(batch.map(({ key }) => key))
      const found: (ColumnReader | undefined)[] = batch.map(() => undefined)
      for (const row of rows) found[row.integer() - 1] = row
      for (const [place, wanted] of batch.entries()) settle(wanted, { row: found[place], stamp })
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
    inFlight -= 1
    if (waiting.size > 0) schedule()
  }

  return ({ key }, prefix) => {
    const others = waiting.get(key)
    if (others?.prefix === prefix) return others.answer
    if (waiting.size >= MAX_WAITING_KEYS) return Promise.reject(tooBusy())
    const wanted = wantedNow({ key, prefix }, clock)
    // Routed by another prefix than those who ask already: the answer says so, and is another one.
    waiting.set(others === undefined ? key : `${prefix} ${key}`, wanted)
    schedule()
    return wanted.answer
  }
}

function wantedNow({ key, prefix }: Pick<Wanted, 'key' | 'prefix'>, clock: Clock): Wanted {
  let resolve: Wanted['resolve'] = () => undefined
  let reject: Wanted['reject'] = () => undefined
  const answer = new Promise<Answer>((resolveIt, rejectIt) => {
    resolve = resolveIt
    reject = rejectIt
  })
  return { key, prefix, sinceMs: clock.monotonicMs(), answer, resolve, reject }
}

function settle(wanted: Wanted, read: { readonly row: ColumnReader | undefined; readonly stamp: number }) {
  const { key, prefix } = wanted
  const { row, stamp } = read
  try {
    wanted.resolve(row ? readAnswer(row, { key, prefix, stamp }) : absent(key, prefix, stamp))
  } catch (error) {
    // One record that cannot be read is no reason to fail the others of its query.
    wanted.reject(error)
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
