/** What this door is given, wired where the Handle HTTP port is opened. */
import type { Clock } from '../../platform/clock.js'
import type { RegisteredBelow } from '../../registry/registered-below.js'
import type { Resolve } from '../../resolution/resolve.js'
import type { WriteTokens } from '../../resolution/write-token.js'
import type { Administration } from '../handle/administration/contract.js'
import type { Failure } from '../http/server.js'
import type { Authenticating } from './authentication.js'

export interface HandleRestOptions {
  readonly resolve: Resolve
  readonly clock: Clock
  /** T of the freshness contract: redirects are kept by nobody for longer. */
  readonly stalenessBoundMs: number
  /** With them a write tells its token, and a look-up that sends it shows at least that write. */
  readonly tokens?: WriteTokens
  /** Absent: nobody can authenticate, and what needs it is not offered. */
  readonly administering?: Administering
  /** Octets of the node's own HS_SITE. */
  readonly site?: () => Uint8Array | undefined | Promise<Uint8Array | undefined>
  /** A header in which a trusted proxy in front tells the reader's country, as two letters. Absent: it is never known. */
  readonly countryHeader?: string
  /** Told of every internal error: the client only sees the request id. */
  readonly onFailure?: (failure: Failure) => void
}

export interface Administering extends Authenticating {
  readonly administration: Administration
  /** For lists with numbered pages. */
  readonly below: RegisteredBelow
}
