/**
 * Tells the other processes of the node that there is something new in the change feed, so that they poll early. Sent after
 * the commit: within the transaction a notice would make all commits wait for each other. A notice that is lost costs
 * nothing but time, for everybody polls anyway; so a failure is passed over.
 */
import type { Clock } from '../platform/clock.js'
import type { Queryable } from '../platform/postgres.js'

export const CHANGE_CHANNEL = 'jiexi_change'

export interface ChangeAnnouncer {
  /** Calls that come together share a notice: one is under way at most, and one begins every few milliseconds at most. */
  announce(): void
}

export interface ChangeAnnouncerOptions {
  readonly db: Queryable
  readonly clock: Clock
  /** What the notices carry, so that a process knows its own. */
  readonly self: string
}

const MIN_GAP_MS = 5
const NOTIFY = `select pg_notify('${CHANGE_CHANNEL}', $1)`

export function changeAnnouncer({ db, clock, self }: ChangeAnnouncerOptions): ChangeAnnouncer {
  let isBusy = false
  let isWanted = false

  async function send(): Promise<void> {
    const startedAtMs = clock.monotonicMs()
    await db.query(NOTIFY, [self]).catch(ignore)
    nextAfter(startedAtMs + MIN_GAP_MS)
  }

  /** A timer may fire early: only the clock counts. */
  function nextAfter(dueMs: number): void {
    const leftMs = dueMs - clock.monotonicMs()
    if (leftMs > 0) {
      setTimeout(() => nextAfter(dueMs), Math.ceil(leftMs))
      return
    }
    isBusy = isWanted
    isWanted = false
    if (isBusy) void send()
  }

  return {
    announce() {
      if (isBusy) isWanted = true
      else {
        isBusy = true
        void send()
      }
    },
  }
}

function ignore(): void {
  // The others find out when they poll.
}
