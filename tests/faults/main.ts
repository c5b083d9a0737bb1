/** npm run faults: a long storm, or many kills; exit code 1 when a promise was broken. */
import { runKills } from './kills.js'
import { readOptions, type Task } from './options.js'
import { stormReport } from './report.js'
import { runStorm } from './storm.js'

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    say(`${signal}: ending. Once more ends at once.`)
    interrupted.abort()
    // Those who must end with this process do so at its `exit`.
    process.once(signal, () => process.exit(130))
  })
}

try {
  process.exitCode = (await run(readOptions(process.argv.slice(2)))) ? 0 : 1
} catch (error) {
  process.stderr.write(`faults: ${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}

/** Whether all promises were kept. */
async function run(task: Task): Promise<boolean> {
  if (task.kind === 'help') {
    process.stdout.write(task.text)
    return true
  }
  say(`seed ${task.seed}`)
  if (task.kind === 'kills') {
    const { report, broken } = await runKills({ ...task, signal: interrupted.signal, say })
    process.stdout.write(report)
    return broken === 0
  }
  const result = await runStorm({ ...task, signal: interrupted.signal, say })
  process.stdout.write(stormReport(result))
  return (
    result.misfires.length + result.crashes.length === 0 && result.promises.every(({ violations }) => violations === 0)
  )
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
