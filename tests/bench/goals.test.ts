import { expect, test } from 'vitest'
import { GOALS, judgeGoals } from '../../bench/report/goals.js'
import type { Found } from '../../bench/report/report.js'
import { ROW_NAMES } from '../../bench/rows/row-names.js'
import { fixedReport } from './fixed-report.js'

const ALL = new Set(ROW_NAMES)
const NOTHING: Found = { rows: [], latency: [], visibility: [], memoryCache: [], left: [] }

test('a goal is met or not by the figure of its own row, ratios being the median of the rounds', () => {
  const judged = judgeGoals(fixedReport(), ALL)
  const figureOf = (what: RegExp) => {
    const { measured, met } = judged.find((goal) => what.test(goal.what))!
    return [measured === undefined ? undefined : Number(measured.toFixed(3)), met]
  }
  expect(figureOf(/memory hit \(Zipf\)/)).toEqual([0.75, false])
  expect(figureOf(/coalesced query/)).toEqual([0.8, true])
  expect(figureOf(/batch resolve/)).toEqual([160_000, true])
  expect(figureOf(/p99 .* memory hit/)).toEqual([1_250, true])
  expect(figureOf(/two workers/)).toEqual([1.2, false])
  expect(figureOf(/largest data set, to that/)).toEqual([0.8, true])
  expect(figureOf(/database queries/)).toEqual([1, true])
  expect(figureOf(/rows read/)).toEqual([1.5, false])
  expect(figureOf(/cached record/)).toEqual([1.25, true])
  expect(figureOf(/most records in memory/)).toEqual([3, false])
  expect(figureOf(/another node, p50/)).toEqual([26_000, true])
  expect(figureOf(/another node, longest/)).toEqual([1_100_000, false])
  expect(figureOf(/Redis hit, to bare/)).toEqual([undefined, undefined])
})

test('without figures every goal is open, none is met or missed', () => {
  const judged = judgeGoals(NOTHING, ALL)
  expect(judged.length).toBe(GOALS.length)
  for (const { measured, met } of judged) expect([measured, met]).toEqual([undefined, undefined])
})

test('a goal of a row that was not asked for is not spoken of', () => {
  expect(judgeGoals(fixedReport(), new Set(['workers', 'absent'])).map(({ row }) => row)).toEqual(['workers'])
})

test('every goal is of a row that can be asked for', () => {
  for (const { row } of GOALS) expect(ROW_NAMES).toContain(row)
})
