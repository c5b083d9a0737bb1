/** Where and with what a run took place: figures without it are worth nothing. */
import { spawnSync } from 'node:child_process'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import path from 'node:path'
import type { Pinning } from './pinning.js'

export interface Environment {
  readonly date: string
  /** With `+changes` when files differ from it; undefined outside of a clone. */
  readonly commit: string | undefined
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly system: string
  readonly node: string
  readonly postgres: string
  readonly redis: string | undefined
  /** Which core the server and which the load had; undefined when nothing was pinned. */
  readonly pinned: Pinning | undefined
  /** Runnable processes over the minute before: what else the machine was doing. */
  readonly loadAverageBefore: number
}

export const PROJECT = path.resolve(import.meta.dirname, '../..')

export function describeEnvironment(known: {
  readonly postgres: string
  readonly hasRedis: boolean
  readonly pinned: Pinning | undefined
}): Environment {
  const processors = cpus()
  return {
    date: new Date().toISOString(),
    commit: commitOf(PROJECT),
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
    node: process.version,
    postgres: known.postgres,
    redis: known.hasRedis ? redisVersion() : undefined,
    pinned: known.pinned,
    loadAverageBefore: loadavg()[0] ?? 0,
  }
}

export function commitOf(folder: string): string | undefined {
  const hash = firstLine('git', ['-C', folder, 'rev-parse', '--short=12', 'HEAD'])
  if (hash === undefined) return undefined
  return firstLine('git', ['-C', folder, 'status', '--porcelain']) ? `${hash}+changes` : hash
}

function redisVersion(): string | undefined {
  return /v=(\S+)/.exec(firstLine('redis-server', ['--version']) ?? '')?.[1]
}

/** Undefined when the command fails or is not there. */
function firstLine(command: string, parameters: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(command, parameters, { encoding: 'utf8' })
  return status === 0 ? (stdout.split('\n')[0] ?? '') : undefined
}
