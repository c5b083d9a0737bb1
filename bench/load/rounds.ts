/**
 * Sides of a comparison take turns, A B A B, since a shared machine drifts by more than what is compared. Figures are
 * medians; a ratio is the median of the rounds' own ratios, with the lowest and the highest beside it.
 */

/** One side measured once. */
export interface Sample {
  /** In the unit of the row. */
  readonly perSecond: number
  /** CPU time of the measured process for each unit; undefined where the system does not tell. */
  readonly cpuMicroseconds?: number | undefined
  /** Share of a core the load generator used. */
  readonly generatorBusyShare?: number
  /** Number of answers by status, where it was not the expected one. */
  readonly unexpected?: Readonly<Record<string, number>>
}

export interface Side {
  readonly name: string
  measure(): Promise<Sample>
}

export interface MeasuredSide {
  readonly name: string
  readonly samples: readonly Sample[]
}

/** One untold warm-up of each side, then `rounds` rounds in which each side is measured once. */
export async function takeTurns(sides: readonly Side[], { rounds, warmUp }: Turns): Promise<MeasuredSide[]> {
  if (warmUp) for (const side of sides) await side.measure()
  const samples = sides.map((): Sample[] => [])
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, side] of sides.entries()) samples[index]!.push(await side.measure())
  }
  return sides.map(({ name }, index) => ({ name, samples: samples[index]! }))
}

export interface Turns {
  readonly rounds: number
  readonly warmUp: boolean
}

export interface Spread {
  readonly median: number
  readonly lowest: number
  readonly highest: number
}

/** NaN throughout when there is nothing. */
export function spreadOf(numbers: readonly number[]): Spread {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const [below = Number.NaN, above = Number.NaN] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]]
  return {
    median: (below + above) / 2,
    lowest: sorted[0] ?? Number.NaN,
    highest: sorted.at(-1) ?? Number.NaN,
  }
}

/** Of `side` to `baseline`, round by round. */
export function ratioOf(side: MeasuredSide, baseline: MeasuredSide): Spread {
  return spreadOf(side.samples.map(({ perSecond }, round) => perSecond / baseline.samples[round]!.perSecond))
}
