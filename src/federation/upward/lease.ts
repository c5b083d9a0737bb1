/** That this process is the one that tells, for as long as it lives, however long a step takes. */
import type { Database } from '../../platform/postgres.js'
import { LEASE_SECONDS, releaseLease, takeLease } from './outbox-store.js'

/** Gives what ends it, so that another process may tell at once. */
export function renewLease(db: Database, token: string): () => Promise<void> {
  let renewal: Promise<unknown> | undefined
  const renew = () => {
    renewal ??= takeLease(db, token)
      .catch(ignore)
      .finally(() => {
        renewal = undefined
      })
  }
  const renewing = setInterval(renew, (LEASE_SECONDS * 1000) / 3)
  return async () => {
    clearInterval(renewing)
    // Or it would take again what has just been released.
    await renewal
    await releaseLease(db, token).catch(ignore)
  }
}

function ignore(): void {
  // The database is away, which whoever needs it next is told.
}
