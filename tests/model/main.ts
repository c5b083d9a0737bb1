/** `npm run model [-- --only text]`: the searches that take too long for `npm test`. An hour, and 8 GB of memory. */
import { parseArgs } from 'node:util'
import { ensurePrograms } from '../support/system-packages.js'
import { GCC, type SearchOptions, SPIN, search } from './search.js'
import { VARIANTS } from './variants.js'

const TIMEOUT_MS = 3_600_000

type Wanted = Omit<SearchOptions, 'timeoutMs'>

const SOUND: readonly Wanted[] = [
  { writers: 2, lastTick: 4 },
  { writers: 2, lastTick: 4, crash: true, isCompact: true },
  { writers: 3, lastTick: 2, isCompact: true },
  { writers: 3, lastTick: 2, crash: true, noJoin: true, isCompact: true },
  { writers: 2, lastTick: 4, wait: true, isCompact: true },
  { writers: 3, lastTick: 2, wait: true, isCompact: true },
]
const BROKEN = VARIANTS.map(({ name, crash }): Wanted => {
  return { writers: 3, lastTick: 3, variant: name, crash: crash ?? false, isCompact: true }
})

if (ensurePrograms([SPIN, GCC]).includes(undefined)) process.exit(1)

const { values } = parseArgs({ options: { only: { type: 'string' } } })
for (const wanted of [...SOUND, ...BROKEN]) {
  const name = nameOf(wanted)
  if (!name.includes(values.only ?? '')) continue
  const { states, errors, isComplete, seconds } = search({ ...wanted, timeoutMs: TIMEOUT_MS })
  const isAsWanted = wanted.variant === undefined ? isComplete : errors > 0
  if (!isAsWanted) process.exitCode = 1
  const found = isComplete ? 'complete, 0 errors' : errors > 0 ? `error found` : 'the search did not complete'
  const verdict = isAsWanted ? '' : 'NOT AS IT MUST BE: '
  const size = `${states.toLocaleString('en')} states, ${seconds.toFixed(1)} s`
  process.stdout.write(`${name}: ${verdict}${found} (${size})\n`)
}

function nameOf({ writers, lastTick, crash, wait, noJoin, variant }: Wanted): string {
  const said = { crash, 'writes that wait': wait, 'no joining': noJoin }
  const more = Object.entries(said).flatMap(([name, isSet]) => (isSet ? [name] : []))
  return [variant ?? 'the protocol', `${writers} writers`, `ticks 0-${lastTick}`, ...more].join(', ')
}
