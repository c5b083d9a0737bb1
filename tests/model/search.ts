/**
 * Searches the states of the model with Spin. A search counts only if it completed: one that ran out of memory or depth
 * also says "errors: 0".
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { SystemProgram } from '../support/system-packages.js'

export const SPIN: SystemProgram = { names: ['spin'], packages: ['spin'], neededBy: 'the model of the cache protocol' }
export const GCC: SystemProgram = {
  names: ['gcc'],
  packages: ['gcc', 'libc6-dev'],
  neededBy: 'the model of the cache protocol',
}

const MODEL = path.join(import.meta.dirname, 'coherence.pml')
const MAX_DEPTH = 1_000_000

export interface SearchOptions {
  readonly writers: 2 | 3
  readonly lastTick: number
  readonly crash?: boolean
  /** Every write waits until it shows everywhere. */
  readonly wait?: boolean
  /** Look-ups do not join one another: half as many states. */
  readonly noJoin?: boolean
  readonly variant?: string
  /** Keeps hashes of states (96 bits) in place of states, as large searches must. */
  readonly isCompact?: boolean
  readonly timeoutMs: number
}

export interface Search {
  readonly states: number
  readonly errors: number
  /** Every state that can be reached was looked at. */
  readonly isComplete: boolean
  readonly seconds: number
  readonly output: string
}

/** @throws Error when spin or the compiler fails, or the search did not end in time */
export function search(options: SearchOptions): Search {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'jiexi-model-'))
  try {
    run(folder, 'spin', [...definesOf(options), '-a', MODEL])
    if (options.isCompact) useLongHashes(path.join(folder, 'pan.c'))
    const kind = options.isCompact ? ['-DHC4'] : []
    run(folder, 'gcc', ['-O2', '-w', '-DSAFETY', '-DNOREDUCE', '-DMEMLIM=12000', ...kind, '-o', 'pan', 'pan.c'])
    const startedAtMs = performance.now()
    const output = run(folder, './pan', [`-m${MAX_DEPTH}`, `-w${options.isCompact ? 27 : 25}`], options.timeoutMs)
    return { ...readSearch(output), seconds: (performance.now() - startedAtMs) / 1000, output }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * With tables of up to 2^32 places Spin 6.5 takes a hash of 32 bits for everything, for what -DHC4 keeps in place of the
 * state too: one state in twenty was taken for another. The one of 128 bits is there as well.
 */
function useLongHashes(program: string): void {
  const source = readFileSync(program, 'utf8')
  const choice = /if \(ssize <= 32\)([^{]*\{\s*hasher = d_sfh;)/
  if (!choice.test(source)) throw new Error('this version of Spin chooses its hash function in a way that is not known')
  writeFileSync(
    program,
    source.replace(choice, (_, rest) => `if (0)${rest}`),
  )
}

export function readSearch(output: string): Pick<Search, 'states' | 'errors' | 'isComplete'> {
  const errors = /^State-vector \d+ byte, depth reached \d+, errors: (\d+)$/m.exec(output)?.[1]
  const states = /^\s*([\d.e+]+) states, stored/m.exec(output)?.[1]
  const isCut = /max search depth too small|out of memory|memory limit|not completed|truncated|interrupted/i.test(
    output,
  )
  return {
    errors: Number(errors ?? Number.NaN),
    states: Number(states ?? Number.NaN),
    isComplete: errors === '0' && states !== undefined && !isCut,
  }
}

function definesOf({ writers, lastTick, crash, wait, noJoin, variant }: SearchOptions): string[] {
  const flags = { CRASH: crash, WAIT: wait, NOJOIN: noJoin }
  const set = Object.entries(flags).flatMap(([name, isSet]) => (isSet ? [name] : []))
  return [`W=${writers}`, `LAST_TICK=${lastTick}`, ...set, ...(variant ? [variant] : [])].map((name) => `-D${name}`)
}

function run(folder: string, program: string, args: readonly string[], timeoutMs = 60_000): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  if (error !== undefined || status === null)
    throw new Error(`${program} did not end well: ${error?.message ?? 'killed'}`)
  // The search's own status says little: it is 0 with errors found, and with a search that was cut short.
  if (status !== 0 && program !== './pan') throw new Error(`${program} failed: ${stderr || stdout}`)
  return stdout + stderr
}
