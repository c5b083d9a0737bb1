/**
 * Whether the database answers. During an outage nobody waits for its time-outs: when it has failed some times in a row, or
 * once after a long wait, everybody is told at once, until a probe of our own was answered. The first probe goes out at
 * once, so that a false alarm is over in milliseconds; they follow one another whether or not somebody asks, so that the
 * first who asks after an outage finds it over.
 */
import { NodeError } from './errors.js'

export interface DatabaseHealth {
  /** @throws NodeError `authority-unavailable` while the database is known to be away */
  check(): void
  /** It answered, be it with an error. */
  succeeded(): void
  /** No connection could be made, one was lost, or a reply was late; and how long that took. */
  failed(tookMs: number): void
  close(): void
}

export interface DatabaseHealthOptions {
  /** A connection made and a statement answered, within time. */
  probe(): Promise<void>
  /** Failures in a row before it counts as away. */
  readonly failures: number
  /** One that took this long is enough. */
  readonly longMs: number
  /** Pause between probes. */
  readonly probeEveryMs: number
}

export function databaseHealth(options: DatabaseHealthOptions): DatabaseHealth {
  const { probe, failures, longMs, probeEveryMs } = options
  let failedInARow = 0
  let isAway = false
  let isClosed = false
  let pause: NodeJS.Timeout | undefined

  function succeeded(): void {
    failedInARow = 0
    isAway = false
    clearTimeout(pause)
  }

  function ask(): void {
    probe().then(succeeded, () => {
      if (isAway && !isClosed) pause = setTimeout(ask, probeEveryMs)
    })
  }

  return {
    check() {
      if (isAway) throw away()
    },
    succeeded,
    failed(tookMs) {
      failedInARow += 1
      if (isAway || isClosed || (failedInARow < failures && tookMs < longMs)) return
      isAway = true
      ask()
    },
    close() {
      isClosed = true
      clearTimeout(pause)
    },
  }
}

function away(): NodeError {
  const message = 'The database does not answer, and is left alone until it does. Try again shortly.'
  return new NodeError('authority-unavailable', message, { retryAfterSeconds: 1 })
}
