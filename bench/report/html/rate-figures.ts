/** Figures against the baselines of the same run, as bars: rates, and the CPU time of several processes. */
import { ratioOf } from '../../load/rounds.js'
import type { RowName } from '../../rows/row-names.js'
import { cpuRatio, formatCount, formatRatio, formatVerdict, medianCpu, medianRate } from '../figures.js'
import type { Report, Row } from '../report.js'
import { type Bar, drawBars } from './bar-plot.js'
import type { Figure } from './figure.js'
import { type Cell, countCell } from './markup.js'

const NODE_COLOUR = 1
const MISSED_COLOUR = 6

/** Those have figures of their own: what counts is not the rate, or not the ratio. */
const PROCESS_ROWS: readonly RowName[] = ['workers', 'replicas']
const OTHERS: readonly RowName[] = ['scale', ...PROCESS_ROWS]

/** Every row with a baseline that is somebody else: the node's rate for each of the baseline's. */
export function throughputFigure(report: Report): Figure[] {
  const rows = report.rows.filter(({ name, baselines }) => baselines.length > 0 && !OTHERS.includes(name))
  if (rows.length === 0) return []
  const pairs = rows.flatMap((row) => row.baselines.map((baseline) => ({ row, baseline })))
  const title = 'Throughput against the baselines of the same run'
  const about =
    'The longer the better; 1 × is as fast as the baseline. The mark is the goal, the thin line spans the rounds'
  const bars = pairs.map(({ row, baseline }) => barOf(report, row, baseline))
  return [
    {
      title,
      about,
      legend: [],
      picture: drawBars({ axis: 'node to baseline, ratio of the rates', bars }, `${title}. ${about}`),
      table: {
        columns: [
          { title: 'row' },
          { title: 'baseline' },
          ...['node /s', 'baseline /s', 'ratio'].map((column) => ({ title: column, right: true })),
        ],
        rows: pairs.map(({ row, baseline }): Cell[] => [
          row.name,
          baseline.name,
          countCell(medianRate(row.node)),
          countCell(medianRate(baseline)),
          ratio(ratioOf(row.node, baseline).median),
        ]),
      },
    },
  ]
}

function barOf(report: Report, row: Row, baseline: Row['node']): Bar {
  const { median, lowest, highest } = ratioOf(row.node, baseline)
  const goal = report.goals.find(
    (one) => one.row === row.name && one.unit === '×' && one.bound === 'at least' && one.measured === median,
  )
  const marks = goal ? [{ value: goal.target, label: `goal: ${formatRatio(goal.target)}` }] : []
  return {
    name: `${row.name} to ${baseline.name}`,
    value: median,
    label: `${formatRatio(median)}, ${formatCount(medianRate(row.node))} ${row.unit}/s${goal ? `, goal ${formatVerdict(goal)}` : ''}`,
    colour: goal?.met === false ? MISSED_COLOUR : NODE_COLOUR,
    marks,
    range: [lowest, highest],
  }
}

/** CPU time of a request with several processes, to that with one. */
export function processFigure({ rows, goals }: Report): Figure[] {
  const compared = rows.flatMap((row) => {
    const one = row.baselines[0]
    const several = medianCpu(row.node)
    const alone = one && medianCpu(one)
    if (!PROCESS_ROWS.includes(row.name) || several === undefined || alone === undefined) return []
    return { row, several, alone, ratio: cpuRatio(row.node, one!), goal: goals.find((goal) => goal.row === row.name) }
  })
  if (compared.length === 0) return []
  const title = 'CPU time of a request with several processes, to that with one'
  const about = 'The shorter the better. The mark is the goal'
  const bars = compared.map(({ row, several, alone, ratio: of, goal }) => ({
    name: row.node.name,
    value: of,
    label: `${formatRatio(of)}, ${several.toFixed(1)} to ${alone.toFixed(1)} µs${goal ? `, goal ${formatVerdict(goal)}` : ''}`,
    colour: goal?.met === false ? MISSED_COLOUR : NODE_COLOUR,
    marks: goal ? [{ value: goal.target, label: `goal: ${formatRatio(goal.target)}` }] : [],
  }))
  return [
    {
      title,
      about,
      legend: [],
      picture: drawBars({ axis: 'CPU time of a request, ratio', bars }, `${title}. ${about}`),
      table: {
        columns: [
          { title: 'row' },
          ...['µs with several', 'µs with one', 'ratio'].map((column) => ({ title: column, right: true })),
        ],
        rows: compared.map(({ row, several, alone, ratio: of }): Cell[] => [
          row.name,
          { text: several.toFixed(1), value: several },
          { text: alone.toFixed(1), value: alone },
          ratio(of),
        ]),
      },
    },
  ]
}

function ratio(value: number): Cell {
  return { text: formatRatio(value), value }
}
