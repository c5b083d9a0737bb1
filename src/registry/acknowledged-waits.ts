/**
 * Waits until the node above has acknowledged a write (`?wait=acknowledged`), or has refused it: for a bounded time, as that
 * node may be away for hours. Who does not ask for it never waits.
 *
 * All who wait share one question to the database, a few times a second, and none is asked while nobody waits.
 */
import type { Clock } from '../platform/clock.js'
import { messageOf, NodeError } from '../platform/errors.js'
import type { Queryable } from '../platform/postgres.js'
import { UPWARD_CONSUMER } from './propagation.js'

export interface AcknowledgedWaits {
  /** A place, taken before anything is written. @throws NodeError `overloaded` when there is none left */
  takePlace(): AcknowledgedPlace
  /** The process is stopping: whoever would wait for longer than this is told so at once. */
  drain(withinMs: number): void
  readonly taken: number
}

export interface AcknowledgedPlace {
  /**
   * Resolves once everything that was written up to this transaction has been taken or refused above, or when the place is
   * left. @throws NodeError `not-yet-acknowledged` after the longest time, or when the process is stopping
   */
  untilAcknowledged(xid: number): Promise<void>
  /** To be called whatever happens, once or more. */
  leave(): void
}

export interface AcknowledgedWaitsOptions {
  readonly clock: Clock
  /** The newest transaction up to which all is settled above; undefined: none is yet. */
  readonly findSettled: () => Promise<number | undefined>
  /** Default 10 s. */
  readonly longestMs?: number
  /** Default 10,000. */
  readonly maxWaiting?: number
}

interface Waiter {
  readonly xid: number
  readonly endsAtMs: number
  resolve(): void
  reject(error: NodeError): void
}

const POLL_MS = 50

export function acknowledgedWaits(options: AcknowledgedWaitsOptions): AcknowledgedWaits {
  const { clock, longestMs = 10_000, maxWaiting = 10_000 } = options
  const waiters = new Set<Waiter>()
  let taken = 0
  let stopsAtMs = Number.POSITIVE_INFINITY
  let isLooking = false
  let timer: NodeJS.Timeout | undefined

  function refuse(which: (waiter: Waiter) => boolean, why: string): void {
    for (const waiter of waiters) {
      if (which(waiter) && waiters.delete(waiter)) waiter.reject(notYetAcknowledged(why))
    }
  }

  async function look(): Promise<void> {
    isLooking = true
    let why = 'it has not answered yet'
    const settled = await options.findSettled().catch((error: unknown) => {
      why = `whether it has cannot be found out (${messageOf(error)})`
      return undefined
    })
    isLooking = false
    for (const waiter of waiters) {
      if (settled !== undefined && waiter.xid <= settled && waiters.delete(waiter)) waiter.resolve()
    }
    const nowMs = clock.monotonicMs()
    refuse(({ endsAtMs }) => nowMs >= endsAtMs, why)
    refuse(() => nowMs >= stopsAtMs, STOPPING)
    if (waiters.size > 0) timer = setTimeout(look, POLL_MS)
  }

  function takePlace(): AcknowledgedPlace {
    if (taken >= maxWaiting) throw tooMany(taken)
    taken += 1
    let left = false
    let waiter: Waiter | undefined
    return {
      untilAcknowledged: (xid) =>
        new Promise((resolve, reject) => {
          if (left) return resolve()
          waiter = { xid, endsAtMs: clock.monotonicMs() + longestMs, resolve, reject }
          waiters.add(waiter)
          if (waiters.size === 1 && !isLooking) void look()
        }),
      leave() {
        if (left) return
        left = true
        taken -= 1
        if (waiter === undefined || !waiters.delete(waiter)) return
        if (waiters.size === 0) clearTimeout(timer)
        waiter.resolve()
      },
    }
  }

  return {
    takePlace,
    drain(withinMs) {
      stopsAtMs = Math.min(stopsAtMs, clock.monotonicMs() + withinMs)
      refuse(() => withinMs <= 0, STOPPING)
    },
    get taken() {
      return taken
    },
  }
}

const FIND_SETTLED = `
  select case when c.ordinal >= coalesce((select cardinality(keys) from change where xid = c.xid), 0) then c.xid else c.xid - 1 end as xid
  from propagation p join change_consumer c on c.name = '${UPWARD_CONSUMER}' where p.walk is null`

/** The newest transaction up to which the node above has taken or refused everything. */
export async function findSettledTransaction(db: Queryable): Promise<number | undefined> {
  const [row] = await db.query<{ xid: number }>(FIND_SETTLED)
  return row?.xid
}

const STOPPING = 'this node is stopping'

function notYetAcknowledged(why: string): NodeError {
  return new NodeError(
    'not-yet-acknowledged',
    `It is written here, and will be told to the node above, which has not acknowledged it: ${why}. Nothing need be done; repeat the request to wait again, what is written is not written twice.`,
    { retryAfterSeconds: 5 },
  )
}

function tooMany(taken: number): NodeError {
  return new NodeError(
    'overloaded',
    `${taken} writes are waiting for the node above. Nothing was written; try again shortly, or without wait.`,
    { retryAfterSeconds: 1 },
  )
}
