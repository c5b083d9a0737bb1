/**
 * Waits until a write is visible everywhere: until no process of the node can answer older than it from a cache
 * (`?wait=visible`, R3). A cached answer counts only while its process's last poll of the feed began no longer than its bound
 * T ago, so T and a millisecond after the commit every poll that still counts has seen the write. By this process's
 * monotonic clock alone, and with no word from anybody but the database (staleness-bounds.ts).
 *
 * All wait for the same time, so they stand in a queue in the order of their commits, with one timer for the first.
 */
import type { Clock } from '../platform/clock.js'
import { NodeError } from '../platform/errors.js'
import type { ChangeKnowledge } from '../resolution/change-knowledge.js'
import type { StalenessBounds } from './staleness-bounds.js'

export interface VisibleWaits {
  /** A place in the queue, taken before anything is written. @throws NodeError `overloaded` when there is none left */
  takePlace(): WaitingPlace
  /** The process is stopping: whoever would have to wait for longer than this is told so at once. */
  drain(withinMs: number): void
  /** How many places are taken. */
  readonly taken: number
}

export interface WaitingPlace {
  /**
   * Resolves once everything that is committed when it is called is visible everywhere, or when the place is left. `xid`:
   * the newest transaction that is waited for, where it may be an old one, which nobody need wait for any more.
   * @throws NodeError `not-yet-visible` when the process is stopping, or cannot find out how long to wait
   */
  untilVisible(xid?: number): Promise<void>
  /** To be called whatever happens, once or more. */
  leave(): void
}

export interface VisibleWaitsOptions {
  readonly clock: Clock
  readonly knowledge: Pick<ChangeKnowledge, 'endedBy' | 'epoch'>
  /** T of this process. */
  readonly boundMs: number
  /** T of all processes, as the database has it now. */
  readonly findBounds: () => Promise<StalenessBounds>
  /** Default 10,000. */
  readonly maxWaiting?: number
}

interface Waiter {
  /** Monotonic; the commit was before. */
  readonly committedByMs: number
  resolve(): void
  reject(error: NodeError): void
}

const MARGIN_MS = 1
const RETRY_MS = 100
/** How much longer than the bound is waited for a database that does not answer. */
const GIVE_UP_MS = 2_000

export function visibleWaits(options: VisibleWaitsOptions): VisibleWaits {
  const { clock, knowledge, maxWaiting = 10_000 } = options
  /** In the order of `committedByMs`. */
  const queue = new Set<Waiter>()
  let taken = 0
  let bound = { ms: options.boundMs, epoch: '', readAtMs: Number.NEGATIVE_INFINITY }
  let reading: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let endsAtMs = Number.POSITIVE_INFINITY

  const dueMs = ({ committedByMs }: Pick<Waiter, 'committedByMs'>) => committedByMs + bound.ms + MARGIN_MS

  function wakeIn(ms: number): void {
    clearTimeout(timer)
    timer = setTimeout(settle, Math.ceil(ms))
  }

  /** Lets go all whose time has come. A timer may fire a little early: only the clock counts. */
  function settle(): void {
    for (const waiter of queue) {
      const leftMs = dueMs(waiter) - clock.monotonicMs()
      if (leftMs > 0) {
        wakeIn(leftMs)
        return
      }
      if (bound.readAtMs < waiter.committedByMs) {
        read().then(settle, whileUnknown)
        return
      }
      queue.delete(waiter)
      waiter.resolve()
    }
  }

  /** Reads the bound; callers share one query, so it may have begun before they called. */
  function read(): Promise<void> {
    reading ??= readBound().finally(() => {
      reading = undefined
    })
    return reading
  }

  async function readBound(): Promise<void> {
    const readAtMs = clock.monotonicMs()
    const { largestMs, epoch } = await options.findBounds()
    bound = { ms: Math.max(options.boundMs, largestMs), epoch, readAtMs }
    refuse((waiter) => dueMs(waiter) > endsAtMs, STOPPING)
  }

  function whileUnknown(): void {
    refuse((waiter) => dueMs(waiter) + GIVE_UP_MS < clock.monotonicMs(), NO_ANSWER)
    wakeIn(RETRY_MS)
  }

  function refuse(which: (waiter: Waiter) => boolean, why: string): void {
    for (const waiter of queue) {
      if (!which(waiter)) continue
      queue.delete(waiter)
      waiter.reject(notYetVisible(why))
    }
  }

  /**
   * Whether a transaction had ended so long ago that nobody can be behind it. The database is asked which history it is in:
   * what is known here of a transaction with that number may be of another.
   */
  async function isOld(xid: number): Promise<boolean> {
    const calledAtMs = clock.monotonicMs()
    const endedByMs = knowledge.endedBy(xid)
    if (endedByMs === undefined || calledAtMs <= dueMs({ committedByMs: endedByMs })) return false
    for (let tries = 0; tries < 2 && bound.readAtMs < calledAtMs; tries += 1) await read().catch(ignore)
    if (bound.readAtMs < calledAtMs || bound.epoch !== knowledge.epoch) return false
    return knowledge.endedBy(xid) === endedByMs && calledAtMs > dueMs({ committedByMs: endedByMs })
  }

  function enqueue(waiter: Waiter): void {
    queue.add(waiter)
    if (dueMs(waiter) > endsAtMs) refuse((one) => one === waiter, STOPPING)
    else if (queue.size === 1) wakeIn(dueMs(waiter) - clock.monotonicMs())
  }

  function takePlace(): WaitingPlace {
    if (taken >= maxWaiting) throw tooMany(taken)
    taken += 1
    let left = false
    let waiter: Waiter | undefined
    return {
      async untilVisible(xid) {
        if (xid !== undefined && (await isOld(xid))) return
        await new Promise<void>((resolve, reject) => {
          if (left) return resolve()
          // Now, after whatever was awaited: the queue stays in order.
          waiter = { committedByMs: clock.monotonicMs(), resolve, reject }
          enqueue(waiter)
        })
      },
      leave() {
        if (left) return
        left = true
        taken -= 1
        if (waiter === undefined || !queue.delete(waiter)) return
        if (queue.size === 0) clearTimeout(timer)
        waiter.resolve()
      },
    }
  }

  return {
    takePlace,
    drain(withinMs) {
      endsAtMs = clock.monotonicMs() + withinMs
      refuse((waiter) => dueMs(waiter) > endsAtMs, STOPPING)
    },
    get taken() {
      return taken
    },
  }
}

const STOPPING = 'this node is stopping before that is so'
const NO_ANSWER = 'the database does not answer any more'

function notYetVisible(why: string): NodeError {
  return new NodeError(
    'not-yet-visible',
    `It is written, but whether every replica answers it already is not known: ${why}. Repeat the request; what is written is not written twice.`,
    { retryAfterSeconds: 1 },
  )
}

function tooMany(taken: number): NodeError {
  return new NodeError(
    'overloaded',
    `${taken} writes are waiting to be visible everywhere. Nothing was written; try again shortly, or without wait.`,
    { retryAfterSeconds: 1 },
  )
}

function ignore(): void {
  // Not known to be old: it is waited for.
}
