/**
 * Single writes that come at the same time share a statement, and with it a commit and a row of the feed: with many
 * callers that is a multiple of what a statement each would give. Nobody waits for company: a write goes out in the same
 * turn of the event loop, unless all statements allowed for its API key are under way; what comes meanwhile goes together.
 *
 * Only writes of one API key are joined, so that nobody's slow or failing write is another's. Each succeeds or is refused
 * alone, as it would be without company.
 */
import { NodeError } from '../platform/errors.js'
import { sqlStateOf } from '../platform/postgres.js'
import type { Principal } from '../security/principal.js'
import type { ItemOutcome, Registration } from './registration.js'
import type { Registry } from './registry.js'
import { requireKnown } from './standing.js'
import { authorOf, directRun, writeDistinct } from './write-run.js'

interface Waiter {
  readonly item: Registration
  resolve(outcome: ItemOutcome): void
  reject(error: unknown): void
}

/** The writes of one API key. */
interface Lane {
  readonly name: string
  readonly principal: Principal
  waiting: Waiter[]
  inFlight: number
  scheduled: boolean
}

export const MAX_STATEMENTS_IN_FLIGHT = 4
export const MAX_ITEMS_PER_STATEMENT = 100
export const MAX_WAITING_WRITES = 2_000
const QUERY_CANCELED = '57014'

/** The same registry, with single writes joined. */
export function joinWrites(registry: Registry): Registry {
  const lanes = new Map<string, Lane>()

  function laneOf(principal: Principal): Lane {
    const name = JSON.stringify(authorOf(requireKnown(principal)))
    const known = lanes.get(name)
    if (known) return known
    const lane: Lane = { name, principal, waiting: [], inFlight: 0, scheduled: false }
    lanes.set(name, lane)
    return lane
  }

  function schedule(lane: Lane): void {
    if (lane.scheduled) return
    lane.scheduled = true
    setImmediate(() => {
      lane.scheduled = false
      sendStatements(lane)
    })
  }

  function sendStatements(lane: Lane): void {
    while (lane.waiting.length > 0 && lane.inFlight < MAX_STATEMENTS_IN_FLIGHT) {
      const [group, others] = takeGroup(lane.waiting)
      lane.waiting = others
      lane.inFlight += 1
      void writeGroup(registry, lane.principal, group).finally(() => {
        lane.inFlight -= 1
        if (lane.waiting.length > 0) schedule(lane)
        else if (lane.inFlight === 0) lanes.delete(lane.name)
      })
    }
  }

  const joined = (principal: Principal, item: Registration) =>
    new Promise<ItemOutcome>((resolve, reject) => {
      const lane = laneOf(principal)
      if (lane.waiting.length >= MAX_WAITING_WRITES) return reject(tooMany())
      lane.waiting.push({ item, resolve, reject })
      schedule(lane)
    })
  return { ...registry, joined }
}

/** Those that can share a statement, each with a key of its own, and those that have to wait for the next. */
function takeGroup(waiting: readonly Waiter[]): readonly [Waiter[], Waiter[]] {
  const group = new Map<string, Waiter>()
  const others: Waiter[] = []
  for (const waiter of waiting) {
    const { key } = waiter.item.identifier
    if (group.size < MAX_ITEMS_PER_STATEMENT && !group.has(key)) group.set(key, waiter)
    else others.push(waiter)
  }
  return [[...group.values()], others]
}

async function writeGroup(registry: Registry, principal: Principal, group: readonly Waiter[]): Promise<void> {
  try {
    const items = group.map(({ item }) => item)
    const outcomes = await writeDistinct(directRun(registry, principal), items)
    for (const [at, { resolve }] of group.entries()) resolve(outcomes[at]!)
  } catch (error) {
    if (group.length > 1 && mayPassAlone(error)) {
      await Promise.all(group.map((waiter) => writeGroup(registry, principal, [waiter])))
    } else {
      for (const { reject } of group) reject(error)
    }
  }
}

/** The statement was rolled back for sure, and one write of the group may have been the reason. */
function mayPassAlone(error: unknown): boolean {
  return !(error instanceof NodeError) || sqlStateOf(error.cause) === QUERY_CANCELED
}

function tooMany(): NodeError {
  return new NodeError('overloaded', 'More writes of this API key are waiting than can be carried out.', {
    retryAfterSeconds: 1,
  })
}
