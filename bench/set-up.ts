/** Makes what the rows are given: servers, cores, baselines. */
import { startOtherBaselines } from './baselines/others.js'
import { startBareServer } from './baselines/run.js'
import { type Bench, isLate, sizesOf, turnsAfter } from './bench.js'
import type { BenchOptions } from './command/options.js'
import type { Report } from './report/report.js'
import { sizesOfScale } from './rows/scale.js'
import type { Cleanup } from './stage/cleanup.js'
import { describeEnvironment, type Environment } from './stage/environment.js'
import { MEMORY_CACHE_BYTES } from './stage/measured-node.js'
import { findPinning, pinThisProcess } from './stage/pinning.js'
import { waitForQuiet } from './stage/quiet.js'
import { type Stage, setStage } from './stage/stage.js'

export interface Ready<Prepared> {
  readonly bench: Bench
  readonly environment: Environment
  readonly prepared: Prepared
  elapsedSeconds(): number
}

/** `prepare` is what has to be done before this process, and what it starts, is bound to the load's core. */
export async function setUp<Prepared>(
  options: BenchOptions,
  clean: Cleanup,
  prepare: (stage: Stage, say: Bench['say']) => Promise<Prepared>,
): Promise<Ready<Prepared>> {
  const startedAt = performance.now()
  const elapsedSeconds = () => (performance.now() - startedAt) / 1000
  const say = (line: string) => void process.stderr.write(`${elapsedSeconds().toFixed(1).padStart(6)} s  ${line}\n`)

  if (options.save) await waitForQuiet(say)
  say('starting PostgreSQL and Redis')
  const stage = await setStage(clean)
  const prepared = await prepare(stage, say)
  const pinned = findPinning()
  if (pinned) pinThisProcess(pinned.loadCore)
  const environment = describeEnvironment({
    postgres: stage.postgresVersion,
    hasRedis: stage.redisUrl !== undefined,
    pinned,
  })
  const bare = await startBareServer(pinned?.serverCore)
  clean.add(bare.stop)
  const otherBaselines = await startOtherBaselines({
    choices: options.baselines,
    path: options.baselinePath,
    scratchFolder: stage.scratchFolder,
    core: pinned?.serverCore,
    started: ({ stop }) => clean.add(stop),
  })
  const turns = () => turnsAfter(elapsedSeconds(), options)
  const isOutOfTime = () => isLate(elapsedSeconds(), options)
  const bench = { options, stage, clean, pinned, bare, otherBaselines, turns, isOutOfTime, say }
  return { bench, environment, prepared, elapsedSeconds }
}

export function describeOptions(options: BenchOptions): Report['options'] {
  return {
    records: options.records,
    hotRecords: sizesOf(options).hotRecords,
    scale: sizesOfScale(options).join(' '),
    seed: options.seed,
    connections: options.connections,
    rounds: options.rounds,
    durationMs: options.durationMs,
    memoryCacheBytes: MEMORY_CACHE_BYTES,
    quick: options.quick,
    baselines: options.baselines.map((choice) => (choice.kind === 'command' ? choice.command : choice.kind)),
  }
}
