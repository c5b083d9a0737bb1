import { expect, test } from 'vitest'
import { ensurePrograms } from '../support/system-packages.js'
import { GCC, readSearch, SPIN, search } from './search.js'
import { VARIANTS } from './variants.js'

const [spin, gcc] = ensurePrograms([SPIN, GCC])
const canSearch = spin !== undefined && gcc !== undefined
const TIMEOUT_MS = 300_000

// The whole of it, three writers and crashes: npm run model.
const SOUND = [
  { name: 'with two writers no sequence of events breaks the bound or hides an own write', lastTick: 3, noJoin: true },
  { name: 'nor does it for look-ups that join others', lastTick: 2 },
  {
    name: 'after a write that waited was acknowledged nobody is given an older one',
    lastTick: 3,
    wait: true,
    noJoin: true,
  },
]

test.skipIf(!canSearch).each(SOUND)(
  '$name',
  (wanted) => {
    const result = search({ ...wanted, writers: 2, timeoutMs: TIMEOUT_MS })
    expect(result, result.output).toMatchObject({ errors: 0, isComplete: true })
    expect(result.states).toBeGreaterThan(3_000_000)
  },
  TIMEOUT_MS,
)

test.skipIf(!canSearch)(
  'a search that keeps hashes of states sees as many as one that keeps the states',
  () => {
    const small = { writers: 2, lastTick: 1, timeoutMs: TIMEOUT_MS } as const
    const [exact, compact] = [search(small), search({ ...small, isCompact: true })]
    expect(exact.states).toBeGreaterThan(500_000)
    expect(compact).toMatchObject({ states: exact.states, errors: 0, isComplete: true })
  },
  TIMEOUT_MS,
)

// The others take minutes: npm run model.
const QUICK = VARIANTS.filter(({ writers }) => writers === 2)

test.skipIf(!canSearch).each(QUICK)(
  '$name is found: $wrong',
  ({ name, writers, crash }) => {
    const result = search({ writers, lastTick: 3, variant: name, crash: crash ?? false, timeoutMs: TIMEOUT_MS })
    expect(result.errors, result.output).toBe(1)
  },
  TIMEOUT_MS,
)

test.each([
  ['max search depth too small', 'error: max search depth too small\n'],
  ['the memory limit', 'pan: reached -DMEMLIM bound\npan: out of memory\n'],
  ['a search cut short', 'Warning: Search not completed\n'],
  ['nothing at all', undefined],
])('"errors: 0" does not count with %s', (_name, warning) => {
  const completed = 'State-vector 52 byte, depth reached 63, errors: 0\n  9265855 states, stored\n'
  expect(readSearch(completed)).toEqual({ errors: 0, states: 9265855, isComplete: true })
  expect(readSearch(warning === undefined ? '' : warning + completed).isComplete).toBe(false)
})
