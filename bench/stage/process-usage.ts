/** What a process has used, read from /proc. Undefined on systems without it. */
import { readdirSync, readFileSync } from 'node:fs'

/** CPU seconds of all threads so far, to the nanosecond where the kernel keeps scheduler statistics. */
export function cpuSecondsOf(pid: number): number | undefined {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`)
    const nanoseconds = tasks.map((task) => Number(readText(`/proc/${pid}/task/${task}/schedstat`).split(' ')[0]))
    return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e9
  } catch {
    return undefined
  }
}

/** Resident memory now and its peak since the start, in bytes. */
export function memoryOf(pid: number): { readonly rssBytes: number; readonly peakRssBytes: number } | undefined {
  try {
    const status = readText(`/proc/${pid}/status`)
    return { rssBytes: kibibytes(status, 'VmRSS'), peakRssBytes: kibibytes(status, 'VmHWM') }
  } catch {
    return undefined
  }
}

function kibibytes(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) * 1024
}

function readText(path: string): string {
  return readFileSync(path, 'utf8')
}
