/** Figures of latency: against the offered load, and how it is distributed. */
import type { Percentiles } from '../../load/percentiles.js'
import type { RowName } from '../../rows/row-names.js'
import { formatCount, formatMicroseconds } from '../figures.js'
import type { LatencyRow, Report, VisibilityRow } from '../report.js'
import { type Figure, lineFigure } from './figure.js'
import type { Series } from './line-plot.js'
import type { Cell } from './markup.js'
import type { Axis } from './scales.js'

const QUANTILES = [
  { name: 'p50', of: ({ p50 }: Percentiles) => p50 },
  { name: 'p90', of: ({ p90 }: Percentiles) => p90 },
  { name: 'p99', of: ({ p99 }: Percentiles) => p99 },
  { name: 'p99.9', of: ({ p999 }: Percentiles) => p999 },
  { name: 'max', of: ({ max }: Percentiles) => max },
] as const
/** The one that baselines are shown by, beside the node. */
const COMPARED = QUANTILES[2]
/** Of the page's colours, those after the quantiles'. */
const BASELINE_COLOUR = 5
const BASELINE_COLOURS = 4
const LATENCY: Axis = { title: 'latency', kind: 'log', format: shortMicroseconds }
const OFFERED: Axis = { title: 'offered load, requests a second', kind: 'linear', format: shortCount }
/** A share p of the requests lies at 1 / (1 - p): each nine is as wide as the one before. */
const SHARE: Axis = {
  title: 'share of the requests, per cent',
  kind: 'log',
  ticks: [1, 2, 10, 100, 1_000, 10_000],
  format: (odds) => String(Number((100 * (1 - 1 / odds)).toFixed(3))),
}

/** Rows without a curve: each is measured at one offered load, and has a figure of its own. */
const AT_ONE_LOAD: ReadonlyMap<RowName, { readonly title: string; readonly about: string }> = new Map([
  ['latency-mixed', { title: 'Mixed requests', about: 'Latency of each kind among the others' }],
  [
    'latency-crowd',
    { title: 'In a crowd', about: 'Latency without and with thousands of connections that do nothing' },
  ],
  [
    'federation',
    { title: 'Other nodes in trouble', about: 'Latency of local look-ups in calm, and by what the node above does' },
  ],
])

export function latencyFigures(report: Report): Figure[] {
  const curves = [...new Set(report.latency.map(({ name }) => name))].filter((name) => !AT_ONE_LOAD.has(name))
  return curves.flatMap((name) => {
    const points = report.latency.filter((point) => point.name === name)
    return [capacityCurve(name, points), distribution(name, points)]
  })
}

export function oneLoadFigures({ latency }: Report): Figure[] {
  return [...AT_ONE_LOAD].flatMap(([name, { title, about }]) => {
    const points = latency.filter((point) => point.name === name)
    const [first] = points
    if (first === undefined) return []
    const of = points.map((point, index) => ({ name: point.side, colour: index, percentiles: point }))
    return [
      distributionFigure({ title, about: `${about}, at ${percentOf(first.shareOfCapacity)} of the capacity`, of }),
    ]
  })
}

export function visibilityFigure({ visibility }: Report): Figure[] {
  if (visibility.length === 0) return []
  const sides = visibility.flatMap((row: VisibilityRow, index) => [
    { name: `visible, ${row.side}`, colour: 2 * index, percentiles: row },
    { name: `the write, ${row.side}`, colour: 2 * index + 1, dashed: true, percentiles: row.write },
  ])
  return [
    distributionFigure({
      title: 'Write → visible on another node',
      about: 'Time from the acknowledgement until a look-up on the other node has the new version',
      of: sides,
    }),
  ]
}

function capacityCurve(name: RowName, points: readonly LatencyRow[]): Figure {
  const node = points.filter(({ side }) => side === 'node')
  const baselines = [...new Set(points.map(({ side }) => side))].filter((side) => side !== 'node')
  const lineOf = (of: readonly LatencyRow[], quantile: (typeof QUANTILES)[number]) =>
    of.map((point) => ({
      x: point.offeredPerSecond,
      y: quantile.of(point),
      label: `${formatMicroseconds(quantile.of(point))} at ${formatCount(point.offeredPerSecond)} /s (${percentOf(point.shareOfCapacity)})`,
    }))
  const series: Series[] = [
    ...QUANTILES.map((quantile, index) => ({ name: quantile.name, colour: index, points: lineOf(node, quantile) })),
    ...baselines.map((side, index) => ({
      name: `${side}, ${COMPARED.name}`,
      colour: BASELINE_COLOUR + (index % BASELINE_COLOURS),
      dashed: true,
      points: lineOf(
        points.filter((point) => point.side === side),
        COMPARED,
      ),
    })),
  ]
  return lineFigure({
    title: `${node[0]?.title ?? name}: latency against load`,
    about: `${name}. Open loop, from the time a request was due; from ${percentOf(node[0]!.shareOfCapacity)} to ${percentOf(node.at(-1)!.shareOfCapacity)} of the capacity`,
    plot: { x: OFFERED, y: LATENCY, series },
    table: {
      columns: [
        { title: 'side' },
        ...['load', 'offered /s', ...QUANTILES.map((quantile) => quantile.name)].map((title) => ({
          title,
          right: true,
        })),
      ],
      rows: points.map((point) => [
        point.side,
        percentOf(point.shareOfCapacity),
        { text: formatCount(point.offeredPerSecond), value: point.offeredPerSecond },
        ...QUANTILES.map((quantile) => duration(quantile.of(point))),
      ]),
    },
  })
}

/** At the lowest, the middle and the highest load; the baselines in the middle. */
function distribution(name: RowName, points: readonly LatencyRow[]): Figure {
  const node = points.filter(({ side }) => side === 'node')
  const middle = node.find(({ shareOfCapacity }) => shareOfCapacity === 0.5) ?? node[0]!
  const shown = [...new Set([node[0]!, middle, node.at(-1)!])]
  const baselines = points.filter(
    ({ side, shareOfCapacity }) => side !== 'node' && shareOfCapacity === middle.shareOfCapacity,
  )
  return distributionFigure({
    title: `${middle.title}: how latency is distributed`,
    about: `${name}. Which share of the requests had an answer within which time`,
    of: [
      ...shown.map((point, index) => ({
        name: `node at ${percentOf(point.shareOfCapacity)}`,
        colour: 2 * index,
        percentiles: point,
      })),
      ...baselines.map((point, index) => ({
        name: `${point.side} at ${percentOf(point.shareOfCapacity)}`,
        colour: BASELINE_COLOUR + (index % BASELINE_COLOURS),
        dashed: true,
        percentiles: point,
      })),
    ],
  })
}

function distributionFigure(figure: {
  readonly title: string
  readonly about: string
  readonly of: readonly (Omit<Series, 'points'> & { readonly percentiles: Percentiles })[]
}): Figure {
  const { title, about, of } = figure
  return lineFigure({
    title,
    about,
    plot: {
      x: SHARE,
      y: LATENCY,
      series: of.map(({ percentiles, ...series }) => ({
        ...series,
        points: percentiles.curve.map(([share, microseconds]) => ({
          x: oddsOf(share, percentiles.requests),
          y: microseconds,
          label: `${formatShare(share)} within ${formatMicroseconds(microseconds)}`,
        })),
      })),
    },
    table: {
      columns: [{ title: 'of' }, { title: 'requests', right: true }, { title: 'within', right: true }],
      rows: of.flatMap(({ name, percentiles }) =>
        percentiles.curve.map(([share, microseconds]): Cell[] => [name, formatShare(share), duration(microseconds)]),
      ),
    },
  })
}

/** All requests lie where the last of them does. */
function oddsOf(share: number, requests: number): number {
  return share < 1 ? 1 / (1 - share) : Math.max(1, requests)
}

function formatShare(share: number): string {
  return share === 1 ? 'all' : `${Number((share * 100).toFixed(3))} %`
}

function percentOf(share: number): string {
  return `${Math.round(share * 100)} %`
}

function duration(microseconds: number): Cell {
  return { text: formatMicroseconds(microseconds), value: microseconds }
}

function shortMicroseconds(value: number): string {
  if (value < 1_000) return `${Number(value.toPrecision(2))} µs`
  return value < 1e6 ? `${Number((value / 1e3).toPrecision(2))} ms` : `${Number((value / 1e6).toPrecision(2))} s`
}

export function shortCount(value: number): string {
  if (value < 1_000) return String(Number(value.toPrecision(3)))
  return value < 1e6 ? `${Number((value / 1e3).toPrecision(3))} k` : `${Number((value / 1e6).toPrecision(3))} M`
}
