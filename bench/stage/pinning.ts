/**
 * One core for what is measured, another for the load. On two shared cores this halves the noise. The database and Redis
 * stay free to run on either. Linux with `taskset` (util-linux) only; elsewhere nothing is pinned, and the report says so.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'

export interface Pinning {
  readonly serverCore: number
  readonly loadCore: number
  /** For what is measured with several processes: as many as there are beside the load's, the server's first. */
  readonly serverCores: readonly number[]
}

/** Undefined where pinning is not possible. */
export function findPinning(): Pinning | undefined {
  if (process.platform !== 'linux' || spawnSync('taskset', ['--version']).status !== 0) return undefined
  const [serverCore, loadCore, ...others] = allowedCores()
  if (serverCore === undefined || loadCore === undefined) return undefined
  return { serverCore, loadCore, serverCores: [serverCore, ...others] }
}

/** Pins all threads of this process. Children started from now on inherit it unless they are pinned themselves. */
export function pinThisProcess(core: number): void {
  spawnSync('taskset', ['--all-tasks', '--cpu-list', '--pid', String(core), String(process.pid)])
}

/** As `nice` counts. */
const BEHIND = 10

/**
 * Lets whoever else wants this core go first meanwhile. A generator that spins until the next request is due would keep Redis
 * waiting, which shares its core on a machine of two, and count the wait. Only root may take its priority back, so only root
 * gives it away.
 */
export async function behindOthers<Result>(work: () => Promise<Result>): Promise<Result> {
  if (process.getuid?.() !== 0) return work()
  const before = getPriority()
  setPriority(BEHIND)
  try {
    return await work()
  } finally {
    setPriority(before)
  }
}

/** The command that runs `command` on these cores, or as it is when they are undefined. */
export function pinnedCommand(
  cores: number | readonly number[] | undefined,
  command: readonly string[],
): readonly string[] {
  return cores === undefined ? command : ['taskset', '--cpu-list', [cores].flat().join(','), ...command]
}

/** `0-2,5` → 0, 1, 2, 5. A container may have been given only some of the machine's cores. */
export function parseCoreList(text: string): number[] {
  return text
    .trim()
    .split(',')
    .filter((range) => range !== '')
    .flatMap((range) => {
      const [first = 0, last = first] = range.split('-').map(Number)
      return Array.from({ length: last - first + 1 }, (_, offset) => first + offset)
    })
}

function allowedCores(): number[] {
  const status = readFileSync('/proc/self/status', 'utf8')
  return parseCoreList(/^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '')
}
