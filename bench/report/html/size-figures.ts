/** Figures of size: the rate over the number of records, and the memory that a record takes. */
import { spreadOf } from '../../load/rounds.js'
import { formatCount } from '../figures.js'
import type { Report, Row } from '../report.js'
import { drawBars } from './bar-plot.js'
import { type Figure, lineFigure } from './figure.js'
import { shortCount } from './latency-figures.js'
import { type Cell, countCell } from './markup.js'

const NODE_COLOUR = 1
const PAYLOAD_COLOUR = 5

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
          countCell(rates.median),
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
    { name: 'answer and ready response', bytes: largest.payloadBytesPerEntry, colour: PAYLOAD_COLOUR },
    { name: 'an answer as it is sent', bytes: largest.answerOctets, colour: PAYLOAD_COLOUR },
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
        rows: figures.map(({ name, bytes }): Cell[] => [name, countCell(bytes)]),
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
