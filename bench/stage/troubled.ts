/** Starts the process of a node above that misbehaves (load/troubled-node.ts). */
import path from 'node:path'
import { startChild } from './child.js'

export const CALM = 'calm'
export const TROUBLES = ['connections reset', 'black hole', 'one octet a second', 'garbage', '64 MB'] as const
export type BehaviourName = typeof CALM | (typeof TROUBLES)[number]

/** What to do from now on; the port of the node whose look-ups of foreign identifiers it asks for, 0 for none. */
export type Order = { readonly behave: BehaviourName } | { readonly ask: number }

export interface TroubledNode {
  readonly url: string
  /** Resolves when it is so. */
  order(order: Order): Promise<void>
  stop(): Promise<void>
}

const PROGRAM = path.resolve(import.meta.dirname, '../load/troubled-node.ts')

export async function startTroubledNode(): Promise<TroubledNode> {
  const child = startChild([process.execPath, '--import', 'tsx', PROGRAM], { messages: true })
  const next = () =>
    Promise.race([
      new Promise<{ readonly port?: number }>((resolve) =>
        child.process.once('message', (message) => resolve(message as object)),
      ),
      child.exited.then((how): never => {
        throw new Error(`The node that misbehaves ${how}. Its output:\n${child.recentOutput()}`)
      }),
    ])
  const { port } = await next()
  return {
    url: `http://127.0.0.1:${port}`,
    async order(order) {
      const done = next()
      child.process.send(order)
      await done
    },
    stop: child.stop,
  }
}
