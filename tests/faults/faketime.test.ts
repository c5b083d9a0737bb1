import { rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { type Child, runTypeScript } from '../support/child.js'
import { faketimeEnvironment, faketimeLibrary, writtenClock } from './faketime.js'

const library = faketimeLibrary()
const file = path.join(os.tmpdir(), `jiexi-clock-test-${process.pid}`)
let child: Child | undefined

afterEach(async () => {
  child?.process.kill('SIGKILL')
  await child?.ended
  rmSync(file, { force: true })
})

test('a clock is written as an offset in seconds and a factor', () => {
  expect(writtenClock({})).toBe('+0.000\n')
  expect(writtenClock({ aheadMs: -3_600_000 })).toBe('-3600.000\n')
  expect(writtenClock({ timesAsFast: 5 })).toBe('+0.000 x5\n')
})

test.skipIf(library === undefined)(
  "a process's wall clock follows the file, its monotonic clock and its timers do not",
  async () => {
    writeFileSync(file, writtenClock({}))
    const clocks = path.join(import.meta.dirname, 'children/clocks.ts')
    child = runTypeScript(clocks, [], faketimeEnvironment(library!, file))
    expect(await child.line(/^ahead 0 h/)).toContain('timers right')
    writeFileSync(file, writtenClock({ aheadMs: 2 * 3_600_000 }))
    expect(await child.line(/^ahead 2 h/)).toContain('timers right')
    writeFileSync(file, writtenClock({ aheadMs: -9 * 86_400_000 }))
    expect(await child.line(/^ahead -216 h/)).toContain('timers right')
  },
)
