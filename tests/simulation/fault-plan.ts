/** The faults of a run: each kind comes by chance, at the rate that the run's settings say. */
import type { HostileRedis } from './hostile-redis.js'
import type { Random } from './random.js'
import type { Replica } from './replica.js'
import type { Faults } from './settings.js'
import type { SimulatedPostgres } from './simulated-postgres.js'

export interface Machinery {
  readonly random: Random
  readonly postgres: SimulatedPostgres
  readonly redis: HostileRedis
  readonly replicas: readonly Replica[]
}

/** Does one fault and says what it did. */
export const FAULTS: Readonly<Record<keyof Faults, (machinery: Machinery) => string>> = {
  crash({ random, postgres }) {
    postgres.crash()
    const downMs = random.between(0, 600)
    postgres.link.goDown(downMs)
    return `Postgres crashes, is back in ${downMs.toFixed(0)} ms`
  },
  failover({ random, postgres }) {
    postgres.failOver()
    const downMs = random.between(0, 2_500)
    postgres.link.goDown(downMs)
    return `failover to another history, within ${downMs.toFixed(0)} ms`
  },
  outage({ random, postgres }) {
    const downMs = random.between(100, 3_000)
    postgres.link.goDown(downMs)
    return `Postgres cannot be reached for ${downMs.toFixed(0)} ms`
  },
  hang({ random, postgres }) {
    const forMs = random.between(100, 2_000)
    postgres.link.hang(forMs)
    return `Postgres hangs for ${forMs.toFixed(0)} ms`
  },
  prune({ postgres }) {
    postgres.prune()
    return 'the change feed is pruned'
  },
  longTransaction({ random, postgres }) {
    const forMs = random.between(100, 2_500)
    postgres.beginLongTransaction(forMs)
    return `a transaction is left open for ${forMs.toFixed(0)} ms`
  },
  freeze({ random, replicas }) {
    const frozen = random.pick(replicas)
    const forMs = random.between(10, 3_000)
    frozen.freeze(forMs)
    return `replica ${frozen.number} is frozen for ${forMs.toFixed(0)} ms`
  },
  // Shorter ones are not told from a clock being set; the bound is then longer by as much (change-knowledge.ts).
  suspend({ random, replicas }) {
    const suspended = random.pick(replicas)
    const forMs = random.between(600, 4_000)
    suspended.suspend(forMs)
    return `the machine of replica ${suspended.number} is suspended for ${forMs.toFixed(0)} ms`
  },
  wallStep({ random, replicas }) {
    const stepped = random.pick(replicas)
    const byMs = random.between(-5_000, 5_000)
    stepped.stepWallClock(byMs)
    return `the wall clock of replica ${stepped.number} is set by ${byMs.toFixed(0)} ms`
  },
  redisFlush({ random, redis }) {
    if (random.chance(0.5)) redis.flush()
    else redis.rollBack()
    return 'Redis is emptied or rolled back'
  },
  redisOutage({ random, redis }) {
    const forMs = random.between(50, 2_000)
    redis.goAway(forMs)
    return `Redis hangs for ${forMs.toFixed(0)} ms`
  },
}
