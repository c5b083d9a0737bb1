import { NodeError } from '../../src/platform/errors.js'
import type { Database } from '../../src/platform/postgres.js'

/** Loses the answers of its first transactions, before they are carried out or after. */
export function failing(db: Database, { times, afterCommit }: { times: number; afterCommit: boolean }): Database {
  let left = times
  return {
    ...db,
    transaction: async (work, options) => {
      const fails = left > 0
      left -= 1
      if (!fails) return db.transaction(work, options)
      if (afterCommit) await db.transaction(work, options)
      throw new NodeError('authority-unavailable', 'the connection was cut')
    },
  }
}
