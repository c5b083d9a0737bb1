/** The node that is measured: the built one, as its users run it, in a process and a data folder of its own. */
import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { startChild } from './child.js'
import { pinnedCommand } from './pinning.js'
import { memoryOf } from './process-usage.js'

export interface NodeSettings {
  readonly databaseUrl: string
  /** `none` runs the node without Redis. */
  readonly redisUrl: string
  /** 0 turns the memory cache off. */
  readonly memoryCacheBytes: number
  readonly adminKey: string
  /** A folder that goes away with the run. */
  readonly scratchFolder: string
  /** undefined: any. */
  readonly cores?: readonly number[] | undefined
  /** Further settings of the node. */
  readonly environment?: Readonly<Record<string, string>>
  /** Of another build than this folder's: its dist/main.js. */
  readonly program?: string
}

export interface RunningNode {
  readonly port: number
  readonly pid: number
  readonly settings: NodeSettings
  memory(): ReturnType<typeof memoryOf>
  recentOutput(): string
  stop(): Promise<void>
}

export const PROGRAM = path.resolve(import.meta.dirname, '../../dist/main.js')
const READY_TIMEOUT_MS = 60_000
const ASK_EVERY_MS = 50

/** Resolves when `/readyz` says 200. @throws Error with the node's own output when it does not come to that */
export async function startNode(settings: NodeSettings): Promise<RunningNode> {
  const port = await freePort()
  const child = startChild(pinnedCommand(settings.cores, [process.execPath, settings.program ?? PROGRAM]), {
    environment: environmentOf(settings, port),
    folder: settings.scratchFolder,
  })
  let exit: string | undefined
  void child.exited.then((how) => {
    exit = how
  })
  const deadlineMs = performance.now() + READY_TIMEOUT_MS
  while (!(await isReady(port))) {
    if (exit !== undefined) throw new Error(`The node did not start: it ${exit}. Its output:\n${child.recentOutput()}`)
    if (performance.now() > deadlineMs) {
      await child.stop()
      throw new Error(`The node was not ready after ${READY_TIMEOUT_MS / 1000} s. Its output:\n${child.recentOutput()}`)
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS))
  }
  return {
    port,
    pid: child.pid,
    settings,
    memory: () => memoryOf(child.pid),
    recentOutput: child.recentOutput,
    stop: child.stop,
  }
}

function environmentOf(settings: NodeSettings, port: number): Record<string, string> {
  return {
    NODE_ENV: 'production',
    PORT: String(port),
    HOST: '127.0.0.1',
    DATABASE_URL: settings.databaseUrl,
    REDIS_URL: settings.redisUrl,
    JIEXI_DATA: mkdtempSync(path.join(settings.scratchFolder, 'node-')),
    JIEXI_DEMO: 'false',
    // Stopped between two rows, with nobody to wait for.
    JIEXI_DRAIN_SECONDS: '0',
    JIEXI_ADMIN_KEY: settings.adminKey,
    JIEXI_MEMORY_CACHE_BYTES: String(settings.memoryCacheBytes),
    // Other builds may know nothing of them.
    ...(settings.program === undefined ? HANDLE_DOORS : {}),
    ...settings.environment,
  }
}

/** Open, on free ports; a single source may have all. */
const HANDLE_DOORS = {
  JIEXI_HANDLE_PORT: '0',
  JIEXI_HANDLE_HTTP_PORT: '0',
  JIEXI_HANDLE_UDP_OCTETS_PER_SECOND: '1000000000',
}

async function isReady(port: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`)
    await answer.arrayBuffer()
    return answer.status === 200
  } catch {
    return false
  }
}

/** A port nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.on('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
