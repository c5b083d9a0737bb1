/** What happens on the lines between the nodes and their servers, by their chaos proxies. */
import { setTimeout as delay } from 'node:timers/promises'
import type { ChaosProxy, ProxyMode } from '../support/chaos-proxy.js'
import type { FaultName } from './fault-kinds.js'
import type { Inflict, Inflictions } from './inflict.js'
import { nodeOf } from './inflict-nodes.js'
import type { Lab } from './lab.js'
import type { NodeProcess } from './node-process.js'
import type { Fault } from './script.js'

const BEHIND = {
  redis: ({ redisProxy }: NodeProcess) => [redisProxy],
  postgres: ({ postgresProxy }: NodeProcess) => [postgresProxy],
  both: ({ redisProxy, postgresProxy }: NodeProcess) => [redisProxy, postgresProxy],
} as const

const MODES: Readonly<Record<string, (amount: number) => ProxyMode>> = {
  latency: (delayMs) => ({ kind: 'latency', delayMs }),
  rate: (perSecond) => ({ kind: 'rate', perSecond }),
  hang: () => ({ kind: 'hang' }),
  'hold-requests': () => ({ kind: 'hold-requests' }),
  'hold-answers': () => ({ kind: 'hold-answers' }),
  cut: () => ({ kind: 'cut' }),
}

export const LINE_INFLICTIONS = {
  ...linesTo('redis'),
  ...linesTo('postgres'),
  ...linesTo('both'),
  'net.swizzle': swizzle,
} as Inflictions<'proxy' | 'net'>

function linesTo(server: keyof typeof BEHIND): Record<FaultName & `proxy.${string}`, Inflict> {
  const proxiesOf = (lab: Lab, fault: Fault) =>
    (fault.node === undefined ? lab.nodes : [nodeOf(lab, fault)]).flatMap(BEHIND[server])
  const lasting = (modeOf: (amount: number) => ProxyMode): Inflict => {
    return async (lab, fault) => {
      const proxies = proxiesOf(lab, fault)
      for (const proxy of proxies) proxy.set(modeOf(fault.amount))
      return () => open(proxies)
    }
  }
  const reset: Inflict = async (lab, fault) => {
    for (const proxy of proxiesOf(lab, fault)) proxy.reset()
    return undefined
  }
  const inflictions = Object.entries(MODES).map(([name, modeOf]) => [`proxy.${server}.${name}`, lasting(modeOf)])
  return Object.fromEntries([...inflictions, [`proxy.${server}.reset`, reset]])
}

/** "Swizzle-clogging": what depends on several lines at once meets them in every combination. */
async function swizzle({ nodes, random }: Lab, { forMs }: Fault): Promise<() => Promise<void>> {
  const lines = random.shuffled(nodes.flatMap(BEHIND.both))
  const hit = lines.slice(0, lines.length / 2)
  const pause = () => delay(random.below(forMs / hit.length))
  for (const line of hit) {
    line.set({ kind: 'hang' })
    await pause()
  }
  return async () => {
    for (const line of random.shuffled(hit)) {
      open([line])
      await pause()
    }
  }
}

function open(proxies: readonly ChaosProxy[]): void {
  for (const proxy of proxies) proxy.set({ kind: 'open' })
}
