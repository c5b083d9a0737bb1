/** What happens to Redis. */
import type { ProxyMode } from '../support/chaos-proxy.js'
import type { Inflictions } from './inflict.js'
import type { Lab } from './lab.js'
import { attackRedis, type Loot } from './redis-attack.js'
import { restoreEntries, squeeze } from './redis-entries.js'
import { refusingRedis } from './refusing-redis.js'

const CORRUPT_SHARE = 0.3
/** Of each lab, for as long as there is the lab. */
const loots = new WeakMap<Lab, Loot>()

export const REDIS_INFLICTIONS: Inflictions<'redis'> = {
  'redis.stop': async ({ redis: { primary } }) => {
    await primary.process.signal('SIGSTOP')
    return () => primary.process.signal('SIGCONT')
  },
  'redis.kill': async ({ redis: { primary } }) => {
    await primary.process.signal('SIGKILL')
    return () => primary.process.restart()
  },
  'redis.flush': async ({ redis }) => {
    await redis.primary.ask(['FLUSHALL'])
    return undefined
  },
  'redis.rollback': async (lab) => {
    failOver(lab)
    return undefined
  },
  'redis.failover': async (lab) => {
    const { primary } = lab.redis
    await lab.redis.whileFollowing(() => primary.process.signal('SIGKILL'))
    return () => {
      failOver(lab)
      return primary.process.restart()
    }
  },
  'redis.restore': async ({ redis: { primary, replica } }) => {
    await restoreEntries(replica, primary)
    return undefined
  },
  'redis.split': async ({ redis, nodes }) => {
    nodes[0]!.redisProxy.redirect({ path: redis.replica.socketPath })
    return () => nodes[0]!.redisProxy.redirect({ path: redis.primary.socketPath })
  },
  'redis.read-only': async ({ redis }) => {
    await redis.demote()
    return redis.promote
  },
  'redis.full': async ({ redis: { primary } }) => {
    await primary.ask(['CONFIG', 'SET', 'maxmemory-policy', 'noeviction'], ['CONFIG', 'SET', 'maxmemory', '1'])
    return () => primary.ask(['CONFIG', 'SET', 'maxmemory', '0'])
  },
  'redis.evict': async ({ redis: { primary } }) => {
    await squeeze(primary)
    return () => primary.ask(['CONFIG', 'SET', 'maxmemory', '0'])
  },
  'redis.corrupt': async ({ nodes, random }) => {
    const mode: ProxyMode = { kind: 'corrupt', share: CORRUPT_SHARE, random: random.next }
    for (const node of nodes) node.redisProxy.set(mode)
    return () => {
      for (const { redisProxy } of nodes) {
        redisProxy.set({ kind: 'open' })
        // A command whose length was hit may wait for bytes that never come.
        redisProxy.reset()
      }
    }
  },
  'redis.attack': async (lab) => {
    const loot = loots.get(lab) ?? new Map()
    loots.set(lab, loot)
    await attackRedis(lab.redis.primary, lab.random, loot)
    return undefined
  },
  'redis.refuse': async ({ redis, nodes }) => {
    const refusing = await refusingRedis()
    for (const node of nodes) node.redisProxy.redirect({ path: refusing.socketPath })
    return () => {
      for (const node of nodes) node.redisProxy.redirect({ path: redis.primary.socketPath })
      return refusing.close()
    }
  },
}

/** The nodes are led to the one that was the replica. */
function failOver({ redis, nodes }: Lab): void {
  redis.swap()
  for (const node of nodes) node.redisProxy.redirect({ path: redis.primary.socketPath })
}
