/** The way to a handle: it ends somewhere, and never comes by the same place twice. */
import { HandleFault } from './faults.js'

export class Trail {
  private readonly passed: Set<string>
  private readonly maxHops: number

  constructor(maxHops: number, passed: Iterable<string> = []) {
    this.maxHops = maxHops
    this.passed = new Set(passed)
  }

  get isEmpty(): boolean {
    return this.passed.size === 0
  }

  /** For one of several ways on from here. */
  copy(): Trail {
    return new Trail(this.maxHops, this.passed)
  }

  /** @throws HandleFault `referral-loop`, `too-many-hops` */
  enter(place: string): void {
    if (this.passed.has(place))
      throw new HandleFault('referral-loop', `Referrals go in a circle: ${place} comes a second time.`)
    if (this.passed.size >= this.maxHops)
      throw new HandleFault('too-many-hops', `More than ${this.maxHops} referrals, the last one to ${place}.`)
    this.passed.add(place)
  }
}
