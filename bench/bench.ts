/** What the rows are given: options, the stage, the cores, and how to say what goes on. */
import type { BaselineServer } from './baselines/run.js'
import type { BenchOptions } from './command/options.js'
import type { Turns } from './load/rounds.js'
import type { Cleanup } from './stage/cleanup.js'
import type { Pinning } from './stage/pinning.js'
import type { Stage } from './stage/stage.js'

export interface Bench {
  readonly options: BenchOptions
  readonly stage: Stage
  readonly clean: Cleanup
  readonly pinned: Pinning | undefined
  /** One for all rows: each loads its own answers. */
  readonly bare: BaselineServer
  /** Those that were asked for beside it. */
  readonly otherBaselines: readonly BaselineServer[]
  /** How often sides take turns now: less often late in a quick run, so that it ends in time. */
  turns(): Turns
  /** Whether a quick run had better begin no further row. */
  isOutOfTime(): boolean
  /** One line on what is being done, for whoever waits. */
  say(line: string): void
}

/** A quick run promises to end within 45 s; on a busy machine it makes do with less from here on. */
const QUICK_ONE_ROUND_AFTER_SECONDS = 24
/** A row takes up to some seconds, and so do building the node before and stopping everything after. */
const QUICK_NO_MORE_AFTER_SECONDS = 32

/** A quick run does without warming up before each row: it says whether all rows work, not what is worth quoting. */
export function turnsAfter(elapsedSeconds: number, { quick, rounds }: BenchOptions): Turns {
  return { rounds: quick && elapsedSeconds > QUICK_ONE_ROUND_AFTER_SECONDS ? 1 : rounds, warmUp: !quick }
}

export function isLate(elapsedSeconds: number, { quick }: BenchOptions): boolean {
  return quick && elapsedSeconds > QUICK_NO_MORE_AFTER_SECONDS
}

/** Bounds that keep a run of ten million records in memory and time. */
export interface Sizes {
  /** Records asked for in the rows where caches answer; all of a smaller data set. */
  readonly hotRecords: number
  /** Requests drawn ahead; they repeat after that. */
  readonly drawnRequests: number
  /** Answers the bare server holds. */
  readonly recordedAnswers: number
}

export function sizesOf({ quick, records }: BenchOptions): Sizes {
  return {
    hotRecords: Math.min(records, 200_000),
    drawnRequests: quick ? 50_000 : 400_000,
    recordedAnswers: quick ? 2_000 : 20_000,
  }
}
