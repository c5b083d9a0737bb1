/** A Redis of its own, memory only, for each caller. It can be stopped, killed and started again under the same URL. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'

export interface TestRedis {
  readonly url: string
  /** Of the present process. */
  readonly pid: number
  /** SIGSTOP, SIGCONT, SIGKILL …; resolves when a process that the signal ends is gone. */
  signal(signal: NodeJS.Signals): Promise<void>
  /** Starts a process again after the former one is gone. It is empty. */
  restart(): Promise<void>
  stop(): Promise<void>
}

export async function testRedis(settings: Readonly<Record<string, string>> = {}): Promise<TestRedis> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'jiexi-redis-'))
  const socket = path.join(folder, 'redis.sock')
  const start = () =>
    startRedis({ save: '', appendonly: 'no', port: '0', unixsocket: socket, dir: folder, ...settings })
  let server = await start()

  const signal = async (name: NodeJS.Signals) => {
    if (isGone(server)) return
    const gone = new Promise((resolve) => server.once('exit', resolve))
    server.kill(name)
    if (name !== 'SIGSTOP' && name !== 'SIGCONT') await gone
  }
  return {
    url: `unix://${socket}`,
    get pid() {
      return server.pid!
    },
    signal,
    restart: async () => {
      server = await start()
    },
    stop: async () => {
      await signal('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What the command prints. */
export function redisCli({ url }: Pick<TestRedis, 'url'>, ...command: string[]): string {
  return execFileSync('redis-cli', ['-s', new URL(url).pathname, ...command], { encoding: 'utf8' })
}

function isGone(server: ChildProcess): boolean {
  return server.exitCode !== null || server.signalCode !== null
}

function startRedis(settings: Readonly<Record<string, string>>): Promise<ChildProcess> {
  const server = spawn('redis-server', ['-'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${JSON.stringify(value)}\n`)
  server.stdin!.end(lines.join(''))
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('exit', (code) => reject(new Error(`redis-server ended with code ${code}`)))
    createInterface(server.stdout!).on('line', (line) => {
      if (/ready to accept connections/i.test(line)) resolve(server)
    })
  })
}
