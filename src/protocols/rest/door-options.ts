/** What the REST door is given, wired in app.ts. */
import type { Clock } from '../../platform/clock.js'
import type { AcknowledgedWaits } from '../../registry/acknowledged-waits.js'
import type { Propagation } from '../../registry/propagation.js'
import type { Registry } from '../../registry/registry.js'
import type { VisibleWaits } from '../../registry/visible-waits.js'
import type { Resolve } from '../../resolution/resolve.js'
import type { WriteTokens } from '../../resolution/write-token.js'
import type { PrincipalOf } from '../http/authenticate.js'
import type { Scope } from './door.js'
import type { Remembered } from './plain-lane.js'
import type { Routes } from './readers.js'

export interface Upward {
  readonly propagation: Propagation
  readonly waits: AcknowledgedWaits
}

export interface RestOptions {
  readonly resolve: Resolve
  /** Answers of memory for the shortest way (plain-lane.ts). Absent: every look-up takes the whole chain. */
  readonly remembered?: Remembered
  readonly registry: Registry
  readonly clock: Clock
  readonly routes: Routes
  readonly principalOf: PrincipalOf
  readonly waits: VisibleWaits
  readonly tokens: WriteTokens
  /** What the node above knows. Absent: there is none. */
  readonly upward?: Upward
  /** Routes of this door that are kept elsewhere, such as imports: described and guarded like the others. */
  readonly more?: readonly ((scope: Scope) => void)[]
}
