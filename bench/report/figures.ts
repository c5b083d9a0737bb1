/** Figures as people read them. The text report and the HTML report say the same. */
import { type MeasuredSide, ratioOf, spreadOf } from '../load/rounds.js'
import type { GoalUnit, JudgedGoal } from './goals.js'

/** `12,345`; `—` for what is not a number. */
export function formatCount(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en-GB') : '—'
}

/** Microseconds, told in µs below a millisecond, in ms up to ten seconds, and in s above. */
export function formatMicroseconds(value: number): string {
  if (!Number.isFinite(value)) return '—'
  if (value < 1000) return `${Math.round(value)} µs`
  if (value < 10_000_000) return `${(value / 1000).toFixed(value < 10_000 ? 2 : value < 100_000 ? 1 : 0)} ms`
  return `${(value / 1e6).toFixed(1)} s`
}

export function formatRatio(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(2)} ×` : '—'
}

export function formatGoalFigure(value: number | undefined, unit: GoalUnit): string {
  if (value === undefined) return '—'
  if (unit === '×') return formatRatio(value)
  if (unit === 'µs') return formatMicroseconds(value)
  return `${formatCount(value)}${unit}`
}

export function formatBound({ bound, target, unit }: JudgedGoal): string {
  return `${bound === 'at least' ? '≥' : '≤'} ${formatGoalFigure(target, unit)}`
}

export function formatVerdict({ met }: JudgedGoal): string {
  return met === undefined ? 'not measured' : met ? 'met' : 'not met'
}

export function medianRate(side: MeasuredSide): number {
  return spreadOf(side.samples.map(({ perSecond }) => perSecond)).median
}

/** Microseconds of a unit, the median of the rounds; undefined where the system does not tell. */
export function medianCpu(side: MeasuredSide): number | undefined {
  const known = side.samples.flatMap(({ cpuMicroseconds }) => cpuMicroseconds ?? [])
  return known.length === 0 ? undefined : spreadOf(known).median
}

/** CPU time of a unit, to that of `baseline`: the median of the rounds' ratios, NaN where there is none. */
export function cpuRatio(side: MeasuredSide, baseline: MeasuredSide): number {
  return spreadOf(
    side.samples.flatMap(({ cpuMicroseconds: cpu }, round) => {
      const other = baseline.samples[round]?.cpuMicroseconds
      return cpu === undefined || other === undefined ? [] : cpu / other
    }),
  ).median
}

export function formatCpu(side: MeasuredSide): string {
  return medianCpu(side)?.toFixed(1) ?? ''
}

/** `0.85-0.91`: the lowest and the highest of the rounds' ratios. */
export function formatRatioSpread(node: MeasuredSide, baseline: MeasuredSide): string {
  const { lowest, highest } = ratioOf(node, baseline)
  return `${lowest.toFixed(2)}-${highest.toFixed(2)}`
}
