/** How the telling upward goes, as it was a moment ago: for metrics and readiness, which must not wait for the database. */
import { messageOf } from '../platform/errors.js'
import type { Logger } from '../platform/logger.js'
import type { Queryable } from '../platform/postgres.js'
import { findPropagationStatus, type PropagationStatus } from './propagation.js'

export interface PropagationWatch {
  /** undefined: it was never found out, or nothing is told. */
  latest(): PropagationStatus | undefined
  stop(): void
}

const INTERVAL_MS = 1_000

export function watchPropagation(db: Queryable, log: Pick<Logger, 'debug'>): PropagationWatch {
  let latest: PropagationStatus | undefined
  let timer: NodeJS.Timeout | undefined
  let isStopped = false

  async function look(): Promise<void> {
    latest = await findPropagationStatus(db).catch((error: unknown) => {
      log.debug(`How the telling upward goes cannot be found out: ${messageOf(error)}`)
      return latest
    })
    if (!isStopped) timer = setTimeout(look, INTERVAL_MS).unref()
  }
  void look()

  return {
    latest: () => latest,
    stop() {
      isStopped = true
      clearTimeout(timer)
    },
  }
}
