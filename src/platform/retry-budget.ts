/**
 * How many repetitions are allowed: a share of what is asked in the first place. When everything fails, a node that
 * repeats every request doubles the load of those who are in trouble already.
 */
export interface RetryBudgetOptions {
  /** Repetitions for each first request, such as 0.1. */
  readonly share: number
  /** Saved up at most, and there at the beginning. */
  readonly most: number
}

export interface RetryBudget {
  asked(): void
  /** True: one may be made, and is counted. */
  tryRepeat(): boolean
}

export function retryBudget({ share, most }: RetryBudgetOptions): RetryBudget {
  let left = most
  return {
    asked() {
      left = Math.min(most, left + share)
    },
    tryRepeat() {
      if (left < 1) return false
      left -= 1
      return true
    },
  }
}
