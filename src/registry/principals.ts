/** Who an API key stands for, remembered while the change feed says that nothing about the key has changed. */
import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { ChangeKnowledge } from '../resolution/change-knowledge.js'
import { apiKeyFeedKey } from '../resolution/feed-spaces.js'
import type { Principal } from '../security/principal.js'
import { parseApiKey } from '../security/tokens.js'

interface Remembered {
  readonly principal: Principal
  readonly feedKey: string
  readonly stamp: number
  /** Monotonic milliseconds; expiry dates are looked at again at least this often. */
  readonly untilMs: number
}

export interface PrincipalsOptions {
  readonly find: (apiKey: string) => Promise<Principal | undefined>
  readonly knowledge: ChangeKnowledge
  readonly capacity?: number
}

const RECHECK_MS = 30_000

/** undefined: no such key, or revoked, or expired. Only keys that are good are remembered. */
export function rememberedPrincipals(
  options: PrincipalsOptions,
): (apiKey: string) => Principal | undefined | Promise<Principal | undefined> {
  const { find, knowledge } = options
  // By digest: a dump of this process's memory need not list everybody's keys.
  const remembered = new LRUCache<string, Remembered>({ max: options.capacity ?? 10_000 })
  knowledge.onReset(() => remembered.clear())

  async function ask(apiKey: string, digest: string): Promise<Principal | undefined> {
    const { mark: stamp, epoch } = knowledge
    const principal = await find(apiKey)
    const id = parseApiKey(apiKey)?.id
    // A stamp means nothing in another epoch than the one it was taken in.
    if (principal !== undefined && id !== undefined && epoch === knowledge.epoch) {
      remembered.set(digest, {
        principal,
        feedKey: apiKeyFeedKey(id),
        stamp,
        untilMs: performance.now() + RECHECK_MS,
      })
    }
    return principal
  }

  return (apiKey) => {
    const digest = createHash('sha256').update(apiKey).digest('base64')
    const held = remembered.get(digest)
    const good =
      held !== undefined &&
      knowledge.isFresh() &&
      performance.now() < held.untilMs &&
      knowledge.isUnchanged(held.feedKey, held.stamp)
    return good ? held.principal : ask(apiKey, digest)
  }
}
