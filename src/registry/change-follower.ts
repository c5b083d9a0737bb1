/**
 * Keeps this process's knowledge of changes current: polls the change feed over a connection of its own.
 *
 * A poll counts from when it was sent, never from when it came back. A poll that fails or takes too long changes nothing:
 * knowledge grows old, caches stop answering from it, and the follower connects anew.
 */
import type { Clock } from '../platform/clock.js'
import { messageOf, NodeError } from '../platform/errors.js'
import type { Connection } from '../platform/postgres.js'
import type { ChangeKnowledge, Poll } from '../resolution/change-knowledge.js'
import { followFeed, lookBack } from './feed-poll.js'

export interface FollowerLog {
  info(message: string): void
  warn(message: string): void
}

export interface ChangeFollowerOptions {
  readonly connect: () => Promise<Connection>
  readonly knowledge: ChangeKnowledge
  readonly clock: Clock
  readonly intervalMs: number
  readonly log: FollowerLog
}

export interface ChangeFollower {
  /** Resolves after the first poll, whether or not it succeeded; polling goes on until `stop`. */
  start(): Promise<void>
  /** Polls at once. Calls that come during a poll share the next one. */
  wake(): void
  stop(): Promise<void>
}

const QUERY_TIMEOUT_MS = 700
const MIN_GAP_MS = 5
const MIN_BACKOFF_MS = 50
const MAX_BACKOFF_MS = 500

export function changeFollower(options: ChangeFollowerOptions): ChangeFollower {
  const { clock, knowledge, log } = options
  const pause = interruptiblePause()
  let connection: Connection | undefined
  let running: { readonly first: Promise<void>; readonly all: Promise<void> } | undefined
  let stopped = false
  let failures = 0

  async function connected(): Promise<Connection> {
    if (connection) return connection
    const opened = await options.connect()
    connection = opened
    opened.onLost(() => {
      if (connection === opened) connection = undefined
    })
    return opened
  }

  function disconnect(): void {
    const closing = connection
    connection = undefined
    // Not waited for: with the server hung, the connection may never end.
    closing?.close().catch(ignore)
  }

  /** Gives the milliseconds to wait until the next poll. */
  async function pollOnce(): Promise<number> {
    const startedAtMs = clock.monotonicMs()
    try {
      const on = await connected()
      const polled = await within(QUERY_TIMEOUT_MS, poll(on, { clock, knowledge }))
      // Only here: an answer that comes after its time-out, behind a newer one perhaps, must not be applied.
      knowledge.apply(polled.poll, polled.startedAtMs)
      if (failures > 0) log.info('The change feed can be read again.')
      failures = 0
      const tookMs = clock.monotonicMs() - startedAtMs
      // Long polls, which a transaction left open for long causes, must not fill the whole time.
      return Math.max(MIN_GAP_MS, options.intervalMs - tookMs, tookMs / 2)
    } catch (error) {
      disconnect()
      failures += 1
      if (failures === 1) log.warn(`The change feed cannot be read, caches will go stale: ${messageOf(error)}`)
      return Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** Math.min(failures - 1, 10))
    }
  }

  async function pollUntilStopped(afterFirst: () => void): Promise<void> {
    while (!stopped) {
      const pauseMs = await pollOnce()
      afterFirst()
      if (!stopped) await pause.wait({ atLeastMs: MIN_GAP_MS, atMostMs: pauseMs })
    }
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
    wake: pause.interrupt,
    async stop() {
      stopped = true
      pause.interrupt()
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
  { clock, knowledge }: Pick<ChangeFollowerOptions, 'clock' | 'knowledge'>,
): Promise<Polled> {
  const { epoch, mark } = knowledge
  if (epoch !== undefined && mark > 0) {
    const startedAtMs = clock.monotonicMs()
    const followed = await followFeed(on, mark)
    if (followed.epoch === epoch && followed.horizon <= mark && !followed.overflow) {
      return { poll: { epoch, xmin: followed.xmin, floor: mark, rows: followed.rows }, startedAtMs }
    }
  }
  const startedAtMs = clock.monotonicMs()
  const { horizon: _, ...snapshot } = await lookBack(on)
  return { poll: { ...snapshot, reset: true }, startedAtMs }
}

/** A pause that can be cut short, but not below its minimum. An interruption outside a pause shortens the next one. */
function interruptiblePause() {
  let interrupted = false
  let cutShort: (() => void) | undefined

  return {
    interrupt() {
      interrupted = true
      cutShort?.()
    },
    async wait({ atLeastMs, atMostMs }: { readonly atLeastMs: number; readonly atMostMs: number }): Promise<void> {
      await sleep(Math.min(atLeastMs, atMostMs))
      if (!interrupted) await sleep(atMostMs - atLeastMs, (cut) => (cutShort = cut))
      interrupted = false
      cutShort = undefined
    },
  }
}

function sleep(milliseconds: number, onCut?: (cut: () => void) => void): Promise<void> {
  if (milliseconds <= 0) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    onCut?.(() => {
      clearTimeout(timer)
      resolve()
    })
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
  // Reported where it matters: by the poll that failed.
}
