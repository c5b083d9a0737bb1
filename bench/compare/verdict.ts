/**
 * Whether two sides differ beyond the noise. They took turns, so each round gives a ratio of its own, in which what the
 * machine did meanwhile is mostly cancelled out. A difference is told when *every* round agrees on its direction, and the
 * median of the ratios is further from 1 than half of what lies between the lowest and the highest of them, and at least
 * 3 %. Without any difference, n rounds agree by chance once in 2^(n-1) times: in nine rounds 0.4 %, and few of those pass
 * the other condition. Below five rounds nothing is told.
 */
import { type Spread, spreadOf } from '../load/rounds.js'

export const LEAST_ROUNDS = 5
export const LEAST_CHANGE = 0.03

export const RULE =
  'A figure differs when every round agrees on the direction, and the median ratio is further from 1 than half the spread ' +
  'of the rounds, and at least 3 %. With n rounds chance alone makes all agree once in 2^(n-1) times; fewer than five tell nothing'

export type Direction = 'more' | 'less' | 'no difference' | 'too few rounds'

export interface Change {
  /** Of the second side to the first, round by round. */
  readonly ratio: Spread
  readonly direction: Direction
}

/** @param ratios of the second side to the first, one of each round */
export function changeOf(ratios: readonly number[]): Change {
  const ratio = spreadOf(ratios)
  return { ratio, direction: directionOf(ratio, ratios.length) }
}

function directionOf({ median, lowest, highest }: Spread, rounds: number): Direction {
  if (rounds < LEAST_ROUNDS) return 'too few rounds'
  const isLarge = Math.abs(median - 1) >= Math.max(LEAST_CHANGE, (highest - lowest) / 2)
  if (isLarge && lowest > 1) return 'more'
  if (isLarge && highest < 1) return 'less'
  return 'no difference'
}
