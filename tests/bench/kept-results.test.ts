import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { formatMarkdown } from '../../bench/report/report-markdown.js'
import { writeReport } from '../../bench/report/write.js'
import { waitForQuiet } from '../../bench/stage/quiet.js'
import { fixedReport } from './fixed-report.js'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'jiexi-kept-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('a result is kept in three forms, named by day and commit', () => {
  const report = fixedReport()
  const changed = { ...report, environment: { ...report.environment, commit: 'abc+changes' } }
  writeReport(report, { json: undefined, html: undefined, keepIn: path.join(folder, 'results') })
  writeReport(changed, { json: path.join(folder, 'x.json'), html: undefined, keepIn: path.join(folder, 'results') })
  expect(readdirSync(folder).toSorted()).toEqual(['results', 'x.json'])
  expect(readdirSync(path.join(folder, 'results')).toSorted()).toEqual(
    ['2026-01-01-abc-changes', '2026-01-01-abc'].flatMap((name) => ['html', 'json', 'md'].map((of) => `${name}.${of}`)),
  )
  expect(JSON.parse(readFileSync(path.join(folder, 'x.json'), 'utf8')).environment.commit).toBe('abc+changes')
})

test('in Markdown the goals come first, and what is measured cannot break a table', () => {
  const text = formatMarkdown(fixedReport({ left: [{ name: 'redis', reason: 'a | b\nc', failed: true }] }))
  const headings = text.split('\n').filter((line) => line.startsWith('## '))
  expect(headings[0]).toBe('## Goals')
  expect(headings).toContain('## Latency against offered load')
  expect(text).toContain('| not met | GET, memory hit (Zipf), to bare node:http | 0.75 × |')
  expect(text).toContain('redis FAILED: a \\| b c')
})

test('what is kept waits for a quiet machine, and is refused when none comes', async () => {
  const told: string[] = []
  const loads = [90, 90, 0.1]
  const say = (line: string) => void told.push(line)
  await waitForQuiet(say, { loadAverage: () => loads.shift() ?? 0, everyMs: 1 })
  expect(told).toEqual(['waiting for the machine to be quiet: load average 90.00'])
  await expect(waitForQuiet(say, { loadAverage: () => 90, everyMs: 1, waitMs: 5 })).rejects.toThrow(
    /busy with something else \(load average 90\.00/,
  )
})
