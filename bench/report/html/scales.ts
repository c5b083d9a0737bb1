/** From figures to places on an axis, and where its ticks go. */

export interface Axis {
  /** With the unit. */
  readonly title: string
  readonly kind: 'linear' | 'log'
  format(value: number): string
  /** In place of those found from the figures. */
  readonly ticks?: readonly number[]
}

export interface Scale {
  /** 0 … 1 along the axis. */
  at(value: number): number
  readonly ticks: readonly number[]
}

const LINEAR_TICKS = 5
/** Below so many decades, a logarithmic axis has ticks within them. */
const FEW_DECADES = 2
const HALVES = [1, 2, 5]

/** Holds all of `values`; a linear one begins at 0. */
export function scaleOf(axis: Axis, values: readonly number[]): Scale {
  return axis.kind === 'linear' ? linearScale(axis, values) : logScale(axis, values)
}

function linearScale({ ticks: given }: Axis, values: readonly number[]): Scale {
  const largest = Math.max(...values, Number.MIN_VALUE)
  const step = niceStep(largest / LINEAR_TICKS)
  const end = Math.ceil(largest / step - 1e-9) * step
  const ticks = given ?? Array.from({ length: Math.round(end / step) + 1 }, (_, index) => index * step)
  return { at: (value) => value / end, ticks }
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  return (HALVES.find((half) => half * power >= least) ?? 10) * power
}

function logScale({ ticks: given }: Axis, values: readonly number[]): Scale {
  const positive = values.filter((value) => value > 0)
  const [lowest, highest] = positive.length === 0 ? [1, 10] : [Math.min(...positive), Math.max(...positive)]
  // Those that lie beyond all figures are left out.
  const shown = given?.filter((_, at) => at === 0 || given[at - 1]! < highest)
  const [start, end] = shown ? [Math.min(shown[0]!, lowest), Math.max(shown.at(-1)!, highest)] : around(lowest, highest)
  const span = Math.log(end / start)
  return {
    // What is zero lies at the foot: there is no other place for it.
    at: (value) => (value <= start ? 0 : Math.log(value / start) / span),
    ticks: shown ?? logTicks(start, end),
  }
}

/** Ends at 1, 2 or 5 times a power of ten, and not at one place. */
function around(lowest: number, highest: number): readonly [number, number] {
  const start = below(lowest)
  const end = above(highest)
  return end > start ? [start, end] : [start, start * 10]
}

function below(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return (HALVES.findLast((half) => half * power <= value * (1 + 1e-9)) ?? 1) * power
}

function above(value: number): number {
  return niceStep(value * (1 - 1e-9))
}

function logTicks(start: number, end: number): number[] {
  const decades = Math.log10(end / start)
  const ticks: number[] = []
  for (let power = 10 ** Math.floor(Math.log10(start)); power <= end * (1 + 1e-9); power *= 10) {
    for (const half of decades > FEW_DECADES ? [1] : HALVES) ticks.push(half * power)
  }
  return ticks.filter((tick) => tick >= start * (1 - 1e-9) && tick <= end * (1 + 1e-9))
}
