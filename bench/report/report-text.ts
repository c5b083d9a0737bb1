/** The report for people: what was compared with what, figures as medians, ratios with their spread. */

import { type MeasuredSide, ratioOf, type Spread, spreadOf } from '../load/rounds.js'
import type { LatencyRow, Report, Row } from './report.js'
import { formatCount, formatMicroseconds, formatTable } from './table.js'

/** Of the cores, as load average, above which a run has to share the machine. */
const BUSY_SHARE = 0.5

export function formatReport(report: Report): string {
  return [
    formatEnvironment(report),
    report.rows.length > 0 ? `\n${formatRows(report.rows)}` : '',
    ...numberedNotes(report.rows),
    report.latency.length > 0 ? `\n${formatLatency(report.latency)}` : '',
    ...numberedNotes(report.latency),
    ...report.left.map(({ name, reason, failed }) => `\n${name} ${failed ? 'FAILED' : 'was left out'}: ${reason}`),
    `\nTook ${report.seconds.toFixed(1)} s. Ratios are of one run, node and baseline in turn; absolute figures move with the machine.`,
  ]
    .filter((part) => part !== '')
    .join('\n')
}

function formatEnvironment({ environment: at, options }: Report): string {
  const pinned = at.pinned
    ? `node and baselines on core ${at.pinned.serverCore}, load on core ${at.pinned.loadCore}, database and Redis on any`
    : 'no process pinned to a core (needs Linux, taskset and two cores): expect more noise'
  return [
    `Jiexi ${at.commit ?? 'outside of a clone'}, ${at.date}`,
    `${at.cpu}, ${at.cores} cores, ${(at.memoryBytes / 2 ** 30).toFixed(0)} GiB, ${at.system}, load average ${at.loadAverageBefore.toFixed(2)}`,
    `Node ${at.node}, PostgreSQL ${at.postgres}, Redis ${at.redis ?? 'none'}`,
    `${Object.entries(options)
      .map(([name, value]) => `${name} ${String(value)}`)
      .join(', ')}`,
    pinned,
    ...(at.loadAverageBefore > BUSY_SHARE * at.cores
      ? ['THE MACHINE WAS BUSY with something else before the run: run it again on a quiet one before quoting a figure']
      : []),
  ].join('\n')
}

function formatRows(rows: readonly Row[]): string {
  return formatTable(
    [
      { title: 'row' },
      { title: 'what' },
      { title: 'node /s', right: true },
      { title: 'µs CPU', right: true },
      { title: 'baseline' },
      { title: 'baseline /s', right: true },
      { title: 'µs CPU', right: true },
      { title: 'ratio', right: true },
      { title: 'rounds', right: true },
      { title: 'note' },
    ],
    rows.flatMap((row, index) => {
      const [first, ...others] = row.baselines
      const note = row.notes.length > 0 ? `(${noteNumber(rows, index)})` : ''
      const node = [formatCount(medianOf(row.node)), cpuOf(row.node)]
      return [
        [
          row.name,
          `${row.title}, ${row.unit}`,
          ...node,
          ...(first ? comparison(row.node, first) : ['', '', '', '', '']),
          note,
        ],
        ...others.map((baseline) => ['', '', '', '', ...comparison(row.node, baseline), '']),
      ]
    }),
  )
}

function comparison(node: MeasuredSide, baseline: MeasuredSide): string[] {
  const ratio = ratioOf(node, baseline)
  return [baseline.name, formatCount(medianOf(baseline)), cpuOf(baseline), formatRatio(ratio.median), spread(ratio)]
}

function formatLatency(rows: readonly LatencyRow[]): string {
  const heading = 'Open loop: latency from the time a request was due, at shares of the capacity measured above'
  return `${heading}\n\n${formatTable(
    [
      { title: 'row' },
      { title: 'side' },
      { title: 'load', right: true },
      { title: 'offered /s', right: true },
      { title: 'answered /s', right: true },
      ...['p50', 'p90', 'p99', 'p99.9', 'max'].map((title) => ({ title, right: true })),
      { title: 'note' },
    ],
    rows.map((row, index) => [
      row.name,
      row.side,
      `${Math.round(row.shareOfCapacity * 100)} %`,
      formatCount(row.offeredPerSecond),
      formatCount(row.answeredPerSecond),
      ...[row.p50, row.p90, row.p99, row.p999, row.max].map(formatMicroseconds),
      row.notes.length > 0 ? `(${noteNumber(rows, index)})` : '',
    ]),
  )}`
}

type Noted = readonly { readonly name: string; readonly notes: readonly string[] }[]

/** Rows with notes are numbered from 1 within their table. */
function noteNumber(rows: Noted, index: number): number {
  return rows.slice(0, index + 1).filter(({ notes }) => notes.length > 0).length
}

function numberedNotes(rows: Noted): string[] {
  return rows.flatMap((row, index) =>
    row.notes.length > 0 ? [`(${noteNumber(rows, index)}) ${row.name}: ${row.notes.join('; ')}`] : [],
  )
}

function medianOf(side: MeasuredSide): number {
  return spreadOf(side.samples.map(({ perSecond }) => perSecond)).median
}

function cpuOf(side: MeasuredSide): string {
  const known = side.samples.flatMap(({ cpuMicroseconds }) => cpuMicroseconds ?? [])
  return known.length === 0 ? '' : spreadOf(known).median.toFixed(1)
}

function formatRatio(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(2)} ×` : '—'
}

function spread(ratio: Spread): string {
  return `${ratio.lowest.toFixed(2)}-${ratio.highest.toFixed(2)}`
}
