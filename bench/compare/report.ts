/** What a comparison found, for machines and for people. */
import type { MeasuredSide } from '../load/rounds.js'
import { formatCount, formatCpu, formatRatio, medianRate } from '../report/figures.js'
import type { LeftRow } from '../report/report.js'
import { describeRun } from '../report/report-text.js'
import { formatTable } from '../report/table.js'
import type { RowName } from '../rows/row-names.js'
import type { Environment } from '../stage/environment.js'
import type { Build } from './revisions.js'
import { type Change, changeOf, RULE } from './verdict.js'

export interface ComparedRow {
  readonly name: RowName
  readonly title: string
  readonly unit: string
  readonly sides: readonly [MeasuredSide, MeasuredSide]
  readonly rate: Change
  /** CPU time of a unit; undefined where the system does not tell. */
  readonly cpu: Change | undefined
  readonly notes: readonly string[]
}

export interface CompareReport {
  readonly environment: Environment
  readonly options: Readonly<Record<string, string | number | boolean>>
  readonly builds: readonly [Omit<Build, 'program'>, Omit<Build, 'program'>]
  readonly rule: string
  readonly rows: readonly ComparedRow[]
  readonly left: readonly LeftRow[]
  readonly seconds: number
}

export function comparedRow(
  of: Pick<ComparedRow, 'name' | 'title' | 'unit' | 'notes'>,
  sides: readonly [MeasuredSide, MeasuredSide],
): ComparedRow {
  const [first, second] = sides
  const rates = second.samples.map(({ perSecond }, round) => perSecond / first.samples[round]!.perSecond)
  const cpus = second.samples.flatMap(({ cpuMicroseconds: cpu }, round) => {
    const other = first.samples[round]!.cpuMicroseconds
    return cpu === undefined || other === undefined ? [] : cpu / other
  })
  return { ...of, sides, rate: changeOf(rates), cpu: cpus.length === 0 ? undefined : changeOf(cpus) }
}

export function formatComparison(report: CompareReport): string {
  const [from, to] = report.builds
  const noted = report.rows.filter(({ notes }) => notes.length > 0)
  return [
    describeRun(report).join('\n'),
    `\nA is ${from.revision} (${from.commit}), B is ${to.revision} (${to.commit}). ${RULE}.\n`,
    formatTable(
      [
        { title: 'row' },
        { title: 'what' },
        ...['A /s', 'B /s', 'B to A', 'rounds'].map((title) => ({ title, right: true })),
        { title: 'rate' },
        ...['A µs CPU', 'B µs CPU', 'B to A'].map((title) => ({ title, right: true })),
        { title: 'CPU' },
      ],
      report.rows.map(cellsOf),
    ),
    ...noted.map(({ name, notes }) => `${name}: ${notes.join('; ')}`),
    ...report.left.map(({ name, reason, failed }) => `\n${name} ${failed ? 'FAILED' : 'was left out'}: ${reason}`),
    `\n${summaryOf(report)}\nTook ${report.seconds.toFixed(1)} s.`,
  ].join('\n')
}

function cellsOf({ name, title, unit, sides: [first, second], rate, cpu }: ComparedRow): string[] {
  const { lowest, highest } = rate.ratio
  return [
    name,
    `${title}, ${unit}`,
    formatCount(medianRate(first)),
    formatCount(medianRate(second)),
    formatRatio(rate.ratio.median),
    `${lowest.toFixed(2)}-${highest.toFixed(2)}`,
    rateWord(rate),
    formatCpu(first),
    formatCpu(second),
    cpu ? formatRatio(cpu.ratio.median) : '',
    cpu?.direction ?? '',
  ]
}

function rateWord({ direction }: Change): string {
  return direction === 'more' ? 'FASTER' : direction === 'less' ? 'SLOWER' : direction
}

function summaryOf({ rows }: CompareReport): string {
  const named = (direction: Change['direction']) =>
    rows.filter(({ rate }) => rate.direction === direction).map(({ name }) => name)
  const [faster, slower] = [named('more'), named('less')]
  if (faster.length + slower.length === 0) return 'No row differs beyond the noise.'
  return [
    ...(faster.length > 0 ? [`B is faster in ${faster.join(', ')}.`] : []),
    ...(slower.length > 0 ? [`B is slower in ${slower.join(', ')}.`] : []),
  ].join(' ')
}
