/** A TypeScript file run in a process of its own, for what only whole processes show: signals, kill -9, exit. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

export interface Child {
  readonly process: ChildProcess
  /** All it has written so far, both channels. */
  output(): string
  /** The first line, past or future, that matches; fails when the process ends without one. */
  line(pattern: RegExp): Promise<string>
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
}

const LOADER = pathToFileURL(
  path.join(path.dirname(createRequire(import.meta.url).resolve('tsx/package.json')), 'dist/loader.mjs'),
).href

export function runTypeScript(
  file: string,
  args: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Child {
  const child = spawn(process.execPath, ['--import', LOADER, file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  const lines: string[] = []
  const listeners = new Set<() => void>()
  const changed = () => {
    for (const listener of listeners) listener()
  }
  for (const channel of [child.stdout, child.stderr]) {
    createInterface(channel!).on('line', (line) => {
      lines.push(line)
      changed()
    })
  }
  let isOver = false
  const ended = once(child, 'close').then(([code, signal]) => {
    isOver = true
    changed()
    return (signal ?? code) as number | NodeJS.Signals
  })
  const output = () => lines.join('\n')
  return {
    process: child,
    output,
    ended,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = lines.find((line) => pattern.test(line))
          if (found === undefined && !isOver) return
          listeners.delete(look)
          if (found === undefined) reject(new Error(`The process ended without a line like ${pattern}:\n${output()}`))
          else resolve(found)
        }
        listeners.add(look)
        look()
      }),
  }
}
