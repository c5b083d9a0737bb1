/**
 * libfaketime: a process started with it has a wall clock that a file sets. Its monotonic clock stays real, as it does
 * when somebody sets the clock of a machine.
 */
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { ensurePrograms, type SystemProgram } from '../support/system-packages.js'

export const FAKETIME: SystemProgram = {
  names: ['faketime'],
  packages: ['faketime'],
  neededBy: 'the faults that set clocks',
}

export interface ClockChange {
  readonly aheadMs?: number
  readonly timesAsFast?: number
}

/** undefined: it is neither here nor installable. */
export function faketimeLibrary(): string | undefined {
  if (ensurePrograms([FAKETIME]).includes(undefined)) return undefined
  const folders = ['/usr/lib', ...readdirSync('/usr/lib').map((name) => path.join('/usr/lib', name))]
  return folders.map((folder) => path.join(folder, 'faketime/libfaketime.so.1')).find(existsSync)
}

/** How long it may take until a process has seen that its file changed. */
export const NOTICED_WITHIN_MS = 1_000

export function faketimeEnvironment(library: string, clockFile: string): Readonly<Record<string, string>> {
  return {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: clockFile,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    FAKETIME_CACHE_DURATION: String(NOTICED_WITHIN_MS / 1000),
  }
}

/** As the file says it. */
export function writtenClock({ aheadMs = 0, timesAsFast = 1 }: ClockChange): string {
  const seconds = (aheadMs / 1000).toFixed(3)
  return `${aheadMs < 0 ? '' : '+'}${seconds}${timesAsFast === 1 ? '' : ` x${timesAsFast}`}\n`
}
