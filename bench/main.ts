/** `npm run bench`: starts what it needs, measures, prints the report, stops what it started. */
import { writeFileSync } from 'node:fs'
import { type BenchOptions, type Comparison, readOptions } from './command/options.js'
import { USAGE } from './command/usage.js'
import { formatComparison } from './compare/report.js'
import { buildBoth, findCommits } from './compare/revisions.js'
import { compareBuilds } from './compare/run.js'
import { RULE } from './compare/verdict.js'
import { judgeGoals } from './report/goals.js'
import type { LeftRow, Report } from './report/report.js'
import { formatReport } from './report/report-text.js'
import { RESULTS_FOLDER, writeReport } from './report/write.js'
import { runRows } from './run.js'
import { describeOptions, setUp } from './set-up.js'
import { type Cleanup, cleanup } from './stage/cleanup.js'

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
    const { compare } = options
    const left = compare ? await compareRevisions(options, compare, clean) : await measure(options, clean)
    return left.some(({ failed }) => failed) ? 1 : 0
  } catch (error) {
    if (!clean.interrupted)
      process.stderr.write(`The bench could not go on. ${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  } finally {
    await clean.run()
  }
}

/** Returns the rows that are not there. */
async function measure(options: BenchOptions, clean: Cleanup): Promise<readonly LeftRow[]> {
  const { bench, environment, elapsedSeconds } = await setUp(options, clean, async () => undefined)
  const found = await runRows(bench)
  const report: Report = {
    environment,
    options: describeOptions(options),
    ...found,
    goals: judgeGoals(found, options.only),
    seconds: elapsedSeconds(),
  }
  process.stdout.write(`\n${formatReport(report)}\n`)
  const keepIn = options.save ? RESULTS_FOLDER : undefined
  for (const file of writeReport(report, { ...options, keepIn })) process.stderr.write(`Written: ${file}\n`)
  return report.left
}

/** Returns the rows that are not there. */
async function compareRevisions(
  options: BenchOptions,
  comparison: Comparison,
  clean: Cleanup,
): Promise<readonly LeftRow[]> {
  const commits = findCommits(comparison)
  const ready = await setUp(options, clean, ({ scratchFolder }, say) =>
    buildBoth({ scratchFolder, clean, say }, commits),
  )
  const { environment, elapsedSeconds, prepared } = ready
  const compared = await compareBuilds(ready.bench, prepared)
  const { records, seed, connections, rounds, durationMs } = options
  const builds = prepared.map(({ revision, commit }) => ({ revision, commit }))
  const report = {
    environment,
    options: { records, seed, connections, rounds, durationMs },
    builds: [builds[0]!, builds[1]!] as const,
    rule: RULE,
    ...compared,
    seconds: elapsedSeconds(),
  }
  process.stdout.write(`\n${formatComparison(report)}\n`)
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`)
  return report.left
}

process.exitCode = await main()
