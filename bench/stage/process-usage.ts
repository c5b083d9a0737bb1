/** What a process and those below it have used, read from /proc. Undefined on systems without it. */
import { readdirSync, readFileSync } from 'node:fs'

/** CPU seconds of all threads so far, to the nanosecond where the kernel keeps scheduler statistics. */
export function cpuSecondsOf(pid: number): number | undefined {
  return sumOver(pid, (one) => {
    const tasks = readdirSync(`/proc/${one}/task`)
    const nanoseconds = tasks.map((task) => Number(readText(`/proc/${one}/task/${task}/schedstat`).split(' ')[0]))
    return nanoseconds.reduce((sum, more) => sum + more, 0) / 1e9
  })
}

/** Resident memory now and its peak since the start, in bytes. */
export function memoryOf(pid: number): { readonly rssBytes: number; readonly peakRssBytes: number } | undefined {
  const total = (field: string) => sumOver(pid, (one) => kibibytes(readText(`/proc/${one}/status`), field))
  const [rssBytes, peakRssBytes] = [total('VmRSS'), total('VmHWM')]
  return rssBytes === undefined || peakRssBytes === undefined ? undefined : { rssBytes, peakRssBytes }
}

/** undefined when it or one below it is gone. */
function sumOver(pid: number, figureOf: (pid: number) => number): number | undefined {
  try {
    return [pid, ...descendantsOf(pid)].reduce((sum, one) => sum + figureOf(one), 0)
  } catch {
    return undefined
  }
}

/** Children, theirs, and so on. None where the kernel does not list them. */
function descendantsOf(pid: number): number[] {
  try {
    const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readText(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean).map(Number),
    )
    return children.flatMap((child) => [child, ...descendantsOf(child)])
  } catch {
    return []
  }
}

function kibibytes(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) * 1024
}

function readText(path: string): string {
  return readFileSync(path, 'utf8')
}
