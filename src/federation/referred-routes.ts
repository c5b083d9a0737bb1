/**
 * Servers that another node has referred to, by the prefix that it said they answer for. While a route is young, they are
 * asked without asking that node again; when it is older, only while that node cannot be asked. So nothing that was revoked
 * there is used for longer than a route's age, and everything goes on while it is away.
 */
import { LRUCache } from 'lru-cache'
import type { Identifier } from '../identifier/identifier.js'
import { routingCandidates } from '../identifier/prefix-record.js'
import type { Clock } from '../platform/clock.js'
import type { ForeignNode } from './foreign-answer.js'

export interface Referral {
  readonly prefix: string
  /** Octets of HS_SITE. */
  readonly sites: readonly Uint8Array[]
}

export interface ReferredRoutesOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly maxAgeMs: number
  readonly maxStaleMs: number
  readonly nodeOf: (referral: Referral) => ForeignNode
}

export interface ReferredRoute {
  readonly node: ForeignNode
  readonly prefix: string
  readonly isYoung: boolean
}

interface Kept {
  readonly node: ForeignNode
  readonly sites: string
  readonly learnedAtMs: number
}

const MAX_ROUTES = 1_000

export class ReferredRoutes {
  private readonly options: ReferredRoutesOptions
  private readonly routes: LRUCache<string, Kept>

  constructor(options: ReferredRoutesOptions) {
    this.options = options
    const dispose = ({ node }: Kept, prefix: string) => {
      // The same node under a new date stays.
      if (this.routes.peek(prefix)?.node !== node) void node.close()
    }
    this.routes = new LRUCache({ max: MAX_ROUTES, disposeAfter: dispose })
  }

  /** By the longest prefix that is known. */
  find(identifier: Identifier): ReferredRoute | undefined {
    for (const prefix of routingCandidates(identifier)) {
      const kept = this.routes.get(prefix)
      if (kept === undefined) continue
      const ageMs = this.options.clock.monotonicMs() - kept.learnedAtMs
      if (ageMs <= this.options.maxStaleMs) return { node: kept.node, prefix, isYoung: ageMs <= this.options.maxAgeMs }
      this.routes.delete(prefix)
    }
    return undefined
  }

  /** The node to ask; the one before when its sites are the same. */
  remember(referral: Referral): ForeignNode {
    const sites = referral.sites.map((site) => Buffer.from(site).toString('base64')).join()
    const before = this.routes.peek(referral.prefix)
    const node = before?.sites === sites ? before.node : this.options.nodeOf(referral)
    this.routes.set(referral.prefix, { node, sites, learnedAtMs: this.options.clock.monotonicMs() })
    return node
  }

  /** It was referred to, and is no more. */
  forget(prefix: string): void {
    this.routes.delete(prefix)
  }

  close(): void {
    this.routes.clear()
  }
}
