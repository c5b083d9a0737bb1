/** Figures of rates and of memory: bars against the baselines, and the rate over the size of the data set. */
import { ratioOf, spreadOf } from '../../load/rounds.js'
import { formatCount, formatRatio, formatVerdict, medianRate } from '../figures.js'
import type { Report, Row } from '../report.js'
import { type Bar, drawBars } from './bar-plot.js'
import { type Figure, lineFigure } from './figure.js'
import { shortCount } from './latency-figures.js'
import type { Cell } from './markup.js'

const NODE_COLOUR = 1
const MISSED_COLOUR = 6
const BASELINE_COLOUR = 5

/** Every row with a baseline that is somebody else: the node's rate for each of the baseline's. */
export function throughputFigure(report: Report): Figure[] {
  const rows = report.rows.filter(({ name, baselines }) => baselines.length > 0 && name !== 'scale')
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
          count(medianRate(row.node)),
          count(medianRate(baseline)),
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

/** The rate of look-ups over the number of records. */
export function scaleFigure({ rows }: Report): Figure[] {
  const scale = rows.find(({ name }) => name === 'scale')
  if (!scale) return []
  const sides = [scale.node, ...scale.baselines]
    .map((side) => ({ side, records: Number.parseInt(side.name, 10), rates: spreadOf(ratesOf(side)) }))
    .sort((one, other) => one.records - other.records)
  return [
    lineFigure({
      title: 'Look-ups with all caches off, by the number of records',
      about: 'scale. Uniform keys, medians of the rounds; the bars span the rounds',
      plot: {
        x: { title: 'records', kind: 'log', format: shortCount, ticks: sides.map(({ records }) => records) },
        y: { title: 'look-ups a second', kind: 'linear', format: shortCount },
        series: [
          {
            name: 'node',
            colour: NODE_COLOUR,
            points: sides.map(({ records, rates }) => ({
              x: records,
              y: rates.median,
              range: [rates.lowest, rates.highest] as const,
              label: `${formatCount(rates.median)} /s with ${formatCount(records)} records`,
            })),
          },
        ],
      },
      table: {
        columns: ['records', 'look-ups /s', 'queries each', 'rows each', 'pages each'].map((title) => ({
          title,
          right: true,
        })),
        rows: sides.map(({ records, rates }): Cell[] => [
          formatCount(records),
          count(rates.median),
          ...(['queriesPerLookup', 'rowsPerLookup', 'pagesPerLookup'] as const).map((fact) =>
            factCell(scale, `${fact} ${records}`),
          ),
        ]),
      },
    }),
  ]
}

/** What a record in the memory cache takes, as the process, the node and the answers say. */
export function memoryFigure({ memoryCache }: Report): Figure[] {
  const largest = memoryCache.at(-1)
  if (!largest) return []
  const figures = [
    { name: 'the process grew by', bytes: largest.residentBytesPerEntry, colour: NODE_COLOUR },
    { name: 'the node counts', bytes: largest.countedBytesPerEntry, colour: NODE_COLOUR },
    { name: 'answer and ready response', bytes: largest.payloadBytesPerEntry, colour: BASELINE_COLOUR },
    { name: 'an answer as it is sent', bytes: largest.answerOctets, colour: BASELINE_COLOUR },
  ]
  const title = 'Memory of a cached record'
  const about = `memory-cache. With ${formatCount(largest.entries)} records in memory`
  return [
    {
      title,
      about,
      legend: [],
      picture: drawBars(
        {
          axis: 'bytes for each record',
          bars: figures.map(({ name, bytes, colour }) => ({
            name,
            value: bytes,
            label: `${formatCount(bytes)} B`,
            colour,
          })),
        },
        `${title}. ${about}`,
      ),
      table: {
        columns: [{ title: 'what' }, { title: 'bytes', right: true }],
        rows: figures.map(({ name, bytes }): Cell[] => [name, count(bytes)]),
      },
    },
  ]
}

function ratesOf({ samples }: Row['node']): number[] {
  return samples.map(({ perSecond }) => perSecond)
}

function factCell({ facts = {} }: Row, name: string): Cell {
  const value = facts[name]
  return typeof value === 'number' ? { text: String(value), value } : ''
}

function count(value: number): Cell {
  return { text: formatCount(value), value }
}

function ratio(value: number): Cell {
  return { text: formatRatio(value), value }
}
