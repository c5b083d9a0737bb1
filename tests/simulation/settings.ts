/** What one run is made of: drawn from its seed, so that over many seeds most combinations come up ("swarm testing"). */
import type { Random } from './random.js'

/** T of the contract, in milliseconds. */
export const BOUND_MS = 1_000
export const REPLICAS = 3
/** Prefixes within one another, so that a change of the outer one reaches identifiers of the inner one. */
export const PREFIXES = ['88.1', '88.1.2', '88.3', 'urn:oid:1.2.3'] as const
export const IDENTIFIERS = [
  '88.1/pump',
  '88.1.2/valve',
  '88.1.2/gear',
  '88.3/motor',
  '88.3/belt',
  '88.3/never-registered',
  '1.2.3.4',
] as const
export const NEVER_REGISTERED = '88.3/never-registered'

export interface Settings {
  readonly seed: number
  /** Virtual milliseconds with faults, and after them without. */
  readonly stormMs: number
  readonly calmMs: number
  readonly pollIntervalMs: number
  readonly recentKeys: number
  readonly sketchSlots: number
  readonly memoryBytes: number
  readonly hasRedis: boolean
  /** Per second and replica. */
  readonly readsPerSecond: number
  /** Of each replica, at most the T of the contract. */
  readonly boundsMs: readonly number[]
  /** Per second, over all replicas. */
  readonly writesPerSecond: number
  /** Share of the writes that are acknowledged only once they show everywhere. */
  readonly waitShare: number
  /** Per second: an earlier write is sent again, to wait until it shows everywhere. */
  readonly repeatsPerSecond: number
  readonly prefixChangesPerSecond: number
  /** Milliseconds that a transaction holds its locks; sometimes a hundred times that. */
  readonly transactionMs: number
  /** Share of round trips that take up to two seconds. */
  readonly slowShare: number
  /** Share of feed polls that find more than a poll takes, so that the follower starts anew. */
  readonly overflowShare: number
  /** Share of Redis's replies, and of the writes it is given, that are tampered with. */
  readonly redisLies: number
  /** Events per second. */
  readonly faults: Faults
}

export interface Faults {
  readonly crash: number
  readonly failover: number
  readonly outage: number
  readonly hang: number
  readonly prune: number
  readonly longTransaction: number
  readonly freeze: number
  readonly suspend: number
  readonly wallStep: number
  readonly redisFlush: number
  readonly redisOutage: number
}

export function settingsFor(seed: number, random: Random): Settings {
  /** Half of the seeds go without a given kind. */
  const sometimes = (most: number) => (random.chance(0.5) ? random.between(0, most) : 0)
  // Not both in one run: a suspension that a clock set back hides at the same moment cannot be noticed.
  const hasSuspensions = random.chance(0.5)
  return {
    seed,
    stormMs: 8_000,
    calmMs: 7_000,
    pollIntervalMs: random.pick([20, 50, 50, 200, 400]),
    recentKeys: random.pick([1, 2, 3, 64]),
    sketchSlots: random.pick([1, 4, 64, 1024]),
    memoryBytes: random.pick([0, 6_000, 1_000_000, 1_000_000]),
    hasRedis: random.chance(0.85),
    readsPerSecond: random.pick([100, 300, 600]),
    boundsMs: Array.from({ length: REPLICAS }, () => random.pick([BOUND_MS, BOUND_MS, BOUND_MS, 300])),
    writesPerSecond: random.pick([1, 4, 15, 40]),
    waitShare: random.pick([0, 0.2, 1]),
    repeatsPerSecond: sometimes(5),
    prefixChangesPerSecond: sometimes(2),
    transactionMs: random.pick([2, 10, 60]),
    slowShare: sometimes(0.15),
    overflowShare: sometimes(0.1),
    redisLies: sometimes(0.5),
    faults: {
      crash: sometimes(0.5),
      failover: sometimes(0.4),
      outage: sometimes(0.3),
      hang: sometimes(0.3),
      prune: sometimes(1),
      longTransaction: sometimes(0.6),
      freeze: sometimes(0.5),
      suspend: hasSuspensions ? sometimes(0.3) : 0,
      wallStep: hasSuspensions ? 0 : sometimes(0.2),
      redisFlush: sometimes(1),
      redisOutage: sometimes(0.5),
    },
  }
}

/** The same without faults and with an honest network: what a run ends with. */
export function calmed(settings: Settings): Settings {
  const faults = Object.fromEntries(Object.keys(settings.faults).map((name) => [name, 0])) as unknown as Faults
  return {
    ...settings,
    slowShare: 0,
    overflowShare: 0,
    redisLies: 0,
    prefixChangesPerSecond: 0,
    repeatsPerSecond: 0,
    writesPerSecond: 1,
    readsPerSecond: 60,
    // Transactions that still queue for locks hold back the mark, and with it what may be kept after a change of a prefix.
    transactionMs: 1,
    faults,
  }
}
