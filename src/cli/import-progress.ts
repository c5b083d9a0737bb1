/** How an import goes: a bar for whoever watches, plain lines otherwise. */
import { type Options, Presets, SingleBar } from 'cli-progress'
import type { Terminal } from './terminal.js'

export interface ImportJson {
  readonly id: string
  readonly state: 'open' | 'running' | 'interrupted' | 'finished' | 'halted'
  readonly halted?: { readonly code: string; readonly reason: string }
  readonly dryRun: boolean
  readonly offset: number
  readonly rows: {
    readonly done: number
    readonly created: number
    readonly replaced: number
    readonly unchanged: number
    readonly withdrawn: number
    readonly failed: number
  }
  readonly errors: number
}

export interface Progress {
  show(job: ImportJson): void
  /** A line in between. */
  say(line: string): void
  stop(): void
}

export interface ProgressStart {
  /** Of the whole file; undefined for standard input. */
  readonly bytes: number | undefined
  /** Where this run began. */
  readonly offset: number
  readonly rowsDone: number
}

const PLAIN_EVERY_MS = 5_000

export function importProgress(terminal: Terminal, start: ProgressStart): Progress {
  return terminal.isWatched && start.bytes !== undefined
    ? barProgress(terminal, { ...start, bytes: start.bytes })
    : plainProgress(terminal, start)
}

function barProgress(terminal: Terminal, start: ProgressStart & { readonly bytes: number }): Progress {
  const pace = paceOf(start)
  const options: Options = {
    format: '{bar} {percentage} %  {done} rows  {rate} rows/s  {left} left  {failed} failed',
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    barsize: 24,
  }
  const bar = new SingleBar(options, Presets.shades_classic)
  const facts = (job: ImportJson) => {
    const { rowsPerSecond, secondsLeft } = pace(job)
    return { done: job.rows.done, failed: job.rows.failed, rate: rowsPerSecond, left: durationOf(secondsLeft) }
  }
  bar.start(Math.max(1, start.bytes), start.offset, { done: start.rowsDone, failed: 0, rate: 0, left: '?' })
  return {
    show: (job) => bar.update(job.offset, facts(job)),
    say: (line) => {
      bar.stop()
      terminal.err(`${line}\n`)
      bar.start(Math.max(1, start.bytes), start.offset, { done: start.rowsDone, failed: 0, rate: 0, left: '?' })
    },
    stop: () => bar.stop(),
  }
}

function plainProgress(terminal: Terminal, start: ProgressStart): Progress {
  const pace = paceOf(start)
  let lastMs = performance.now()
  return {
    show(job) {
      if (performance.now() - lastMs < PLAIN_EVERY_MS) return
      lastMs = performance.now()
      const { rowsPerSecond, secondsLeft } = pace(job)
      const left = secondsLeft === undefined ? '' : `, ${durationOf(secondsLeft)} left`
      terminal.err(`${job.rows.done} rows, ${job.rows.failed} failed, ${rowsPerSecond} rows/s${left}\n`)
    },
    say: (line) => terminal.err(`${line}\n`),
    stop: () => undefined,
  }
}

/** Averages since this run began. */
function paceOf(start: ProgressStart) {
  const startMs = performance.now()
  return (job: ImportJson) => {
    const seconds = (performance.now() - startMs) / 1000
    const rowsPerSecond = Math.round((job.rows.done - start.rowsDone) / seconds)
    const bytesPerSecond = (job.offset - start.offset) / seconds
    const left =
      start.bytes === undefined || bytesPerSecond === 0 ? undefined : (start.bytes - job.offset) / bytesPerSecond
    return { rowsPerSecond, secondsLeft: left }
  }
}

function durationOf(seconds: number | undefined): string {
  if (seconds === undefined) return '?'
  const whole = Math.ceil(seconds)
  return whole < 90 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}
