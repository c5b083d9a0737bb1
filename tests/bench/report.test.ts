import { expect, test } from 'vitest'
import { warningsOf } from '../../bench/load/sides.js'
import type { LatencyRow, Report, Row } from '../../bench/report/report.js'
import { formatReport } from '../../bench/report/report-text.js'
import { formatMicroseconds, formatTable } from '../../bench/report/table.js'

test('a row shows its medians, the baseline beside it and the ratio with its spread', () => {
  const text = formatReport(report({ rows: [row()] }))
  expect(text).toMatch(
    /memory-zipf +GET memory hit, answers +45,000 +14\.0 +bare http +60,000 +10\.0 +0\.75 × +0\.70-0\.80 *$/m,
  )
  expect(text).toContain('node and baselines on core 0, load on core 1')
  expect(text).toContain('PostgreSQL 18.4, Redis none')
})

test('what makes a figure doubtful stands in the report: a busy generator, answers of another status', () => {
  const samples = [{ perSecond: 1, generatorBusyShare: 0.97, unexpected: { 500: 12 } }]
  const notes = warningsOf([{ name: 'node', samples }])
  const text = formatReport(report({ rows: [row(), { ...row(), notes }] }))
  expect(text).toMatch(/\(1\) memory-zipf: GENERATOR-BOUND: .* 97 %.*UNEXPECTED ANSWERS of node: 12 × status 500/)
  expect(warningsOf([{ name: 'node', samples: [{ perSecond: 1, generatorBusyShare: 0.6, unexpected: {} }] }])).toEqual(
    [],
  )
})

test('the latency table and the rows left out are part of the report', () => {
  const left = [{ name: 'redis', reason: 'there is no redis-server on PATH', failed: false }] as const
  const text = formatReport(report({ latency: [latencyRow()], left }))
  expect(text).toMatch(/latency-memory +node +50 % +20,000 +19,990 +180 µs +400 µs +1\.25 ms +12\.0 ms +41\.0 ms/)
  expect(text).toContain('redis was left out: there is no redis-server on PATH')
})

test('columns are as wide as their widest cell', () => {
  expect(formatTable([{ title: 'a' }, { title: 'number', right: true }], [['long one', '7']])).toBe(
    'a         number\n--------  ------\nlong one       7',
  )
  expect([999, 1_500, 15_000].map(formatMicroseconds)).toEqual(['999 µs', '1.50 ms', '15.0 ms'])
})

function row(): Row {
  const side = (name: string, rates: number[], cpuMicroseconds: number) => ({
    name,
    samples: rates.map((perSecond) => ({ perSecond, cpuMicroseconds })),
  })
  return {
    name: 'memory-zipf',
    title: 'GET memory hit',
    unit: 'answers',
    node: side('node', [42_000, 45_000, 48_000], 14),
    baselines: [side('bare http', [60_000, 60_000, 60_000], 10)],
    notes: [],
  }
}

function latencyRow(): LatencyRow {
  return {
    name: 'latency-memory',
    title: 'GET memory hit',
    side: 'node',
    shareOfCapacity: 0.5,
    offeredPerSecond: 20_000,
    answeredPerSecond: 19_990,
    p50: 180,
    p90: 400,
    p99: 1_250,
    p999: 12_000,
    max: 41_000,
    generatorLagP99: 10,
    generatorBusyShare: 0.3,
    requests: 60_000,
    unanswered: 0,
    notes: [],
  }
}

function report(parts: Partial<Report>): Report {
  return {
    environment: {
      date: '2026-01-01T00:00:00.000Z',
      commit: 'abc',
      cpu: 'Some CPU',
      cores: 2,
      memoryBytes: 8 * 2 ** 30,
      system: 'Linux 6',
      node: 'v20.19.0',
      postgres: '18.4',
      redis: undefined,
      pinned: { serverCore: 0, loadCore: 1 },
      loadAverageBefore: 0.1,
    },
    options: { records: 1_000 },
    rows: [],
    latency: [],
    left: [],
    seconds: 1,
    ...parts,
  }
}
