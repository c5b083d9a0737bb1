/**
 * Look-ups that this process has asked other nodes for and has no answer yet. One that comes back from further on is known by
 * when it expires, which is the same on the whole way, and by what it is for: so a circle ends where it closes, though the
 * native protocol names nobody. On the way to an identifier its prefix is asked for, which is the same look-up still.
 *
 * Several requests of one look-up may come at once, but not from further on.
 */
import type { Identifier } from '../identifier/identifier.js'
import { prefixNamedBy, routingCandidates } from '../identifier/prefix-record.js'
import { MAX_HOPS, type Passage, PassedOnTooOften } from '../resolution/passage.js'
import type { Budget } from './budget.js'

interface Passing {
  readonly identifier: Identifier
  /** How many nodes it had passed when it came here. */
  readonly hopsDone: number
}

export class PassingLookups {
  /** By expiry and prefix. */
  private readonly here = new Map<string, Set<Passing>>()

  /** @throws PassedOnTooOften for one that has come from here */
  requireNoCircle(identifier: Identifier, { expiresAtSeconds, hopsLeft }: Passage): void {
    if (expiresAtSeconds === undefined) return
    const passings = this.here.get(nameOf(identifier, expiresAtSeconds)) ?? []
    for (const passing of passings)
      if (isOfOne(passing.identifier, identifier) && passing.hopsDone < MAX_HOPS - hopsLeft)
        throw new PassedOnTooOften('nodes ask one another in a circle')
  }

  async during<Value>(
    identifier: Identifier,
    { expiresAtSeconds, hopsDone }: Pick<Budget, 'expiresAtSeconds' | 'hopsDone'>,
    ask: () => Promise<Value>,
  ): Promise<Value> {
    const name = nameOf(identifier, expiresAtSeconds)
    const passings = this.here.get(name) ?? new Set()
    const passing = { identifier, hopsDone }
    this.here.set(name, passings.add(passing))
    try {
      return await ask()
    } finally {
      passings.delete(passing)
      if (passings.size === 0) this.here.delete(name)
    }
  }
}

function nameOf(identifier: Identifier, expiresAtSeconds: number): string {
  return `${expiresAtSeconds} ${routingCandidates(identifier)[0]}`
}

/** Below one prefix: others that expire in the same second are another look-up. */
function isOfOne(one: Identifier, other: Identifier): boolean {
  return one.key === other.key || prefixNamedBy(one) !== undefined || prefixNamedBy(other) !== undefined
}
