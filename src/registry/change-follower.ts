/**
 * Keeps this process's knowledge of changes current: polls the change feed over a connection of its own.
 *
 * Between polls it listens for notices that others send after their commits (change-announcer.ts), and then polls early. Without
 * notices, for whatever reason, it merely polls at its own pace.
 *
 * A poll counts from when it was sent, never from when it came back. A poll that fails or takes too long changes nothing:
 * knowledge grows old, caches stop answering from it, and the follower connects anew. When a poll fails on a connection
 * that has just been made, the database is there and the poll may ask for too much: the next one asks for less.
 */
import type { Clock } from '../platform/clock.js'
import { type Deferred, deferred } from '../platform/deferred.js'
import { messageOf, NodeError } from '../platform/errors.js'
import { hurriedPause, type PauseLengths } from '../platform/hurried-pause.js'
import type { Connection } from '../platform/postgres.js'
import type { ChangeKnowledge, Poll } from '../resolution/change-knowledge.js'
import { CHANGE_CHANNEL } from './change-announcer.js'
import { type Extent, followFeed, lookBack, MOST_FOLLOWED, MOST_LOOKED_BACK } from './feed-poll.js'

export interface FollowerLog {
  info(message: string): void
  warn(message: string): void
}

export interface ChangeFollowerOptions {
  readonly connect: () => Promise<Connection>
  readonly knowledge: ChangeKnowledge
  readonly clock: Clock
  readonly intervalMs: number
  /** What this process's own notices carry: its own changes are known here already. */
  readonly self?: string
  readonly log: FollowerLog
}

export interface ChangeFollower {
  /** Resolves after the first poll, whether or not it succeeded; polling goes on until `stop`. */
  start(): Promise<void>
  /** There is something new: polls soon. Calls that come during a poll share the next one. */
  wake(): void
  /**
   * Resolves when a poll that began after the call has been applied: all that was committed before the call is known then.
   * @throws NodeError `authority-unavailable` when that poll fails, or at once while the feed cannot be read
   */
  catchUp(): Promise<void>
  stop(): Promise<void>
}

const QUERY_TIMEOUT_MS = 700
/** Between polls, whoever asks for one. */
const MIN_GAP_MS = 5
/** From the beginning of one poll to that of the next, when others merely say that there is something new. */
const WOKEN_INTERVAL_MS = 20
const MIN_BACKOFF_MS = 50
const MAX_BACKOFF_MS = 500
/** A poll asks for a quarter of what the one before it failed with, down to a 256th of all. */
const MAX_QUARTERINGS = 4

export function changeFollower(options: ChangeFollowerOptions): ChangeFollower {
  const { clock, knowledge, log } = options
  const pause = hurriedPause(clock)
  let connection: Connection | undefined
  let running: { readonly first: Promise<void>; readonly all: Promise<void> } | undefined
  let stopped = false
  let failures = 0
  let catchingUp: Deferred | undefined
  let quarterings = 0

  async function connected(): Promise<Connection> {
    if (connection) return connection
    const opened = await options.connect()
    connection = opened
    opened.onLost(() => {
      if (connection === opened) connection = undefined
    })
    // Not waited for: it goes out ahead of the poll, and may fail where the poll does not, as on a replica of the database.
    opened.onNotice(CHANGE_CHANNEL, hear).catch(ignore)
    return opened
  }

  function hear(from: string): void {
    if (from !== options.self) pause.hurry('soon')
  }

  function disconnect(): void {
    const closing = connection
    connection = undefined
    // Not waited for: with the server hung, the connection may never end.
    closing?.close().catch(ignore)
  }

  /** Gives the milliseconds to wait until the next poll. */
  async function pollOnce(): Promise<PauseLengths> {
    const startedAtMs = clock.monotonicMs()
    // Who calls from now on waits for the next poll.
    const waiting = catchingUp
    catchingUp = undefined
    const isNew = connection === undefined
    let isConnected = false
    try {
      const on = await connected()
      isConnected = true
      const polled = await within(QUERY_TIMEOUT_MS, poll(on, { clock, knowledge, share: 1 / 4 ** quarterings }))
      // Only here: an answer that comes after its time-out, behind a newer one perhaps, must not be applied.
      knowledge.apply(polled.poll, polled.startedAtMs)
      if (failures > 0) log.info('The change feed can be read again.')
      failures = 0
      quarterings = 0
      waiting?.resolve()
      return pauseAfter(clock.monotonicMs() - startedAtMs, options.intervalMs)
    } catch (error) {
      disconnect()
      failures += 1
      if (isNew && isConnected) quarterings = Math.min(quarterings + 1, MAX_QUARTERINGS)
      if (failures === 1) log.warn(`The change feed cannot be read, caches will go stale: ${messageOf(error)}`)
      for (const one of [waiting, catchingUp]) one?.reject(unreadable(error))
      catchingUp = undefined
      const usual = Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** Math.min(failures - 1, 10))
      return { usual, soon: usual, now: MIN_GAP_MS }
    }
  }

  async function pollUntilStopped(afterFirst: () => void): Promise<void> {
    while (!stopped) {
      const lengths = await pollOnce()
      afterFirst()
      if (!stopped) await pause.wait(lengths)
    }
    catchingUp?.reject(unreadable())
    catchingUp = undefined
    disconnect()
  }

  function begin() {
    stopped = false
    let all = Promise.resolve()
    const first = new Promise<void>((afterFirst) => {
      all = pollUntilStopped(afterFirst)
    })
    return { first, all }
  }

  return {
    start() {
      running ??= begin()
      return running.first
    },
    wake: () => pause.hurry('soon'),
    catchUp() {
      // A connection lost is tried again at once for whoever needs it; after that the pauses between tries are kept.
      if (running === undefined || stopped || failures > 1) return Promise.reject(unreadable())
      if (catchingUp === undefined) {
        catchingUp = deferred()
        pause.hurry('now')
      }
      return catchingUp.promise
    },
    async stop() {
      stopped = true
      pause.hurry('now')
      await running?.all
      running = undefined
    },
  }
}

interface Polled {
  readonly poll: Poll
  readonly startedAtMs: number
}

/** What is new since the mark; all anew when the mark is of another history, has been pruned away or lies too far behind. */
async function poll(
  on: Connection,
  { clock, knowledge, share }: Pick<ChangeFollowerOptions, 'clock' | 'knowledge'> & { readonly share: number },
): Promise<Polled> {
  const { epoch, mark } = knowledge
  if (epoch !== undefined && mark > 0) {
    const startedAtMs = clock.monotonicMs()
    const followed = await followFeed(on, mark, partOf(MOST_FOLLOWED, share))
    if (followed.epoch === epoch && followed.horizon <= mark && !followed.overflow) {
      return { poll: { epoch, xmin: followed.xmin, floor: mark, rows: followed.rows }, startedAtMs }
    }
  }
  const startedAtMs = clock.monotonicMs()
  const { horizon: _, ...snapshot } = await lookBack(on, partOf(MOST_LOOKED_BACK, share))
  return { poll: { ...snapshot, reset: true }, startedAtMs }
}

function pauseAfter(tookMs: number, intervalMs: number): PauseLengths {
  // Long polls, which a transaction left open for long causes, must not fill the whole time.
  const usual = Math.max(MIN_GAP_MS, intervalMs - tookMs, tookMs / 2)
  const soon = Math.max(MIN_GAP_MS, WOKEN_INTERVAL_MS - tookMs, tookMs / 2)
  return { usual, soon: Math.min(usual, soon), now: MIN_GAP_MS }
}

function partOf({ rows, keys }: Extent, share: number): Extent {
  return { rows: Math.ceil(rows * share), keys: Math.ceil(keys * share) }
}

function unreadable(cause?: unknown): NodeError {
  return new NodeError('authority-unavailable', 'The database gave no answer. Try again shortly.', {
    cause,
    retryAfterSeconds: 1,
  })
}

async function within<Result>(limitMs: number, work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    const late = () => reject(new NodeError('authority-unavailable', `no answer in ${limitMs} ms`))
    timer = setTimeout(late, limitMs)
  })
  try {
    return await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
  }
}

function ignore(): void {
  // Reported where it matters: by the poll that fails.
}
