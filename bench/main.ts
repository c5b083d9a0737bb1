/** `npm run bench`: starts what it needs, measures, prints the report, stops what it started. */
import { startOtherBaselines } from './baselines/others.js'
import { startBareServer } from './baselines/run.js'
import { type Bench, isLate, sizesOf, turnsAfter } from './bench.js'
import { type BenchOptions, readOptions } from './command/options.js'
import { USAGE } from './command/usage.js'
import { judgeGoals } from './report/goals.js'
import type { Report } from './report/report.js'
import { formatReport } from './report/report-text.js'
import { RESULTS_FOLDER, writeReport } from './report/write.js'
import { sizesOfScale } from './rows/scale.js'
import { runRows } from './run.js'
import { type Cleanup, cleanup } from './stage/cleanup.js'
import { describeEnvironment } from './stage/environment.js'
import { MEMORY_CACHE_BYTES } from './stage/measured-node.js'
import { findPinning, pinThisProcess } from './stage/pinning.js'
import { waitForQuiet } from './stage/quiet.js'
import { setStage } from './stage/stage.js'

async function main(): Promise<number> {
  let options: BenchOptions | 'help'
  try {
    options = readOptions(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}\n`)
    return 2
  }
  if (options === 'help') {
    process.stdout.write(`${USAGE}\n`)
    return 0
  }

  const clean = cleanup()
  try {
    const report = await measure(options, clean)
    process.stdout.write(`\n${formatReport(report)}\n`)
    const keepIn = options.save ? RESULTS_FOLDER : undefined
    for (const file of writeReport(report, { ...options, keepIn })) process.stderr.write(`Written: ${file}\n`)
    return report.left.some(({ failed }) => failed) ? 1 : 0
  } catch (error) {
    if (!clean.interrupted)
      process.stderr.write(`The bench could not go on. ${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  } finally {
    await clean.run()
  }
}

async function measure(options: BenchOptions, clean: Cleanup): Promise<Report> {
  const startedAt = performance.now()
  const elapsed = () => (performance.now() - startedAt) / 1000
  const say = (line: string) => void process.stderr.write(`${elapsed().toFixed(1).padStart(6)} s  ${line}\n`)

  if (options.save) await waitForQuiet(say)
  say('starting PostgreSQL and Redis')
  const stage = await setStage(clean)
  const pinned = findPinning()
  if (pinned) pinThisProcess(pinned.loadCore)
  const environment = describeEnvironment({
    postgres: stage.postgresVersion,
    hasRedis: stage.redisUrl !== undefined,
    pinned,
  })
  const bare = await startBareServer(pinned?.serverCore)
  clean.add(bare.stop)
  const bench: Bench = {
    options,
    stage,
    clean,
    pinned,
    bare,
    otherBaselines: await startOtherBaselines({
      choices: options.baselines,
      path: options.baselinePath,
      scratchFolder: stage.scratchFolder,
      core: pinned?.serverCore,
      started: ({ stop }) => clean.add(stop),
    }),
    turns: () => turnsAfter(elapsed(), options),
    isOutOfTime: () => isLate(elapsed(), options),
    say,
  }
  const found = await runRows(bench)
  return { environment, options: describeOptions(options), ...found, goals: judgeGoals(found), seconds: elapsed() }
}

function describeOptions(options: BenchOptions): Report['options'] {
  const { hotRecords } = sizesOf(options)
  return {
    records: options.records,
    hotRecords,
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

process.exitCode = await main()
