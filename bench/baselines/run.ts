/** Starts the baselines, each in a process of its own on the same core as the node. */
import path from 'node:path'
import { type Child, startChild } from '../stage/child.js'
import { pinnedCommand } from '../stage/pinning.js'
import type { Measured, Order } from './tasks.js'

export type BaselineName = HttpBaselineName | 'coalesced-query' | 'plain-upsert' | 'raw-copy'
type HttpBaselineName = 'bare-http' | 'coalesced-http'

export interface BareServer {
  readonly port: number
  readonly pid: number
  /** From now on it answers from this recording (recording.ts), and with 500 to what is not in it. */
  load(recordingFile: string): Promise<void>
  stop(): Promise<void>
}

export interface DatabaseBaseline {
  readonly pid: number
  measure(order: Order): Promise<Measured>
  stop(): Promise<void>
}

export function startBareServer(core: number | undefined): Promise<BareServer> {
  return startHttpBaseline('bare-http', [], core)
}

/** Reads the record from the database before it answers. */
export function startReadingServer(databaseUrl: string, core: number | undefined): Promise<BareServer> {
  return startHttpBaseline('coalesced-http', [databaseUrl], core)
}

async function startHttpBaseline(
  name: HttpBaselineName,
  parameters: readonly string[],
  core: number | undefined,
): Promise<BareServer> {
  const child = startBaseline(name, parameters, core)
  const { port } = await nextMessage<{ port: number }>(child)
  return {
    port,
    pid: child.pid,
    load: async (file) => {
      const loaded = nextMessage(child)
      child.process.send({ file })
      await loaded
    },
    stop: child.stop,
  }
}

export async function startDatabaseBaseline(
  name: Exclude<BaselineName, HttpBaselineName>,
  parameters: readonly (string | number)[],
  core: number | undefined,
): Promise<DatabaseBaseline> {
  const child = startBaseline(name, parameters.map(String), core)
  await nextMessage(child)
  return {
    pid: child.pid,
    measure: (order) => {
      const measured = nextMessage<Measured>(child)
      child.process.send(order)
      return measured
    },
    stop: child.stop,
  }
}

function startBaseline(name: BaselineName, parameters: readonly string[], core: number | undefined): Child {
  const program = path.join(import.meta.dirname, `${name}.ts`)
  return startChild(pinnedCommand(core, [process.execPath, '--import', 'tsx', program, ...parameters]), {
    messages: true,
  })
}

/** @throws Error when the baseline failed or ended instead */
async function nextMessage<Message extends object>(child: Child): Promise<Message> {
  const message = await Promise.race([
    new Promise<Message>((resolve) => child.process.once('message', (received) => resolve(received as Message))),
    child.exited.then((how): never => {
      throw new Error(`A baseline ${how}. Its output:\n${child.recentOutput()}`)
    }),
  ])
  if ('error' in message) throw new Error(`A baseline failed: ${message.error}`)
  return message
}
