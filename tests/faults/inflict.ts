/** Does to the lab what a fault says. */
import { setTimeout as delay } from 'node:timers/promises'
import type { FaultName } from './fault-kinds.js'
import { LINE_INFLICTIONS } from './inflict-lines.js'
import { NODE_INFLICTIONS } from './inflict-nodes.js'
import { POSTGRES_INFLICTIONS } from './inflict-postgres.js'
import { REDIS_INFLICTIONS } from './inflict-redis.js'
import type { Lab } from './lab.js'
import type { Fault } from './script.js'

/** What remains to be done when the fault is over; what happens at once returns nothing. */
export type Heal = () => Promise<unknown> | unknown
export type Inflict = (lab: Lab, fault: Fault) => Promise<Heal | undefined>
export type Inflictions<Prefix extends string> = Readonly<Record<FaultName & `${Prefix}.${string}`, Inflict>>

const INFLICTIONS: Readonly<Record<FaultName, Inflict>> = {
  ...REDIS_INFLICTIONS,
  ...POSTGRES_INFLICTIONS,
  ...NODE_INFLICTIONS,
  ...LINE_INFLICTIONS,
}

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
  await redis.promote()
  for (const node of nodes) {
    node.redisProxy.set({ kind: 'open' })
    node.postgresProxy.set({ kind: 'open' })
    node.setClock({})
    await node.signal('SIGCONT')
  }
  await postgres.untilUp()
  await Promise.all(nodes.map((node) => node.start()))
}
