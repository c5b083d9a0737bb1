/** What the operating system says of a process: enough to tell our own orphan from a stranger that got the same number. */
import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'

export interface ProcessFacts {
  readonly parentPid: number
  /** Program and arguments, separated by blanks. */
  readonly command: string
  /** Its working folder, where the system tells (Linux, for processes we may look at). */
  readonly folder: string | undefined
}

/** undefined: no such process, one that has ended and waits to be reaped, or a system that tells nothing (Windows). */
export function findProcess(pid: number): ProcessFacts | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined
  try {
    return process.platform === 'linux' ? fromProc(pid) : fromPs(pid)
  } catch {
    return undefined
  }
}

export function isAlive(pid: number): boolean {
  if (process.platform !== 'win32') return findProcess(pid) !== undefined
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function fromProc(pid: number): ProcessFacts | undefined {
  // `pid (name) state parent …`; the name may hold blanks and parentheses (proc(5)).
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (state === 'Z' || state === 'X') return undefined
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  return { parentPid: Number(parent), command, folder: folderOf(pid) }
}

function folderOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return undefined
  }
}

function fromPs(pid: number): ProcessFacts | undefined {
  const line = execFileSync('ps', ['-o', 'ppid=,state=,command=', '-p', String(pid)], { encoding: 'utf8' }).trim()
  const match = /^(\d+)\s+(\S+)\s+(.*)$/.exec(line)
  if (!match || match[2]!.startsWith('Z')) return undefined
  return { parentPid: Number(match[1]), command: match[3]!, folder: undefined }
}
