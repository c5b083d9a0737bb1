/** Starts the baselines, each in a process of its own on the same core as the node. */
import path from 'node:path'
import { type Child, startChild } from '../stage/child.js'
import { pinnedCommand } from '../stage/pinning.js'
import type { Measured, Order } from './tasks.js'

/** A server that is measured beside the node. */
export interface BaselineServer {
  readonly name: string
  readonly port: number
  readonly pid: number
  /** From now on it answers from this recording (recording.ts), as far as it answers from one at all. */
  load(recordingFile: string): Promise<void>
  /** What to ask it for in place of the requests that were recorded. */
  requestsFor(recorded: readonly Buffer[]): readonly Buffer[]
  stop(): Promise<void>
}

export interface DatabaseBaseline {
  readonly pid: number
  measure(order: Order): Promise<Measured>
  stop(): Promise<void>
}

/** Servers of this folder, and how the report calls them. */
const HTTP_BASELINES = {
  'bare-dgram': 'bare dgram',
  'bare-frames': 'bare net, joining',
  'bare-http': 'bare http',
  'coalesced-http': 'bare http + coalesced query',
  'fastify-http': 'fastify',
  'fixed-net': 'bare net',
} as const
type HttpBaselineName = keyof typeof HTTP_BASELINES

/** Answers with 500 to what is not in the recording. */
export function startBareServer(core: number | undefined): Promise<BaselineServer> {
  return startHttpBaseline('bare-http', [], core)
}

/** Reads the record from the database before it answers. */
export function startReadingServer(databaseUrl: string, core: number | undefined): Promise<BaselineServer> {
  return startHttpBaseline('coalesced-http', [databaseUrl], core)
}

/** @param parameters what the program of that name wants on its command line */
export async function startHttpBaseline(
  name: HttpBaselineName,
  parameters: readonly string[],
  core: number | undefined,
): Promise<BaselineServer> {
  const child = startBaseline(name, parameters, core)
  const { port } = await nextMessage<{ port: number }>(child)
  return {
    name: HTTP_BASELINES[name],
    port,
    pid: child.pid,
    load: async (file) => {
      const loaded = nextMessage(child)
      child.process.send({ file })
      await loaded
    },
    requestsFor: (recorded) => recorded,
    stop: child.stop,
  }
}

export async function startDatabaseBaseline(
  name: string,
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

/** @param name of a file of this folder */
function startBaseline(name: string, parameters: readonly string[], core: number | undefined): Child {
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
