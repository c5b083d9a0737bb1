/** `npm run model`: the searches that take too long for `npm test`. About ten minutes, and 8 GB of memory. */
import { ensurePrograms } from '../support/system-packages.js'
import { GCC, type SearchOptions, SPIN, search } from './search.js'
import { VARIANTS } from './variants.js'

const TIMEOUT_MS = 3_600_000

if (ensurePrograms([SPIN, GCC]).includes(undefined)) process.exit(1)

const SOUND: readonly Omit<SearchOptions, 'timeoutMs'>[] = [
  { writers: 2, lastTick: 4 },
  { writers: 2, lastTick: 4, crash: true },
  { writers: 3, lastTick: 2, isCompact: true },
  { writers: 3, lastTick: 2, crash: true, isCompact: true },
]
const BROKEN = VARIANTS.map(({ name, crash }): Omit<SearchOptions, 'timeoutMs'> => {
  return { writers: 3, lastTick: 3, variant: name, crash: crash ?? false, isCompact: true }
})

for (const options of [...SOUND, ...BROKEN]) {
  const { states, errors, isComplete, seconds } = search({ ...options, timeoutMs: TIMEOUT_MS })
  const isAsWanted = options.variant === undefined ? isComplete : errors > 0
  if (!isAsWanted) process.exitCode = 1
  const what = [options.variant ?? 'the protocol', `${options.writers} writers`, `ticks 0-${options.lastTick}`]
  const found =
    options.variant === undefined
      ? isComplete
        ? 'complete, 0 errors'
        : 'NOT PROVED'
      : errors > 0
        ? 'found'
        : 'NOT FOUND'
  const line = [...what, ...(options.crash ? ['crash'] : [])].join(', ')
  process.stdout.write(`${line}: ${found} (${states.toLocaleString('en')} states, ${seconds.toFixed(1)} s)\n`)
}
