/** What an error of the database means to a caller. SQLSTATE: PostgreSQL documentation, appendix A. */
import { NodeError } from './errors.js'

/**
 * Classes 08 (connection) and 57 (shutting down, starting, cancelled), a server that became a replica, and its disk
 * failing. 08P01 is a statement of ours that does not fit its parameters.
 */
const UNAVAILABLE = /^(08(?!P01)|57|25006|58030)/

/** What the caller can act on becomes a NodeError; an error of ours in SQL stays what it is. No state: the network's. */
export function explained(error: unknown, sqlState: string | undefined): unknown {
  if (error instanceof TypeError || error instanceof RangeError || error instanceof NodeError) return error
  if (sqlState === undefined || UNAVAILABLE.test(sqlState)) {
    return new NodeError('authority-unavailable', 'The database gave no answer. Try again shortly.', {
      cause: error,
      retryAfterSeconds: 1,
    })
  }
  if (sqlState === '53100')
    return new NodeError('storage-full', 'The database has no space left; nothing was written.', { cause: error })
  if (sqlState.startsWith('53')) {
    return new NodeError('overloaded', 'The database has no capacity left at the moment.', {
      cause: error,
      retryAfterSeconds: 1,
    })
  }
  return error
}
