/** What happens to the nodes. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Heal, Inflictions } from './inflict.js'
import type { Lab } from './lab.js'
import type { NodeProcess } from './node-process.js'
import type { Fault } from './script.js'

const STOP_WITHIN_MS = 15_000
/** Of a node that stutters. */
const STOPPED_MS = 120
const GOING_MS = 30

export const NODE_INFLICTIONS: Inflictions<'node'> = {
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
  'node.stutter': async (lab, fault) => stuttering(nodeOf(lab, fault)),
  'node.restart': async (lab, fault) => {
    const node = nodeOf(lab, fault)
    const timer = setTimeout(() => void node.signal('SIGKILL'), STOP_WITHIN_MS)
    await node.signal('SIGTERM')
    clearTimeout(timer)
    return node.start
  },
  'node.clock': async (lab, fault) => clockSet(nodeOf(lab, fault), { aheadMs: fault.amount }),
  'node.clock-rate': async (lab, fault) => clockSet(nodeOf(lab, fault), { timesAsFast: fault.amount }),
}

export function nodeOf(lab: Lab, { node }: Fault): NodeProcess {
  return lab.nodes[node ?? 0]!
}

function stuttering(node: NodeProcess): Heal {
  let isOver = false
  const stutter = async () => {
    while (!isOver) {
      await node.signal('SIGSTOP')
      await delay(STOPPED_MS)
      await node.signal('SIGCONT')
      await delay(GOING_MS)
    }
  }
  const over = stutter()
  return () => {
    isOver = true
    return over
  }
}

function clockSet(node: NodeProcess, clock: Parameters<NodeProcess['setClock']>[0]): Heal {
  node.setClock(clock)
  return () => node.setClock({})
}
