/**
 * npm run upward: many registrations told to a node above over a failing line, each side killed; exit code 1 when anything
 * was lost, came twice or out of order.
 *
 *   npm run upward -- [registrations, default 100000] [share of calls that fail, 0.3] [kills of each side, 2] [seed, 1]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.js'
import { runUpwardStorm } from './upward-storm.js'

const [registrations = 100_000, failing = 0.3, kills = 2, seed = 1] = process.argv.slice(2).map(Number)
const folder = mkdtempSync(path.join(os.tmpdir(), `jiexi-upward-${process.pid}-`))
const postgres = await startEmbeddedPostgres({ dataFolder: folder, settings: { max_connections: '200' } })
process.env.JIEXI_TEST_DATABASE_URL = postgres.url
// The nodes end at this process's exit.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => void end().then(() => process.exit(130)))
try {
  const result = await runUpwardStorm({ registrations, failing, kills, seed, say })
  for (const [name, value] of Object.entries(result)) say(`${name.padEnd(16)} ${Math.round(value)}`)
  const { applied, versions, refused, different, disorder, notAcknowledged } = result
  const isKept = applied === versions && refused + different + disorder + notAcknowledged === 0
  say(isKept ? 'Every version had its effect above exactly once.' : 'BROKEN: see the figures above.')
  process.exitCode = isKept ? 0 : 1
} finally {
  await end()
}

async function end(): Promise<void> {
  await postgres.stop()
  rmSync(folder, { recursive: true, force: true })
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
