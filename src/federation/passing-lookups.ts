/**
 * Look-ups that this process has asked other nodes for and has no answer yet. One that comes back from further on is known by when it
 * expires, which is the same on the whole way: so a circle ends where it closes, though the native protocol names nobody.
 *
 * Several requests of one look-up may come at once, but not from further on. Should two look-ups of an hour expire in the same second
 * and meet here, the one that comes the longer way is refused, as one that goes too far.
 */
import { MAX_HOPS, type Passage, PassedOnTooOften } from '../resolution/passage.js'
import type { Budget } from './budget.js'

export class PassingLookups {
  /** How many nodes each had passed when it came here. */
  private readonly hopsDone = new Map<number, number[]>()

  /** @throws PassedOnTooOften for one that has come from here */
  requireNoCircle({ expiresAtSeconds, hopsLeft }: Passage): void {
    if (expiresAtSeconds === undefined) return
    const here = this.hopsDone.get(expiresAtSeconds)
    if (here?.some((hops) => hops < MAX_HOPS - hopsLeft))
      throw new PassedOnTooOften('nodes ask one another in a circle')
  }

  async during<Value>({ expiresAtSeconds, hopsDone }: Budget, ask: () => Promise<Value>): Promise<Value> {
    const here = this.hopsDone.get(expiresAtSeconds) ?? []
    here.push(hopsDone)
    this.hopsDone.set(expiresAtSeconds, here)
    try {
      return await ask()
    } finally {
      here.splice(here.indexOf(hopsDone), 1)
      if (here.length === 0) this.hopsDone.delete(expiresAtSeconds)
    }
  }
}
