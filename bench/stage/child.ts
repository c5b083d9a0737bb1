/** A child process with the end of its output at hand, for the message when it fails. */
import { type ChildProcess, spawn } from 'node:child_process'

export interface Child {
  readonly pid: number
  readonly process: ChildProcess
  /** The last lines it wrote, both streams. */
  recentOutput(): string
  readonly exited: Promise<string>
  /** SIGTERM, and SIGKILL when that did not end it in time. */
  stop(): Promise<void>
}

export interface ChildOptions {
  readonly environment?: Readonly<Record<string, string>>
  readonly folder?: string
  /** Opens an IPC channel. */
  readonly messages?: boolean
  /** Puts it into a process group of its own, so that what it starts is stopped with it. Not on Windows. */
  readonly group?: boolean
}

const KEPT_CHARACTERS = 8_000
const STOP_TIMEOUT_MS = 10_000

export function startChild(command: readonly string[], options: ChildOptions = {}): Child {
  const [file = '', ...parameters] = command
  const isGroup = options.group === true && process.platform !== 'win32'
  const child = spawn(file, parameters, {
    stdio: ['ignore', 'pipe', 'pipe', ...(options.messages ? (['ipc'] as const) : [])],
    env: { ...foreignEnvironment(), ...options.environment },
    detached: isGroup,
    ...(options.folder === undefined ? {} : { cwd: options.folder }),
  })
  let output = ''
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-KEPT_CHARACTERS)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  let ended = false
  const kill = (signal: NodeJS.Signals) => (isGroup ? killGroup(child.pid, signal) : child.kill(signal))
  // Last resort, for a child that is still starting when this process has to end.
  const endWithUs = () => kill('SIGTERM')
  process.once('exit', endWithUs)
  const exited = new Promise<string>((resolve) => {
    const end = (how: string) => {
      ended = true
      process.off('exit', endWithUs)
      resolve(how)
    }
    child.on('error', (error) => end(error.message))
    child.on('close', (code, signal) => end(signal ? `ended by ${signal}` : `ended with code ${code}`))
  })

  return {
    pid: child.pid ?? 0,
    process: child,
    recentOutput: () => output.trimEnd(),
    exited,
    stop: async () => {
      if (ended) return
      kill('SIGTERM')
      const timer = setTimeout(() => kill('SIGKILL'), STOP_TIMEOUT_MS)
      await exited
      clearTimeout(timer)
    },
  }
}

function killGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (leader !== undefined) process.kill(-leader, signal)
  } catch {
    // All of it has ended.
  }
}

/** Without the settings of a node of the caller's own, which must not reach the one under test. */
function foreignEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('JIEXI_')))
}
