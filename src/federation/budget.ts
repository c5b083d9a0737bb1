/**
 * What one look-up may cost, on all nodes together. It is made once, where the look-up comes in; retries, other servers and
 * other ways spend from the same one. What goes on to another node of ours gets a part of it, which is then spent here:
 * so the bounds hold however the nodes refer to one another.
 *
 *   Jiexi-Deadline-Ms: 1400     how long the asker waits still
 *   Jiexi-Hops: 7               further nodes, one behind the other
 *   Jiexi-Sends: 15             requests to other nodes
 *   Jiexi-Via: node-a, node-b   whom it has passed
 *   Jiexi-Expires: 1800000000   in seconds: the same on the whole way, and in the header of native requests, which name nobody
 */
import { randomInt } from 'node:crypto'
import type { Clock } from '../platform/clock.js'
import { NodeError } from '../platform/errors.js'
import { LOOKUP_MS, MAX_HOPS, MAX_SENDS, type Passage, PassedOnTooOften } from '../resolution/passage.js'

/** Less than this is not worth asking anybody. */
const LEAST_MS = 5

export interface BudgetOptions {
  readonly clock: Clock
  /** This node's own name among the others. */
  readonly self: string
  /** Monotonic. */
  readonly deadlineMs?: number | undefined
  /** Of a look-up that comes from another node. */
  readonly passage?: Passage | undefined
}

/** As other clients of the native protocol have it; less by up to an hour, so that look-ups are told apart. */
const LIFETIME_SECONDS = 12 * 3_600
const SPREAD_SECONDS = 3_600

export class Budget {
  readonly deadlineMs: number
  readonly expiresAtSeconds: number
  private readonly clock: Clock
  private readonly via: readonly string[]
  private readonly hopsLeft: number
  private sendsLeft: number

  /** @throws NodeError `authority-unavailable` for a look-up that has passed here before, or has gone too far */
  constructor({ clock, self, deadlineMs = Number.POSITIVE_INFINITY, passage }: BudgetOptions) {
    this.clock = clock
    this.deadlineMs = Math.min(deadlineMs, clock.monotonicMs() + LOOKUP_MS)
    this.via = [...(passage?.via ?? []), self]
    this.hopsLeft = Math.min(passage?.hopsLeft ?? MAX_HOPS, MAX_HOPS)
    this.sendsLeft = Math.min(passage?.sendsLeft ?? MAX_SENDS, MAX_SENDS)
    this.expiresAtSeconds = expiryOf(passage, clock)
    if (passage?.via.includes(self)) throw new PassedOnTooOften(`nodes ask in a circle: ${this.via.join(' → ')}`)
    if (this.hopsLeft < 1) throw new PassedOnTooOften(`it has passed ${MAX_HOPS} nodes already`)
  }

  /** Other nodes that it has passed. */
  get hopsDone(): number {
    return MAX_HOPS - this.hopsLeft
  }

  /** @throws NodeError `authority-unavailable` when it is over */
  timeLeftMs(): number {
    const leftMs = this.deadlineMs - this.clock.monotonicMs()
    if (leftMs < LEAST_MS) throw spent('its time is over')
    return leftMs
  }

  /** @throws NodeError `authority-unavailable` when there are none left */
  spend(sends: number): void {
    if (sends > this.sendsLeft) throw spent(`${MAX_SENDS} requests to other nodes are enough for one look-up`)
    this.sendsLeft -= sends
  }

  /** For the node that is asked next: half of what may still be sent is its own from now on. */
  handOn(): Readonly<Record<string, string>> {
    const share = Math.floor(this.sendsLeft / 2)
    this.sendsLeft -= share
    return {
      'jiexi-deadline-ms': String(Math.floor(this.timeLeftMs())),
      'jiexi-hops': String(this.hopsLeft - 1),
      'jiexi-sends': String(share),
      'jiexi-via': this.via.join(', '),
      'jiexi-expires': String(this.expiresAtSeconds),
    }
  }
}

function expiryOf(passage: Passage | undefined, clock: Clock): number {
  const nowSeconds = Math.floor(clock.nowMs() / 1000)
  const given = passage?.expiresAtSeconds ?? 0
  return given > nowSeconds ? given : nowSeconds + LIFETIME_SECONDS - randomInt(SPREAD_SECONDS)
}

function spent(why: string): NodeError {
  return new NodeError('authority-unavailable', `The look-up is given up: ${why}.`)
}
