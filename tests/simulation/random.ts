/** Chance from a seed: the same seed makes the same run (xorshift-multiply mixing of a counter, "splitmix32"). */
export interface Random {
  /** At least 0, below 1. */
  next(): number
  chance(probability: number): boolean
  /** A whole number below `bound`. */
  below(bound: number): number
  between(low: number, high: number): number
  pick<Item>(items: readonly Item[]): Item
  /** Time between events that come `perSecond` times a second on average, in milliseconds. */
  gapMs(perSecond: number): number
}

export function seededRandom(seed: number): Random {
  let state = seed | 0
  const next = () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
  const below = (bound: number) => Math.floor(next() * bound)
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    between: (low, high) => low + next() * (high - low),
    pick: (items) => items[below(items.length)]!,
    gapMs: (perSecond) => (-Math.log(1 - next()) * 1000) / perSecond,
  }
}
