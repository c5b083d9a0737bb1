/** Supervises workers of one behaviour (worker.ts) and writes a line for whatever comes of it: `<behaviour> <journal> <workers>`. */
import path from 'node:path'
import { systemClock } from '../../../src/platform/clock.js'
import { logger } from '../../../src/platform/logger.js'
import { supervisor } from '../../../src/platform/supervisor.js'
import { launchWorker } from '../../../src/platform/worker-process.js'

const [behaviour, journal, workers] = process.argv.slice(2)
const say = (text: string) => process.stdout.write(`${text}\n`)
const launching = {
  program: path.join(import.meta.dirname, 'worker.ts'),
  assignment: { behaviour, journal },
  readyWithinMs: 60_000,
  onReturned: () => undefined,
  onReply: () => undefined,
  onLast: () => undefined,
  report: async () => undefined,
}
const them = supervisor({
  workers: Number(workers),
  launch: (slot) => launchWorker(slot, launching),
  drainWithinMs: 300,
  pingEveryMs: 50,
  log: logger({ level: 'info', clock: systemClock }),
  onGivenUp: (reason) => say(`given up: ${reason.message}`),
})
process.on('SIGHUP', () => {
  void them.roll().then(() => say('rolled'))
  say('rolling')
})
process.on('SIGTERM', () => void them.stop().then(() => process.exit(0)))
await them.start().then(
  () => say('started'),
  (error: Error) => {
    say(`failed: ${error.message}`)
    process.exit(1)
  },
)
