/** What every command of the registry needs, wired once in app.ts. */
import type { Clock } from '../platform/clock.js'
import type { Database } from '../platform/postgres.js'
import type { CommittedChange } from '../resolution/change-knowledge.js'
import type { Principal } from '../security/principal.js'
import type { ItemOutcome, Registration } from './registration.js'

export interface Registry {
  readonly db: Database
  readonly clock: Clock
  /** Why a prefix cannot be this node's; undefined: it can. Absent: any can. */
  readonly holds?: ((prefix: string) => string | undefined) | undefined
  /** Told of this process's own writes once they are committed, so that its caches reject what they outdate. */
  committed(change: CommittedChange): void
  /** Told of every command that registered identifiers: how many, and how long it took. */
  readonly registered?: (count: number, elapsedMs: number) => void
  /** Where single writes that come at the same time are joined (join-writes.ts); without, each is a statement of its own. */
  readonly joined?: (principal: Principal, item: Registration) => Promise<ItemOutcome>
}
