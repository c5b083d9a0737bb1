/** Horizontal bars, one below the other, with a mark where the goal is. Plain HTML: its text wraps and is as large as the page's. */
import { element, escapeText } from './markup.js'

export interface Bar {
  readonly name: string
  readonly value: number
  /** Beside the bar. */
  readonly label: string
  readonly colour: number
  /** Marks on the bar's own scale, with what they mean. */
  readonly marks?: readonly { readonly value: number; readonly label: string }[]
  /** The lowest and the highest of the rounds. */
  readonly range?: readonly [number, number]
}

export interface BarPlot {
  /** What the length is, with its unit. */
  readonly axis: string
  readonly bars: readonly Bar[]
}

/** Beyond the longest bar or mark. */
const HEADROOM = 1.04

export function drawBars({ axis, bars }: BarPlot, label: string): string {
  const values = bars.flatMap(({ value, marks = [], range = [] }) => [
    value,
    ...range,
    ...marks.map((mark) => mark.value),
  ])
  const longest = HEADROOM * Math.max(...values.filter(Number.isFinite), Number.MIN_VALUE)
  const share = (value: number) => `${Math.round((10_000 * value) / longest) / 100}%`
  const rows = bars.map((bar) => drawBar(bar, share)).join('')
  return (
    element('div', { class: 'bars', role: 'img', 'aria-label': label }, rows) +
    element('p', { class: 'axis' }, escapeText(axis))
  )
}

function drawBar({ name, value, label, colour, marks = [], range }: Bar, share: (value: number) => string): string {
  const parts = [
    element('span', { class: `bar c${colour}`, style: `width:${share(value)}`, 'data-value': value }, ''),
    ...(range
      ? [
          element(
            'span',
            { class: 'spread', style: `left:${share(range[0])};width:calc(${share(range[1])} - ${share(range[0])})` },
            '',
          ),
        ]
      : []),
    ...marks.map((mark) =>
      element('span', { class: 'mark', style: `left:${share(mark.value)}`, title: mark.label }, ''),
    ),
  ]
  return (
    element('span', { class: 'name' }, escapeText(name)) +
    element('span', { class: 'track' }, parts.join('')) +
    element('span', { class: 'label' }, escapeText(label))
  )
}
