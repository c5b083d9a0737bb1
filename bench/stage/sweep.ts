/**
 * Clears away what a bench left behind that was killed before it could stop its servers. All of them run in its scratch
 * folder, whose name tells the process the folder belonged to. Linux tells where a process runs; elsewhere only files go.
 */
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { isAlive } from '../../src/platform/process-facts.js'

const FOLDER = /^jiexi-bench-(\d+)-/

export function makeScratchFolder(): string {
  return mkdtempSync(path.join(tmpdir(), `jiexi-bench-${process.pid}-`))
}

export function sweepScratchFolders(): void {
  for (const name of readdirSync(tmpdir())) {
    const owner = FOLDER.exec(name)?.[1]
    if (owner === undefined || isAlive(Number(owner))) continue
    const folder = path.join(tmpdir(), name)
    for (const pid of processesIn(folder)) killIfThere(pid)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Processes whose working folder is `folder` or below it. */
function processesIn(folder: string): number[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => `${workingFolder(pid)}/`.startsWith(`${folder}/`))
    .map(Number)
}

function workingFolder(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    // Gone meanwhile, or another account's.
    return ''
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself, when the one it belonged to did.
  }
}
