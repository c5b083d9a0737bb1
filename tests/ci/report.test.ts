/** What CI concludes from the reports of its runs. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(path.join(tmpdir(), 'jiexi-ci-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('all passed', () => {
  expect(verdict({ 'a.test.ts': { one: 'passed', two: 'passed' } })).toEqual({ lines: ['2 passed, 0 failed'], code: 0 })
})

test('what failed fails the run, and a file that failed before its first test counts as one', () => {
  const run = { 'a.test.ts': { one: 'passed', two: 'failed' }, 'b.test.ts': {} } as const
  expect(verdict(run)).toEqual({ lines: ['1 passed, 2 failed'], code: 1 })
  expect(report('failed', run).lines).toEqual(['a.test.ts', 'b.test.ts'])
})

test('what failed beside others and passes alone is told of, and counts as passed', () => {
  const first = { 'a.test.ts': { one: 'passed', two: 'failed' }, 'b.test.ts': { three: 'passed' } } as const
  const { lines, code } = verdict(first, { 'a.test.ts': { one: 'passed', two: 'passed' } })
  expect(lines).toEqual(['failed beside others, passed alone: two', '  two is wrong', '3 passed, 0 failed'])
  expect(code).toBe(0)
})

test('what fails alone too, or only there, fails the run', () => {
  const first = { 'a.test.ts': { one: 'passed', two: 'failed' }, 'b.test.ts': { three: 'passed' } } as const
  const twice = verdict(first, { 'a.test.ts': { one: 'passed', two: 'failed' } })
  expect(twice.lines).toEqual(['FAILED TWICE: two', '  two is wrong', '2 passed, 1 failed'])
  expect(twice.code).toBe(1)
  expect(verdict(first, { 'a.test.ts': { one: 'failed', two: 'passed' } }).code).toBe(1)
  expect(verdict(first, { 'a.test.ts': {} }).code).toBe(1)
})

test('a run without tests is no success', () => {
  expect(verdict({})).toEqual({ lines: ['0 passed, 0 failed'], code: 1 })
})

/** Tests by file. A file without any has failed before its first. */
type Run = Readonly<Record<string, Readonly<Record<string, 'passed' | 'failed'>>>>

function verdict(...runs: readonly Run[]) {
  return report('verdict', ...runs)
}

function report(command: 'failed' | 'verdict', ...runs: readonly Run[]) {
  const files = runs.map((run, place) => {
    const file = path.join(folder, `${place}.json`)
    writeFileSync(
      file,
      JSON.stringify({ testResults: Object.entries(run).map(([name, tests]) => fileOf(name, tests)) }),
    )
    return file
  })
  const { stdout, status } = spawnSync(process.execPath, ['.ci/report.mjs', command, ...files], { encoding: 'utf8' })
  return { lines: stdout.trimEnd().split('\n'), code: status }
}

function fileOf(name: string, tests: Run[string]) {
  const statuses = Object.values(tests)
  return {
    name,
    status: statuses.length === 0 || statuses.includes('failed') ? 'failed' : 'passed',
    assertionResults: Object.entries(tests).map(([fullName, status]) => ({
      fullName,
      status,
      failureMessages: status === 'failed' ? [`${fullName} is wrong\n    at some line`] : [],
    })),
  }
}
