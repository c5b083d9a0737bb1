/** What every command of the registry needs, wired once in app.ts. */
import type { Clock } from '../platform/clock.js'
import type { Database } from '../platform/postgres.js'
import type { CommittedChange } from '../resolution/change-knowledge.js'

export interface Registry {
  readonly db: Database
  readonly clock: Clock
  /** Told of this process's own writes once they are committed, so that its caches reject what they outdate. */
  committed(change: CommittedChange): void
}
