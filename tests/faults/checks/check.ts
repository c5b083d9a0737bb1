/** What a checker gives: how much it looked at, how often the promise was broken, and the first few cases. */
export interface CheckResult {
  readonly name: string
  readonly checked: number
  readonly violations: number
  readonly examples: readonly string[]
}

const MAX_EXAMPLES = 10

export class Tally {
  readonly #name: string
  #checked = 0
  #violations = 0
  readonly #examples: string[] = []

  constructor(name: string) {
    this.#name = name
  }

  /** `describe` is only called for the first few violations. */
  check(holds: boolean, describe: () => string): void {
    this.#checked += 1
    if (holds) return
    this.#violations += 1
    if (this.#examples.length < MAX_EXAMPLES) this.#examples.push(describe())
  }

  result(): CheckResult {
    return { name: this.#name, checked: this.#checked, violations: this.#violations, examples: this.#examples }
  }
}

/** "node2, process 3, at 12.345 s". */
export function where({
  node,
  incarnation,
  startedAtMs,
}: {
  node: number
  incarnation: number
  startedAtMs: number
}): string {
  return `node${node + 1}, process ${incarnation}, at ${(startedAtMs / 1000).toFixed(3)} s`
}
