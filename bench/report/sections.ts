/** The tables of a report: columns and cells, for the text report and the HTML report alike. */
import { ratioOf } from '../load/rounds.js'
import {
  formatBound,
  formatCount,
  formatCpu,
  formatGoalFigure,
  formatMicroseconds,
  formatRatio,
  formatRatioSpread,
  formatVerdict,
  medianRate,
} from './figures.js'
import type { JudgedGoal } from './goals.js'
import type { LatencyRow, MemoryCacheRow, Report, Row, VisibilityRow } from './report.js'
import type { Column } from './table.js'

export interface Section {
  readonly heading: string
  /** What the figures are, in one sentence. */
  readonly about: string
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly string[])[]
  /** In the order of their numbers in the last column. */
  readonly notes: readonly string[]
}

type Noted = readonly { readonly name: string; readonly notes: readonly string[] }[]

const right = (...titles: readonly string[]): Column[] => titles.map((title) => ({ title, right: true }))
const left = (...titles: readonly string[]): Column[] => titles.map((title) => ({ title }))
const PERCENTILES = ['p50', 'p90', 'p99', 'p99.9', 'max'] as const

/** Those the report has something for. */
export function sectionsOf(report: Report): Section[] {
  return [
    ...(report.rows.length > 0 ? [throughput(report.rows)] : []),
    ...(report.latency.length > 0 ? [latency(report.latency)] : []),
    ...(report.visibility.length > 0 ? [visibility(report.visibility)] : []),
    ...(report.memoryCache.length > 0 ? [memoryCache(report.memoryCache)] : []),
    ...(report.goals.some(({ measured }) => measured !== undefined) ? [goals(report.goals)] : []),
  ]
}

function throughput(rows: readonly Row[]): Section {
  return {
    heading: 'Throughput',
    about: 'Closed loop; node and baseline in turn, medians of the rounds, ratios round by round',
    columns: [
      ...left('row', 'what'),
      ...right('node /s', 'µs CPU'),
      ...left('baseline'),
      ...right('baseline /s', 'µs CPU', 'ratio', 'rounds'),
      ...left('note'),
    ],
    rows: rows.flatMap((row, index) => {
      const [first, ...others] = row.baselines
      const what = [row.name, `${row.title}, ${row.unit}`, formatCount(medianRate(row.node)), formatCpu(row.node)]
      return [
        [...what, ...(first ? comparison(row, first) : ['', '', '', '', '']), noteMark(rows, index)],
        ...others.map((baseline) => ['', '', '', '', ...comparison(row, baseline), '']),
      ]
    }),
    notes: notesOf(rows),
  }
}

function comparison({ node }: Row, baseline: Row['node']): string[] {
  const ratio = formatRatio(ratioOf(node, baseline).median)
  return [
    baseline.name,
    formatCount(medianRate(baseline)),
    formatCpu(baseline),
    ratio,
    formatRatioSpread(node, baseline),
  ]
}

function latency(rows: readonly LatencyRow[]): Section {
  return {
    heading: 'Latency against offered load',
    about: 'Open loop: latency from the time a request was due, at shares of the capacity measured above',
    columns: [
      ...left('row', 'side'),
      ...right('load', 'offered /s', 'answered /s', ...PERCENTILES, 'requests'),
      ...left('note'),
    ],
    rows: rows.map((row, index) => [
      row.name,
      row.side,
      `${Math.round(row.shareOfCapacity * 100)} %`,
      formatCount(row.offeredPerSecond),
      formatCount(row.answeredPerSecond),
      ...percentiles(row),
      formatCount(row.requests),
      noteMark(rows, index),
    ]),
    notes: notesOf(rows),
  }
}

function visibility(rows: readonly VisibilityRow[]): Section {
  return {
    heading: 'Write → visible on another node',
    about: 'From the acknowledgement of a write on one node to the first look-up on another that has it',
    columns: [
      ...left('row', 'side'),
      ...right('writes', ...PERCENTILES, 'the write p50', 'the write p99'),
      ...left('note'),
    ],
    rows: rows.map((row, index) => [
      row.name,
      row.side,
      formatCount(row.requests),
      ...percentiles(row),
      formatMicroseconds(row.write.p50),
      formatMicroseconds(row.write.p99),
      noteMark(rows, index),
    ]),
    notes: notesOf(rows),
  }
}

function memoryCache(rows: readonly MemoryCacheRow[]): Section {
  return {
    heading: 'Memory cache',
    about:
      'Bytes for each record in it, payload being the octets of answers and ready responses; latency in an open loop at the same offered load for all sizes',
    columns: [
      ...left('row', 'what'),
      ...right(
        'entries',
        'process grew by',
        'node counts',
        'payload',
        'to payload',
        'an answer',
        'offered /s',
        'p50',
        'p99',
        'max',
      ),
      ...left('note'),
    ],
    rows: rows.map((row, index) => [
      row.name,
      row.title,
      formatCount(row.entries),
      `${formatCount(row.residentBytesPerEntry)} B`,
      `${formatCount(row.countedBytesPerEntry)} B`,
      `${formatCount(row.payloadBytesPerEntry)} B`,
      formatRatio(row.residentBytesPerEntry / row.payloadBytesPerEntry),
      `${formatCount(row.answerOctets)} B`,
      formatCount(row.offeredPerSecond),
      ...[row.latency.p50, row.latency.p99, row.latency.max].map(formatMicroseconds),
      noteMark(rows, index),
    ]),
    notes: notesOf(rows),
  }
}

function goals(judged: readonly JudgedGoal[]): Section {
  return {
    heading: 'Goals',
    about: 'Judged from this run alone',
    columns: [...left('verdict', 'what'), ...right('measured', 'goal', 'in the end'), ...left('row')],
    rows: judged.map((goal) => [
      formatVerdict(goal),
      goal.what,
      formatGoalFigure(goal.measured, goal.unit),
      formatBound(goal),
      goal.later === undefined ? '' : formatBound({ ...goal, target: goal.later }),
      goal.row,
    ]),
    notes: [],
  }
}

function percentiles({ p50, p90, p99, p999, max }: LatencyRow | VisibilityRow): string[] {
  return [p50, p90, p99, p999, max].map(formatMicroseconds)
}

/** Rows with notes are numbered from 1 within their table. */
function noteMark(rows: Noted, index: number): string {
  if (rows[index]!.notes.length === 0) return ''
  return `(${rows.slice(0, index + 1).filter(({ notes }) => notes.length > 0).length})`
}

function notesOf(rows: Noted): string[] {
  return rows.flatMap(({ name, notes }) => (notes.length > 0 ? [`${name}: ${notes.join('; ')}`] : []))
}
