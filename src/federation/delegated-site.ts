/**
 * A site that was given a prefix. It says who answers for the prefixes below, who may be others: they are asked then, so that
 * they are found while the site itself is away. What nobody in particular answers for, it answers itself.
 */
import { LRUCache } from 'lru-cache'
import { NodeError } from '../platform/errors.js'
import { HandleFault } from '../protocols/handle/client/faults.js'
import type { Site } from '../record/value-types/hs-site.js'
import type { ForeignNode } from './foreign-answer.js'
import { type NativeNodeOptions, nativeNode } from './native-node.js'

export interface DelegatedSiteOptions extends Omit<NativeNodeOptions, 'start'> {
  readonly site: Site
  readonly delegated: string
}

/** Prefixes that the site answers for itself, and for how long it is not asked about them again. */
const OWN = { max: 1_000, ttl: 60_000 }

export function delegatedSite({ site, delegated, ...options }: DelegatedSiteOptions): ForeignNode {
  const itself = nativeNode({ ...options, start: { kind: 'site', site } })
  const others = nativeNode({ ...options, start: { kind: 'root-site', site } })
  const own = new LRUCache<string, true>(OWN)
  return {
    async ask(lookup) {
      const { prefix } = lookup.identifier
      if (!prefix.startsWith(`${delegated}.`) || own.has(prefix)) return itself.ask(lookup)
      try {
        return await others.ask(lookup)
      } catch (error) {
        if (!leavesItToTheSite(error)) throw error
        own.set(prefix, true)
        return itself.ask(lookup)
      }
    },
    probe: () => itself.probe(),
    close: async () => void (await Promise.all([itself.close(), others.close()])),
  }
}

/** Nobody in particular answers below, or one that this node does not go to. */
function leavesItToTheSite(error: unknown): boolean {
  if (!(error instanceof NodeError)) return false
  const { code, cause } = error
  return code === 'prefix-not-served' || (cause instanceof HandleFault && cause.reason === 'address-forbidden')
}
