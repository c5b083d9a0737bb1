import { expect, test } from 'vitest'
import { warningsOf } from '../../bench/load/sides.js'
import { formatMicroseconds } from '../../bench/report/figures.js'
import { formatReport } from '../../bench/report/report-text.js'
import { formatTable } from '../../bench/report/table.js'
import { fixedReport, rowOf } from './fixed-report.js'

test('a row shows its medians, the baselines beside it and the ratios with their spread', () => {
  const text = formatReport(fixedReport())
  expect(text).toMatch(
    /memory-zipf +what memory-zipf does, answers +45,000 +14\.0 +bare http +60,000 +20\.0 +0\.75 × +0\.70-0\.80 *$/m,
  )
  expect(text).toMatch(/^ +fastify +50,000 +20\.0 +0\.90 × +0\.84-0\.96 *$/m)
  expect(text).toContain('node and baselines on core 0, load on core 1')
  expect(text).toContain('PostgreSQL 18.4, Redis none')
  expect(text).not.toContain('BUSY')
})

test('what makes a figure doubtful stands in the report: a busy machine or generator, answers of another status', () => {
  const samples = [{ perSecond: 1, generatorBusyShare: 0.97, unexpected: { 500: 12 } }]
  const notes = warningsOf([{ name: 'node', samples }])
  const row = rowOf('memory-zipf', [1], { 'bare http': [1] })
  const { environment } = fixedReport()
  const text = formatReport(
    fixedReport({ rows: [row, { ...row, notes }], environment: { ...environment, loadAverageBefore: 1.2 } }),
  )
  expect(text).toMatch(/\(1\) memory-zipf: GENERATOR-BOUND: .* 97 %.*UNEXPECTED ANSWERS of node: 12 × status 500/)
  expect(text).toContain('THE MACHINE WAS BUSY')
  expect(warningsOf([{ name: 'node', samples: [{ perSecond: 1, generatorBusyShare: 0.6, unexpected: {} }] }])).toEqual(
    [],
  )
})

test('latencies, visibility, memory, goals and the rows left out are part of the report', () => {
  const text = formatReport(fixedReport())
  expect(text).toMatch(/latency-memory +node +50 % +20,000 +19,990 +180 µs +360 µs +1\.25 ms +720 µs +41\.0 ms +60,000/)
  expect(text).toMatch(/visible +acknowledged at once +60,000 +26\.0 ms .* 1100 ms +3\.00 ms +9\.00 ms +\(1\)/)
  expect(text).toMatch(/memory-cache +1000000 records in memory +1,000,000 +875 B +800 B +700 B +1\.25 ×/)
  expect(text).toMatch(/not met +GET, memory hit \(Zipf\).* 0\.75 × +≥ 0\.95 × +≥ 1\.20 × +memory-zipf/)
  expect(text).toMatch(/not measured +GET, Redis hit.* — +≥ 0\.55 ×/)
  expect(text).toContain('redis was left out: there is no redis-server on PATH')
})

test('columns are as wide as their widest cell', () => {
  expect(formatTable([{ title: 'a' }, { title: 'number', right: true }], [['long one', '7']])).toBe(
    'a         number\n--------  ------\nlong one       7',
  )
  expect([999, 1_500, 15_000, 12e6, Number.NaN].map(formatMicroseconds)).toEqual([
    '999 µs',
    '1.50 ms',
    '15.0 ms',
    '12.0 s',
    '—',
  ])
})
