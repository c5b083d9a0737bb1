/** Does to the lab what a fault says. */
import { setTimeout as delay } from 'node:timers/promises'
import type { ChaosProxy, ProxyMode } from '../support/chaos-proxy.js'
import type { Lab } from './lab.js'
import type { NodeProcess } from './node-process.js'
import { attackRedis, type Loot } from './redis-attack.js'
import type { Fault, FaultName } from './script.js'

/** What remains to be done when the fault is over; what happens at once returns nothing. */
type Heal = () => Promise<unknown> | unknown
type Inflict = (lab: Lab, fault: Fault) => Promise<Heal | undefined>

const ABORTED_TRANSACTIONS = 20
const CORRUPT_SHARE = 0.3
/** Of each lab, for as long as there is the lab. */
const loots = new WeakMap<Lab, Loot>()

/** Resolves when the fault is over and what it hit has recovered. */
export async function inflict(lab: Lab, fault: Fault): Promise<void> {
  const heal = await INFLICTIONS[fault.name](lab, fault)
  if (fault.forMs > 0) await delay(fault.forMs)
  await heal?.()
}

/** Ends everything that may still be wrong. */
export async function healAll({ postgres, redis, nodes }: Lab): Promise<void> {
  postgres.signal('SIGCONT')
  for (const { process, ask } of [redis.primary, redis.replica]) {
    await process.signal('SIGCONT')
    await ask(['CONFIG', 'SET', 'maxmemory', '0']).catch(() => process.restart())
  }
  for (const node of nodes) {
    node.redisProxy.set({ kind: 'open' })
    node.postgresProxy.set({ kind: 'open' })
    await node.signal('SIGCONT')
  }
  await postgres.untilUp()
  await Promise.all(nodes.map((node) => node.start()))
}

const INFLICTIONS: Readonly<Record<FaultName, Inflict>> = {
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
    lab.redis.swap()
    for (const node of lab.nodes) node.redisProxy.redirect({ path: lab.redis.primary.socketPath })
    return undefined
  },
  'redis.split': async ({ redis, nodes }) => {
    nodes[0]!.redisProxy.redirect({ path: redis.replica.socketPath })
    return () => nodes[0]!.redisProxy.redirect({ path: redis.primary.socketPath })
  },
  'redis.full': async ({ redis: { primary } }) => {
    await primary.ask(['CONFIG', 'SET', 'maxmemory-policy', 'noeviction'], ['CONFIG', 'SET', 'maxmemory', '1'])
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
  'postgres.stop': async ({ postgres }) => {
    postgres.signal('SIGSTOP')
    return () => postgres.signal('SIGCONT')
  },
  'postgres.kill': async ({ postgres }) => {
    // Their numbers were given out and are on no disk: after the crash they are given out again.
    for (let at = 0; at < ABORTED_TRANSACTIONS; at += 1) await abortedTransaction(postgres.db)
    postgres.signal('SIGKILL')
    return postgres.untilUp
  },
  'postgres.hold': async ({ postgres }) => {
    let release: (() => void) | undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const over = abortedTransaction(postgres.db, held)
    return () => {
      release?.()
      return over
    }
  },
  'node.kill': async (lab, fault) => {
    const node = nodeOf(lab, fault)
    await node.signal('SIGKILL')
    return node.start
  },
  'node.pause': async (lab, fault) => {
    const node = nodeOf(lab, fault)
    await node.signal('SIGSTOP')
    return () => node.signal('SIGCONT')
  },
  'node.restart': async (lab, fault) => {
    const node = nodeOf(lab, fault)
    const timer = setTimeout(() => void node.signal('SIGKILL'), 15_000)
    await node.signal('SIGTERM')
    clearTimeout(timer)
    return node.start
  },
  ...onLine('proxy.redis', ({ redisProxy }) => redisProxy),
  ...onLine('proxy.postgres', ({ postgresProxy }) => postgresProxy),
}

function onLine<Prefix extends 'proxy.redis' | 'proxy.postgres'>(
  prefix: Prefix,
  proxyOf: (node: NodeProcess) => ChaosProxy,
) {
  const proxiesOf = (lab: Lab, fault: Fault) =>
    (fault.node === undefined ? lab.nodes : [nodeOf(lab, fault)]).map(proxyOf)
  const lasting =
    (modeOf: (fault: Fault) => ProxyMode): Inflict =>
    async (lab, fault) => {
      const proxies = proxiesOf(lab, fault)
      for (const proxy of proxies) proxy.set(modeOf(fault))
      return () => {
        for (const proxy of proxies) proxy.set({ kind: 'open' })
      }
    }
  const reset: Inflict = async (lab, fault) => {
    for (const proxy of proxiesOf(lab, fault)) proxy.reset()
    return undefined
  }
  return {
    [`${prefix}.latency`]: lasting(({ amountMs }) => ({ kind: 'latency', delayMs: amountMs })),
    [`${prefix}.hang`]: lasting(() => ({ kind: 'hang' })),
    [`${prefix}.hold-requests`]: lasting(() => ({ kind: 'hold-requests' })),
    [`${prefix}.hold-answers`]: lasting(() => ({ kind: 'hold-answers' })),
    [`${prefix}.cut`]: lasting(() => ({ kind: 'cut' })),
    [`${prefix}.reset`]: reset,
  } as Record<FaultName & `${Prefix}.${string}`, Inflict>
}

function nodeOf(lab: Lab, { node }: Fault): NodeProcess {
  return lab.nodes[node ?? 0]!
}

/** Writes a feed row as if for a key of nobody's, waits, and takes it back. */
async function abortedTransaction(db: Lab['postgres']['db'], until?: Promise<void>): Promise<void> {
  const abort = new Error('as intended')
  const work = db.transaction(
    async (tx) => {
      await tx.query("insert into change (keys, versions) values (array['i:88.300.1/nobody'], array[1])")
      await until
      throw abort
    },
    { timeoutMs: 60_000 },
  )
  // Whether it ended by our hand or with the server makes no difference.
  await work.catch(() => undefined)
}
