/** Pauses between tries: twice as long each time up to a bound, each shortened by chance, so that many do not come at once. */
export interface Backoff {
  /** Milliseconds until the next try. */
  next(): number
  /** It went well: the next pause is a short one again. */
  reset(): void
}

export interface BackoffOptions {
  readonly leastMs: number
  readonly mostMs: number
  /** From 0 to 1. Default `Math.random`. */
  readonly random?: () => number
}

export function backoff({ leastMs, mostMs, random = Math.random }: BackoffOptions): Backoff {
  let tries = 0
  return {
    next() {
      const wholeMs = pauseMs(tries, { leastMs, mostMs })
      tries += 1
      return wholeMs / 2 + (random() * wholeMs) / 2
    },
    reset() {
      tries = 0
    },
  }
}

/** After so many tries in a row, before chance. */
function pauseMs(tries: number, { leastMs, mostMs }: Pick<BackoffOptions, 'leastMs' | 'mostMs'>): number {
  return Math.min(mostMs, leastMs * 2 ** Math.min(tries, 30))
}
