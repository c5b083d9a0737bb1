/**
 * Single writes that come at the same time share a statement, and with it a commit and a row of the feed: with many
 * callers that is a multiple of what a statement each would give. Nobody waits for company: a write goes out in the same
 * turn of the event loop, unless all statements allowed are under way; what comes meanwhile goes together.
 *
 * Whoever writes: each write in the statement goes by the authority of its own API key, and succeeds or is refused
 * alone, as it would be without company. What keeps nobody's failing or slow write from being another's:
 *
 *   refused        a write that the statement did not carry out goes on in a statement of its own key's
 *   failing        a statement that failed is rolled back; its writes go on by key, and if need be one by one
 *   waiting        a shared statement waits only a moment for a lock; then its writes go on by key, and a key whose own
 *                  statement takes long shares none for a while
 *   flooding       keys take turns; each has a bound on the writes that wait, and on statements of its own
 */
import type { Clock } from '../platform/clock.js'
import { NodeError } from '../platform/errors.js'
import { sqlStateOf } from '../platform/postgres.js'
import type { Principal } from '../security/principal.js'
import type { ItemOutcome, Registration } from './registration.js'
import type { Registry } from './registry.js'
import { requireKnown } from './standing.js'
import { isForFastLane } from './write-many.js'
import { type Asked, askedFor } from './write-receipts.js'
import { authorOf, directRun, writeDistinct } from './write-run.js'
import type { Author } from './write-statement.js'
import { waitedTooLong, writeTogether } from './write-together.js'

interface Waiter {
  readonly lane: Lane
  readonly asked: Asked
  /** A statement that carries out most writes, and explains nothing, did not carry out this one. */
  tried: boolean
  resolve(outcome: ItemOutcome): void
  reject(error: unknown): void
}

/** The writes of one API key. */
interface Lane {
  readonly name: string
  readonly principal: Principal
  readonly author: Author
  /** For a shared statement. */
  shared: Waiter[]
  /** For a statement of its own. */
  own: Waiter[]
  ownInFlight: number
  /** Writes that have no outcome yet. */
  unsettled: number
}

/** Of shared statements, and of each key's own. */
export const MAX_STATEMENTS_IN_FLIGHT = 4
export const MAX_ITEMS_PER_STATEMENT = 100
export const MAX_WAITING_WRITES = 2_000
/** A statement of more takes its time, which is that of all its writes. */
const MAX_SHARED_OCTETS = 1_048_576
export const LOCK_TIMEOUT_MS = 30
/** So long a key shares no statement that waited for a lock on its own account. */
const APART_MS = 5_000
const QUERY_CANCELED = '57014'

/** The same registry, with single writes joined. */
export function joinWrites(registry: Registry): Registry {
  const lanes = new Map<string, Lane>()
  const apart = apartKeys(registry.clock)
  let sharedInFlight = 0
  let scheduled = false

  function laneOf(principal: Principal): Lane {
    const author = authorOf(requireKnown(principal))
    const name = JSON.stringify(author)
    const known = lanes.get(name)
    if (known) return known
    const lane: Lane = { name, principal, author, shared: [], own: [], ownInFlight: 0, unsettled: 0 }
    lanes.set(name, lane)
    return lane
  }

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      while (sharedInFlight < MAX_STATEMENTS_IN_FLIGHT) {
        const group = takeShared(lanes)
        if (group.length === 0) break
        void sendShared(group)
      }
      for (const lane of lanes.values()) sendOwn(lane)
    })
  }

  async function sendShared(group: readonly Waiter[]): Promise<void> {
    sharedInFlight += 1
    // Whose lock it was that was waited for shows when each key's writes are tried apart.
    const left = await tryTogether(registry, group, () => undefined)
    for (const waiter of left) waiter.lane.own.push(waiter)
    sharedInFlight -= 1
    schedule()
  }

  function sendOwn(lane: Lane): void {
    while (lane.own.length > 0 && lane.ownInFlight < MAX_STATEMENTS_IN_FLIGHT) {
      const [group, others] = takeAlike(lane.own)
      lane.own = others
      lane.ownInFlight += 1
      void writeOwn(lane, group).finally(() => {
        lane.ownInFlight -= 1
        if (lane.own.length > 0) schedule()
      })
    }
  }

  async function writeOwn(lane: Lane, group: readonly Waiter[]): Promise<void> {
    const left = group[0]!.tried ? group : await tryTogether(registry, group, () => apart.add(lane.name))
    if (left.length > 0) await writeGroup(registry, lane.principal, left)
  }

  function settled(lane: Lane): void {
    lane.unsettled -= 1
    if (lane.unsettled === 0) lanes.delete(lane.name)
  }

  const joined = (principal: Principal, item: Registration): Promise<ItemOutcome> => {
    const lane = laneOf(principal)
    if (lane.unsettled >= MAX_WAITING_WRITES) return Promise.reject(tooMany())
    lane.unsettled += 1
    return new Promise<ItemOutcome>((resolve, reject) => {
      const asked = askedFor(item)
      const isFast = isForFastLane(asked.row)
      const waiter = { lane, asked, tried: !isFast, resolve, reject }
      const waiting = isFast && !apart.has(lane.name) ? lane.shared : lane.own
      waiting.push(waiter)
      schedule()
    }).finally(() => settled(lane))
  }
  return { ...registry, joined }
}

/** Keys that share no statement at the moment. */
function apartKeys(clock: Clock): { add(name: string): void; has(name: string): boolean } {
  const untilMs = new Map<string, number>()
  const isOver = (until: number) => clock.monotonicMs() >= until
  return {
    add(name) {
      for (const [known, until] of untilMs) if (isOver(until)) untilMs.delete(known)
      untilMs.set(name, clock.monotonicMs() + APART_MS)
    },
    has(name) {
      const until = untilMs.get(name)
      return until !== undefined && !isOver(until)
    },
  }
}

/** Each key has the same share of a statement; who got none comes first the next time. */
function takeShared(lanes: Map<string, Lane>): readonly Waiter[] {
  const group = new Map<string, Waiter>()
  const turn = [...lanes.values()].filter(({ shared }) => shared.length > 0)
  const share = Math.max(1, Math.floor(MAX_ITEMS_PER_STATEMENT / turn.length))
  let octets = 0
  for (const lane of turn) {
    const others: Waiter[] = []
    let taken = 0
    for (const waiter of lane.shared) {
      const { key, body } = waiter.asked.row
      const hasRoom = taken < share && group.size < MAX_ITEMS_PER_STATEMENT && octets < MAX_SHARED_OCTETS
      if (!hasRoom || group.has(key)) others.push(waiter)
      else {
        group.set(key, waiter)
        taken += 1
        octets += body?.length ?? 0
      }
    }
    lane.shared = others
    if (taken === 0) continue
    lanes.delete(lane.name)
    lanes.set(lane.name, lane)
  }
  return [...group.values()]
}

/** Those that can share a statement, each with a key of its own and all of them tried or none, and those that have to wait. */
function takeAlike(waiting: readonly Waiter[]): readonly [Waiter[], Waiter[]] {
  const group = new Map<string, Waiter>()
  const others: Waiter[] = []
  for (const waiter of waiting) {
    const { key } = waiter.asked.row
    const isAlike = waiter.tried === waiting[0]!.tried && !group.has(key)
    if (isAlike && group.size < MAX_ITEMS_PER_STATEMENT) group.set(key, waiter)
    else others.push(waiter)
  }
  return [[...group.values()], others]
}

/** Settles what one statement carries out; those left, for statements of their keys' own. */
async function tryTogether(
  registry: Registry,
  group: readonly Waiter[],
  onWait: () => void,
): Promise<readonly Waiter[]> {
  try {
    const writes = group.map(({ asked, lane }) => ({ asked, author: lane.author }))
    const outcomes = await writeTogether(registry, writes, LOCK_TIMEOUT_MS)
    return group.filter((waiter) => {
      const outcome = outcomes.get(waiter.asked.row.key)
      waiter.tried = true
      if (outcome !== undefined) waiter.resolve(outcome)
      return outcome === undefined
    })
  } catch (error) {
    if (waitedTooLong(error)) onWait()
    else if (!mayPassAlone(error)) {
      for (const { reject } of group) reject(error)
      return []
    }
    return group
  }
}

async function writeGroup(registry: Registry, principal: Principal, group: readonly Waiter[]): Promise<void> {
  try {
    const items = group.map(({ asked }) => asked.item)
    const outcomes = await writeDistinct(directRun(registry, principal, true), items)
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
