/** The command as its users have it: a process of its own, with its own standard input, output and errors. */
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'

const MAIN = path.resolve(import.meta.dirname, '../../src/cli/main.ts')
const LOADER = pathToFileURL(
  path.join(path.dirname(createRequire(import.meta.url).resolve('tsx/package.json')), 'dist/loader.mjs'),
).href

export interface Run {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface RunningCommand {
  readonly ended: Promise<Run>
  /** What it has written to standard error so far. */
  said(): string
  kill(signal: NodeJS.Signals): void
}

export interface RunOptions {
  readonly node?: string
  readonly apiKey?: string
  readonly input?: string | Buffer
  readonly environment?: Readonly<Record<string, string>>
}

export function startJiexi(args: readonly string[], options: RunOptions = {}): RunningCommand {
  const { PATH, HOME, TMPDIR } = process.env
  const child = spawn(process.execPath, ['--import', LOADER, MAIN, ...args], {
    env: {
      PATH,
      HOME,
      ...(TMPDIR === undefined ? {} : { TMPDIR }),
      ...(options.node === undefined ? {} : { JIEXI_NODE: options.node }),
      ...(options.apiKey === undefined ? {} : { JIEXI_API_KEY: options.apiKey }),
      ...options.environment,
    },
  })
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input ?? '')
  let said = ''
  child.stderr.on('data', (piece) => {
    said += String(piece)
  })
  const code = new Promise<number | null>((resolve) => child.on('close', resolve))
  const ended = Promise.all([code, text(child.stdout), text(child.stderr)])
  return {
    ended: ended.then(([exitCode, out, err]) => ({ code: exitCode, out, err })),
    said: () => said,
    kill: (signal) => void child.kill(signal),
  }
}

export function jiexi(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  return startJiexi(args, options).ended
}
