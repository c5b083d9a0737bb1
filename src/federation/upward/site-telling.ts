/**
 * Where this node answers, as the node above is told of it: in a batch without changes, so that what is wrong with it there
 * holds up no change.
 */
import { backoff } from '../../platform/backoff.js'
import type { Clock } from '../../platform/clock.js'
import type { Queryable } from '../../platform/postgres.js'
import { findNodeSite } from '../../registry/node-site.js'

export interface SiteTelling {
  /** HS_SITE in base64. undefined: there is nothing to tell of now. */
  toTell(): Promise<readonly string[] | undefined>
  /** Taken, or refused for good. */
  settled(sites: readonly string[]): void
  /** Told in vain: changes come first for a while. */
  putOff(): void
  /** The node above may know nothing of it any more. */
  forget(): void
}

const PUT_OFF = { leastMs: 2_000, mostMs: 300_000 }

export function siteTelling(db: Queryable, clock: Clock): SiteTelling {
  let settled = ''
  const again = backoff(PUT_OFF)
  let notBeforeMs = Number.NEGATIVE_INFINITY
  return {
    async toTell() {
      if (clock.monotonicMs() < notBeforeMs) return undefined
      const { sites } = await findNodeSite(db)
      const texts = sites.map((site) => Buffer.from(site).toString('base64'))
      return texts.length === 0 || texts.join() === settled ? undefined : texts
    },
    settled(sites) {
      settled = sites.join()
      again.reset()
    },
    putOff() {
      notBeforeMs = clock.monotonicMs() + again.next()
    },
    forget() {
      settled = ''
    },
  }
}
