/**
 * A server of our own as a child process: started, awaited, kept up, stopped.
 *
 * It runs in a process group of its own: Ctrl-C in a terminal goes to the whole foreground group, and must reach the
 * node alone, which first finishes its requests and then stops its servers. A server that dies is started again with
 * the same arguments, so clients find it under the same address.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf, NodeError } from './errors.js'

/** An account without rights of its own, for servers that root starts. PostgreSQL refuses to run as root. */
export interface SystemUser {
  readonly uid: number
  readonly gid: number
}

export interface ProgramSpec {
  /** For messages. */
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  /** Folders in which the program is looked for; none needed when `program` is a path. */
  readonly searchPath?: string
  readonly folder?: string
  readonly user?: SystemUser | undefined
  /** Given to its standard input, which is then closed: passwords are not for the command line, where all can read. */
  readonly input?: string
  /** Handed over as file descriptor 3. */
  readonly openFolder?: string | undefined
  readonly log?: ((line: string) => void) | undefined
}

export interface ServerSpec extends ProgramSpec {
  readonly readyLine: RegExp
  readonly readyWithinMs: number
  /** Tried in order, each given `stopStepMs`. */
  readonly stopSignals: readonly NodeJS.Signals[]
  readonly stopStepMs: number
}

export interface ChildServer {
  /** Of the present process: another one after a restart, undefined in between. */
  pid(): number | undefined
  stop(): Promise<void>
}

const KEPT_LINES = 20
const LAST_WORDS_MS = 300
const FIRST_RETRY_MS = 100
const MAX_RETRY_MS = 5_000

export function unprivilegedUser(): SystemUser | undefined {
  return process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined
}

/** @throws NodeError `internal` with the server's last words when it does not become ready. */
export async function startServer(spec: ServerSpec): Promise<ChildServer> {
  const stopping = new AbortController()
  let current = launch(spec)
  let keeping: Promise<void> = Promise.resolve()
  let stopped: Promise<void> | undefined

  const onExit = () => current.child.kill(spec.stopSignals[0])
  const keepUp = async () => {
    for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(waitMs * 2, MAX_RETRY_MS)) {
      const why = await current.exited
      if (stopping.signal.aborted) return
      spec.log?.(`${spec.name} is gone: ${why}; starting it again in ${waitMs} ms`)
      await delay(waitMs, undefined, { signal: stopping.signal }).catch(() => undefined)
      if (stopping.signal.aborted) return
      current = launch(spec)
      const ready = await untilReady(current, spec).then(
        () => true,
        () => false,
      )
      if (ready) waitMs = FIRST_RETRY_MS / 2
      else await end(current, spec)
    }
  }
  const stop = async () => {
    stopping.abort()
    process.off('exit', onExit)
    await end(current, spec)
    await keeping
  }

  process.once('exit', onExit)
  try {
    await untilReady(current, spec)
  } catch (error) {
    await stop()
    throw error
  }
  keeping = keepUp()
  return {
    pid: () => (current.child.exitCode === null && current.child.signalCode === null ? current.child.pid : undefined),
    stop: () => {
      stopped ??= stop()
      return stopped
    },
  }
}

/** Runs a program to its end. @throws NodeError `internal` with its last words when it fails. */
export async function runProgram(spec: ProgramSpec): Promise<void> {
  const { child, exited, lastLines } = launch(spec)
  const why = await exited
  if (child.exitCode !== 0) throw new NodeError('internal', `${spec.name} failed: ${why}.${quoted(lastLines)}`)
}

interface Launched {
  readonly child: ChildProcess
  /** Resolves with why it ended. */
  readonly exited: Promise<string>
  readonly lastLines: readonly string[]
  onLine(listener: (line: string) => void): void
}

function launch(spec: ProgramSpec): Launched {
  const openFolder = spec.openFolder === undefined ? undefined : openSync(spec.openFolder, 'r')
  const child = spawn(spec.program, spec.args, {
    ...(spec.folder === undefined ? {} : { cwd: spec.folder }),
    ...spec.user,
    ...environmentOf(spec),
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', ...(openFolder === undefined ? [] : [openFolder])],
  })
  if (openFolder !== undefined) closeSync(openFolder)
  child.stdin?.on('error', ignoreClosedInput)
  child.stdin?.end(spec.input ?? '')

  const lines = [child.stdout, child.stderr].map((output) => createInterface(output as Readable))
  const onLine = (listener: (line: string) => void) => {
    for (const reader of lines) reader.on('line', listener)
  }
  const lastLines: string[] = []
  onLine((line) => {
    lastLines.push(line)
    if (lastLines.length > KEPT_LINES) lastLines.shift()
    spec.log?.(line)
  })
  return { child, lastLines, onLine, exited: endOf(child) }
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    const tell = (code: number | null, signal: string | null) =>
      resolve(signal ? `it was ended by ${signal}` : `it ended with code ${code}`)
    child.once('error', (error) => resolve(messageOf(error)))
    child.once('close', tell)
    // Its last words come before `close`; its children may hold the pipes open for longer than anyone wants to wait.
    child.once('exit', (code, signal) => setTimeout(tell, LAST_WORDS_MS, code, signal))
  })
}

async function untilReady(launched: Launched, spec: ServerSpec): Promise<void> {
  const ready = new Promise<undefined>((resolve) => {
    launched.onLine((line) => {
      if (spec.readyLine.test(line)) resolve(undefined)
    })
  })
  const late = `it was not ready within ${spec.readyWithinMs / 1000} s`
  const failure = await within(spec.readyWithinMs, Promise.race([ready, launched.exited]), late)
  if (failure === undefined) return
  throw new NodeError('internal', `${spec.name} did not start: ${failure}.${quoted(launched.lastLines)}`)
}

async function within<Value, Late>(ms: number, wanted: Promise<Value>, late: Late): Promise<Value | Late> {
  const bound = new AbortController()
  const timer = delay(ms, late, { signal: bound.signal }).catch(() => late)
  try {
    return await Promise.race([wanted, timer])
  } finally {
    bound.abort()
  }
}

function quoted(lines: readonly string[]): string {
  return lines.length === 0 ? '' : ` Its last lines:\n  ${lines.join('\n  ')}`
}

async function end({ child, exited }: Launched, spec: ServerSpec): Promise<void> {
  for (const signal of spec.stopSignals) {
    child.kill(signal)
    if ((await within(spec.stopStepMs, exited, undefined)) !== undefined) return
  }
}

/** Our variables (secrets, PGOPTIONS) are not the server's business. Windows programs need the system's own. */
function environmentOf({ searchPath }: ProgramSpec): { env?: Record<string, string> } {
  return process.platform === 'win32' ? {} : { env: { PATH: searchPath ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' } }
}

function ignoreClosedInput(): void {
  // A server that ended before it read its input says why on its other channels.
}
