/** A plot of lines over two axes, as SVG that takes its colours from the page and needs no script. */
import { element, escapeText } from './markup.js'
import { type Axis, type Scale, scaleOf } from './scales.js'

export interface Point {
  readonly x: number
  readonly y: number
  /** Shown when pointed at. */
  readonly label: string
  /** The lowest and the highest of the rounds. */
  readonly range?: readonly [number, number]
}

export interface Series {
  readonly name: string
  /** Which of the page's colours. */
  readonly colour: number
  readonly dashed?: boolean
  readonly points: readonly Point[]
}

export interface LinePlot {
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly Series[]
}

const WIDTH = 400
const HEIGHT = 270
const LEFT = 68
const RIGHT = 14
const TOP = 12
const BOTTOM = 46

export function drawLines(plot: LinePlot, label: string): string {
  const points = plot.series.flatMap((series) => series.points)
  const x = scaleOf(
    plot.x,
    points.map((point) => point.x),
  )
  const y = scaleOf(
    plot.y,
    points.flatMap((point) => [point.y, ...(point.range ?? [])]),
  )
  const across = (value: number) => LEFT + x.at(value) * (WIDTH - LEFT - RIGHT)
  const up = (value: number) => HEIGHT - BOTTOM - y.at(value) * (HEIGHT - TOP - BOTTOM)
  return element(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': label },
    [
      ...y.ticks.map((tick) => horizontal(up(tick), plot.y.format(tick))),
      ...fittingTicks(x, plot.x, across).map((tick) => vertical(across(tick), plot.x.format(tick))),
      text({ x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 8, class: 'axis', 'text-anchor': 'middle' }, plot.x.title),
      text(
        {
          transform: `translate(12 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)`,
          class: 'axis',
          'text-anchor': 'middle',
        },
        plot.y.title,
      ),
      ...plot.series.map((series) => drawSeries(series, across, up)),
    ].join(''),
  )
}

function drawSeries(
  { name, colour, dashed, points }: Series,
  across: (value: number) => number,
  up: (value: number) => number,
): string {
  const path = points.map((point) => `${round(across(point.x))},${round(up(point.y))}`).join(' ')
  const parts = [
    element('polyline', { points: path, class: dashed ? 'line dashed' : 'line' }),
    ...points.flatMap(({ x, range }) =>
      range
        ? [element('line', { x1: across(x), x2: across(x), y1: up(range[0]), y2: up(range[1]), class: 'range' })]
        : [],
    ),
    ...points.map(({ x, y, label }) =>
      element('circle', { cx: round(across(x)), cy: round(up(y)), r: 2.6 }, titleOf(`${name}: ${label}`)),
    ),
  ]
  return element('g', { class: `series c${colour}`, 'data-series': name }, parts.join(''))
}

/** Labels that would run into each other are left out, from the right. */
function fittingTicks(scale: Scale, axis: Axis, across: (value: number) => number): number[] {
  const kept: number[] = []
  let end = -Infinity
  for (const tick of scale.ticks) {
    const half = (axis.format(tick).length * 7.5) / 2
    if (across(tick) - half < end) continue
    kept.push(tick)
    end = across(tick) + half + 4
  }
  return kept
}

function horizontal(y: number, label: string): string {
  return (
    element('line', { x1: LEFT, x2: WIDTH - RIGHT, y1: round(y), y2: round(y), class: 'grid' }) +
    text({ x: LEFT - 6, y: round(y + 4), class: 'tick y', 'text-anchor': 'end' }, label)
  )
}

function vertical(x: number, label: string): string {
  return (
    element('line', { x1: round(x), x2: round(x), y1: TOP, y2: HEIGHT - BOTTOM, class: 'grid' }) +
    text({ x: round(x), y: HEIGHT - BOTTOM + 16, class: 'tick x', 'text-anchor': 'middle' }, label)
  )
}

function text(attributes: Readonly<Record<string, string | number>>, content: string): string {
  return element('text', attributes, escapeText(content))
}

function titleOf(label: string): string {
  return element('title', {}, escapeText(label))
}

function round(place: number): number {
  return Math.round(place * 100) / 100
}
