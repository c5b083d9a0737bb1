/** A process with two resources: `quick` or `hang` says how the newer one stops. Its exit handler tells that it ran. */
import { systemClock } from '../../../src/platform/clock.js'
import { lifecycle, stopOnSignals } from '../../../src/platform/lifecycle.js'
import { logger } from '../../../src/platform/logger.js'

const log = logger({ level: 'debug', clock: systemClock })
const life = lifecycle(log)
stopOnSignals(life, log)

const stays = setInterval(() => undefined, 60_000)
await life.start('older', () => stays, { stop: (timer) => clearInterval(timer) })
await life.start('newer', () => 0, {
  stop: () => (process.argv[2] === 'hang' ? new Promise(() => undefined) : undefined),
  stopWithinMs: Number(process.argv[3] ?? 60_000),
})
process.stdout.write('started\n')
