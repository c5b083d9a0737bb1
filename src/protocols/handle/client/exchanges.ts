/**
 * For whoever keeps account of servers: told of each exchange with one before it begins, and of what came of it. May put it off,
 * or forbid it; then the next server is asked.
 */
import type { ServerAddress } from './server-address.js'

export interface Exchanges {
  /** @throws HandleFault when the server is not to be asked now */
  begin(server: ServerAddress, timeLeftMs: number): Promise<ServerExchange>
  /** For how long a server may keep silent before another is asked beside it. */
  hedgeAfterMs(server: ServerAddress): number
  /** Whether that may be done once more. */
  mayHedge(): boolean
}

export interface ServerExchange {
  /** How long to wait for the answer. */
  readonly timeoutMs: number
  answered(): void
  failed(error: unknown): void
  /** Nobody wants the answer any more. Does nothing once it has answered or failed. */
  abandoned(): void
}
