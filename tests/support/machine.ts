/** A node of several worker processes, started as its users start it, over a Postgres and a Redis of the tests. */
import path from 'node:path'
import { vi } from 'vitest'
import { type Child, runTypeScript } from './child.js'

export interface Machine {
  readonly url: string
  readonly adminKey: string
  /** Process id of the supervisor. */
  readonly pid: number
  readonly child: Child
  /** Process ids of the workers that serve, by their place from 1. */
  workers(): ReadonlyMap<number, number>
  /** Resolves when another process serves in its place. */
  replaced(old: number): Promise<unknown>
  signal(signal: NodeJS.Signals): void
  stop(): Promise<void>
}

export interface MachineOptions {
  readonly databaseUrl: string
  readonly redisUrl: string
  readonly workers: number
  readonly environment?: Readonly<Record<string, string>>
}

const MAIN = path.resolve(import.meta.dirname, '../../src/main.ts')
const ADMIN_KEY = 'administrator-of-the-tests'
const SERVES = /Worker (\d+) \(process (\d+)\) serves/g

/** Its process, whatever becomes of it. */
export function startMachine(options: MachineOptions): Child {
  return runTypeScript(MAIN, [], {
    PORT: '0',
    JIEXI_HANDLE_PORT: 'none',
    JIEXI_HANDLE_HTTP_PORT: 'none',
    DATABASE_URL: options.databaseUrl,
    REDIS_URL: options.redisUrl,
    JIEXI_WORKERS: String(options.workers),
    JIEXI_ADMIN_KEY: ADMIN_KEY,
    JIEXI_LOG_SAMPLE: '0',
    ...options.environment,
  })
}

export async function machine(options: MachineOptions): Promise<Machine> {
  const child = startMachine(options)
  await child.line(/^Try it/)
  const workers = () =>
    new Map([...child.output().matchAll(SERVES)].map(([, slot, pid]) => [Number(slot), Number(pid)] as const))
  return {
    url: /page {2,}(http:\S+?)\/(\s|$)/.exec(child.output())![1]!,
    adminKey: ADMIN_KEY,
    pid: child.process.pid!,
    child,
    workers,
    replaced: (old) => vi.waitUntil(() => [...workers().values()].every((pid) => pid !== old), { timeout: 60_000 }),
    signal: (signal) => child.process.kill(signal),
    async stop() {
      child.process.kill('SIGTERM')
      await child.ended
    },
  }
}
