/** Sites of prefixes, remembered for as long as their values allow, and never for long. */
import { foldAscii } from '../../../identifier/characters.js'
import type { ClientLimits } from './limits.js'
import type { SiteGroup } from './sites.js'

export class KnownSites {
  /** The longest known first. */
  private readonly groups = new Map<string, { readonly group: SiteGroup; readonly untilMs: number }>()
  private readonly limits: ClientLimits

  constructor(limits: ClientLimits) {
    this.limits = limits
  }

  find(prefix: string): SiteGroup | undefined {
    const known = this.groups.get(foldAscii(prefix))
    return known !== undefined && performance.now() < known.untilMs ? known.group : undefined
  }

  remember(prefix: string, group: SiteGroup): void {
    const key = foldAscii(prefix)
    this.groups.delete(key)
    const { maxKnownSites, maxSiteAgeMs } = this.limits
    this.groups.set(key, { group, untilMs: performance.now() + Math.min(group.ttlSeconds * 1000, maxSiteAgeMs) })
    if (this.groups.size > maxKnownSites) this.groups.delete(this.groups.keys().next().value!)
  }

  forget(prefix: string): void {
    this.groups.delete(foldAscii(prefix))
  }
}
