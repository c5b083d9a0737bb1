/** One replica of ours: the built node in a process of its own, always on the same port, behind its own chaos proxies. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../../src/platform/errors.js'
import { freePort } from '../../src/platform/free-port.js'
import { type ChaosProxy, chaosProxy } from '../support/chaos-proxy.js'
import { type ClockChange, faketimeEnvironment, faketimeLibrary, writtenClock } from './faketime.js'

export interface NodeProcess {
  readonly port: number
  readonly redisProxy: ChaosProxy
  readonly postgresProxy: ChaosProxy
  /** How many processes there were, this one included. */
  readonly incarnation: number
  /** Ends that nobody asked for, each with the node's last words. */
  readonly crashes: readonly string[]
  /** The end of what it has written. */
  recentOutput(): string
  /** Starts a process when there is none; resolves when it is ready. */
  start(): Promise<void>
  /** Resolves when a process that the signal ends is gone. */
  signal(signal: NodeJS.Signals): Promise<void>
  /** Sets the node's wall clock; `{}` sets it right. @throws Error when there is no faketime here */
  setClock(change: ClockChange): void
  stop(): Promise<void>
}

export interface NodeProcessOptions {
  readonly name: string
  /** Without the lab's proxy in between. */
  readonly databaseUrl: string
  readonly redisSocketPath: string
  readonly adminKey: string
}

const PROGRAM = path.resolve(import.meta.dirname, '../../dist/main.js')
const READY_WITHIN_MS = 60_000
const STOP_WITHIN_MS = 5_000
const POLL_MS = 20
const READY_ANSWER_MS = 1_000
const KEPT_CHARACTERS = 1_500
/** Ends the node with the lab, however that ends. Linux only; elsewhere a killed lab leaves its nodes behind. */
const WITH_US = ['/usr/bin/setpriv', '/bin/setpriv'].find((file) => existsSync(file))

export async function nodeProcess(options: NodeProcessOptions): Promise<NodeProcess> {
  const direct = new URL(options.databaseUrl)
  const postgresProxy = await chaosProxy({ host: direct.hostname, port: Number(direct.port) })
  const redisProxy = await chaosProxy({ path: options.redisSocketPath })
  const port = await freePort()
  direct.port = String(postgresProxy.port)
  const faketime = faketimeLibrary()
  const clockFile = path.join(os.tmpdir(), `jiexi-clock-${process.pid}-${port}`)
  writeFileSync(clockFile, writtenClock({}))
  const environment = {
    ...(faketime && faketimeEnvironment(faketime, clockFile)),
    PATH: process.env['PATH'] ?? '',
    NODE_ENV: 'production',
    PORT: String(port),
    JIEXI_HANDLE_PORT: 'none',
    JIEXI_HANDLE_HTTP_PORT: 'none',
    DATABASE_URL: direct.href,
    REDIS_URL: `redis://127.0.0.1:${redisProxy.port}`,
    JIEXI_ADMIN_KEY: options.adminKey,
    JIEXI_NODE_NAME: options.name,
    JIEXI_MEMORY_CACHE_BYTES: '16MiB',
    JIEXI_DRAIN_SECONDS: '2',
    JIEXI_LOG_LEVEL: 'error',
    JIEXI_LOG_SAMPLE: '0',
  }
  let child: ChildProcess | undefined
  let incarnation = 0
  let output = ''
  const crashes: string[] = []
  const asked = new WeakSet<ChildProcess>()

  const signal = async (name: NodeJS.Signals) => {
    const current = child
    if (current === undefined || isGone(current)) return
    if (name === 'SIGSTOP' || name === 'SIGCONT') {
      current.kill(name)
      return
    }
    const gone = new Promise((resolve) => current.once('exit', resolve))
    asked.add(current)
    current.kill(name)
    await gone
  }
  const endWithUs = () => child?.kill('SIGKILL')
  process.once('exit', endWithUs)

  return {
    port,
    redisProxy,
    postgresProxy,
    get incarnation() {
      return incarnation
    },
    crashes,
    recentOutput: () => output,
    async start() {
      const giveUpAtMs = performance.now() + READY_WITHIN_MS
      for (;;) {
        if (child === undefined || isGone(child)) {
          incarnation += 1
          output = ''
          child = launch(environment, (text) => {
            output = (output + text).slice(-KEPT_CHARACTERS)
          })
          const launched = child
          launched.once('close', (code, signal) => {
            if (!asked.has(launched))
              crashes.push(`${options.name} ended by itself (${signal ?? `code ${code}`}); its last words:\n${output}`)
          })
        }
        const obstacle = await obstacleAt(port)
        if (obstacle === undefined) return
        if (performance.now() > giveUpAtMs)
          throw new Error(`${options.name} did not become ready (${obstacle}). Its output:\n${output}`)
        await delay(POLL_MS)
      }
    },
    signal,
    setClock(change) {
      if (faketime !== undefined) writeFileSync(clockFile, writtenClock(change))
      else if (Object.keys(change).length > 0) throw new Error('faketime is missing')
    },
    async stop() {
      process.off('exit', endWithUs)
      await signal('SIGCONT')
      const timer = setTimeout(() => child?.kill('SIGKILL'), STOP_WITHIN_MS)
      await signal('SIGTERM')
      clearTimeout(timer)
      await Promise.all([redisProxy.close(), postgresProxy.close()])
      rmSync(clockFile, { force: true })
    },
  }
}

function launch(environment: Readonly<Record<string, string>>, onOutput: (text: string) => void): ChildProcess {
  const command = [...(WITH_US ? [WITH_US, '--pdeathsig', 'KILL'] : []), process.execPath, PROGRAM]
  const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], env: environment })
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => onOutput(bytes.toString()))
  child.on('error', (error) => onOutput(error.message))
  return child
}

function isGone(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** Why the node is not ready; undefined: it is. */
async function obstacleAt(port: number): Promise<string | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(READY_ANSWER_MS) })
    const body = await response.text()
    return response.ok ? undefined : `${response.status} ${body}`
  } catch (error) {
    return messageOf(error)
  }
}
