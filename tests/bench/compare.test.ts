import { expect, test } from 'vitest'
import { type CompareReport, comparedRow, formatComparison } from '../../bench/compare/report.js'
import { changeOf, RULE } from '../../bench/compare/verdict.js'
import { fixedReport } from './fixed-report.js'

test.each([
  ['every round faster, by clearly more than the rounds differ', [1.1, 1.12, 1.08, 1.11, 1.1], 'more'],
  ['every round slower', [0.9, 0.91, 0.88, 0.93, 0.9], 'less'],
  ['one round that disagrees', [1.1, 1.12, 0.99, 1.11, 1.1], 'no difference'],
  ['rounds that agree, but scatter more widely than they differ', [1.01, 1.4, 1.05, 1.1, 1.02], 'no difference'],
  ['a difference of less than 3 %', [1.02, 1.021, 1.019, 1.02, 1.02], 'no difference'],
  ['fewer than five rounds', [1.5, 1.5, 1.5, 1.5], 'too few rounds'],
  ['nothing at all', [], 'too few rounds'],
])('%s: %j is %s', (_what, ratios, direction) => {
  expect(changeOf(ratios).direction).toBe(direction)
})

test('drift that both sides share is no difference, however large', () => {
  const rates = [100, 60, 140, 90, 120, 40, 110]
  const row = comparedRow(NAMED, [
    sideOf(rates, 10),
    sideOf(
      rates.map((rate, at) => rate * (at % 2 ? 1.01 : 0.99)),
      10,
    ),
  ])
  expect(row.rate.direction).toBe('no difference')
})

test('rate and CPU time are judged apart', () => {
  const row = comparedRow(NAMED, [sideOf([100, 101, 99, 100, 100], 10), sideOf([101, 100, 100, 99, 101], 14)])
  expect([row.rate.direction, row.cpu?.direction]).toEqual(['no difference', 'more'])
  expect(row.cpu?.ratio.median).toBeCloseTo(1.4)
})

test('the table says which rows differ, and by what rule', () => {
  const { environment } = fixedReport()
  const report: CompareReport = {
    environment,
    options: { records: 2_000 },
    builds: [
      { revision: 'v1', commit: 'aaa' },
      { revision: 'working tree', commit: 'bbb+changes' },
    ],
    rule: RULE,
    rows: [
      comparedRow(NAMED, [sideOf([100, 100, 100, 100, 100], 10), sideOf([120, 121, 119, 120, 120], 8)]),
      comparedRow({ ...NAMED, name: 'redis' }, [sideOf([100], 10), sideOf([100], 10)]),
    ],
    left: [{ name: 'postgres', reason: 'it broke', failed: true }],
    seconds: 5,
  }
  const text = formatComparison(report)
  expect(text).toContain(`A is v1 (aaa), B is working tree (bbb+changes). ${RULE}.`)
  expect(text).toMatch(
    /absent +what it does, answers +100 +120 +1\.20 × +1\.19-1\.21 +FASTER +10\.0 +8\.0 +0\.80 × +less/,
  )
  expect(text).toMatch(/redis .* too few rounds/)
  expect(text).toContain('postgres FAILED: it broke')
  expect(text).toContain('B is faster in absent.')
})

const NAMED = { name: 'absent', title: 'what it does', unit: 'answers', notes: [] } as const

function sideOf(rates: readonly number[], cpuMicroseconds: number) {
  return { name: 'side', samples: rates.map((perSecond) => ({ perSecond, cpuMicroseconds })) }
}
