/**
 * Several ways to the same thing, of which one is enough: the next is tried when those before have failed, or have kept
 * silent for a while. The first that succeeds wins; the others are told to stop.
 *
 * Source: Dean, Barroso, "The Tail at Scale", 2013.
 */
export interface HedgedOptions {
  /** For how long one is waited for before the next is tried beside it. */
  readonly afterMs: number
  /** Whether one more may be tried beside what is under way. Default: yes. After a failure the next is always tried. */
  readonly mayHedge?: () => boolean
  /** Of two failures the one to tell. Default: the first. */
  readonly worse?: (before: unknown, now: unknown) => unknown
  /** Whether the others are worth trying after it. Default: yes. */
  readonly isWorthAnother?: (error: unknown) => boolean
}

export type Attempt<Value> = (signal: AbortSignal) => Promise<Value>

/** @throws what the attempts threw */
export function hedged<Value>(attempts: readonly Attempt<Value>[], options: HedgedOptions): Promise<Value> {
  if (attempts.length === 0) throw new RangeError('there is nothing to try')
  return new Promise((resolve, reject) => new Race(attempts, options, { resolve, reject }).next())
}

interface Outcome<Value> {
  resolve(value: Value): void
  reject(error: unknown): void
}

class Race<Value> {
  private readonly waiting: Attempt<Value>[]
  private readonly options: HedgedOptions
  private readonly outcome: Outcome<Value>
  private readonly stop = new AbortController()
  private timer: NodeJS.Timeout | undefined
  private underWay = 0
  private failure: { readonly error: unknown } | undefined

  constructor(attempts: readonly Attempt<Value>[], options: HedgedOptions, outcome: Outcome<Value>) {
    this.waiting = [...attempts]
    this.options = options
    this.outcome = outcome
  }

  next(): void {
    const attempt = this.waiting.shift()
    if (attempt === undefined) return
    this.underWay += 1
    if (this.waiting.length > 0) this.timer = setTimeout(() => this.hedge(), this.options.afterMs)
    // One that throws at once is one that fails.
    void (async () => attempt(this.stop.signal))().then(
      (value) => this.end(() => this.outcome.resolve(value)),
      (error: unknown) => this.failed(error),
    )
  }

  private hedge(): void {
    if (this.options.mayHedge?.() ?? true) this.next()
  }

  private failed(error: unknown): void {
    this.underWay -= 1
    const { worse = (before) => before, isWorthAnother = () => true } = this.options
    this.failure = { error: this.failure === undefined ? error : worse(this.failure.error, error) }
    clearTimeout(this.timer)
    if (!isWorthAnother(error)) this.end(() => this.outcome.reject(error))
    else if (this.waiting.length > 0) this.next()
    else if (this.underWay === 0) this.end(() => this.outcome.reject(this.failure?.error))
  }

  private end(tell: () => void): void {
    clearTimeout(this.timer)
    this.waiting.length = 0
    tell()
    this.stop.abort()
  }
}
