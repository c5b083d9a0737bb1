/** The duty to tell the node above of all changes: where the settings give one, and what of it each process does. */
import type { Clock } from '../../platform/clock.js'
import type { Config } from '../../platform/config.js'
import type { Lifecycle } from '../../platform/lifecycle.js'
import type { Logger } from '../../platform/logger.js'
import type { Database } from '../../platform/postgres.js'
import { isApiAddress } from '../../platform/setting-kinds.js'
import { registerUpward, unregisterUpward } from './outbox-store.js'
import { parentNode } from './parent.js'
import { upwardSync } from './upward-sync.js'

type UpwardSettings = Pick<Config, 'parent' | 'parentApiKey'>

export interface UpwardDuty {
  /** Of one node of ours. */
  readonly addresses: readonly string[]
  readonly apiKey: string
}

/** undefined: nothing is told. A node above without an API key, or a server of the Handle System, is one to ask only. */
export function upwardDuty({ parent, parentApiKey }: UpwardSettings): UpwardDuty | undefined {
  const addresses = (parent ?? []).filter(isApiAddress)
  return addresses.length === 0 || parentApiKey === undefined ? undefined : { addresses, apiKey: parentApiKey }
}

export interface StartUpward {
  readonly config: UpwardSettings & Pick<Config, 'feedRetentionHours'>
  readonly db: Database
  readonly clock: Clock
  readonly log: Logger
  readonly life: Lifecycle
}

/** The feed keeps what the node above has not acknowledged for so many times its retention. */
const KEPT_RETENTIONS = 4

/** Safe in many processes at once: one of them tells. Gives what wakes it when something was committed. */
export async function startUpward({ config, db, clock, log, life }: StartUpward): Promise<() => void> {
  const duty = upwardDuty(config)
  if (duty === undefined) {
    await unregisterUpward(db)
    return nobodyToWake
  }
  await registerUpward(db)
  const stopping = new AbortController()
  const sync = upwardSync({
    db,
    clock,
    log,
    parent: parentNode({ ...duty, signal: stopping.signal }),
    keepHours: config.feedRetentionHours * KEPT_RETENTIONS,
  })
  await life.start('duties upward', () => sync.start(), {
    stop: async () => {
      const stopped = sync.stop()
      stopping.abort()
      await stopped
    },
  })
  return sync.wake
}

function nobodyToWake(): void {
  // There is no node above.
}
