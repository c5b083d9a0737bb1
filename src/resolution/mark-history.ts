/**
 * Since when transactions are known to have ended: the mark of the feed at moments of the last minutes. What lies below a
 * mark that was known at some moment had been committed before it.
 */

interface Sample {
  readonly mark: number
  readonly atMs: number
}

/** A younger sample tells nothing that anybody waits for. */
const MIN_GAP_MS = 100
/** Longer than any freshness bound can be. */
const KEPT_MS = 120_000

export class MarkHistory {
  readonly #samples: Sample[] = []

  /** `atMs`: a monotonic moment at which the mark is known. */
  note(mark: number, atMs: number): void {
    const last = this.#samples.at(-1)
    if (last !== undefined && (mark <= last.mark || atMs - last.atMs < MIN_GAP_MS)) return
    this.#samples.push({ mark, atMs })
    while (this.#samples.length > 1 && atMs - this.#samples[1]!.atMs > KEPT_MS) this.#samples.shift()
  }

  /** A moment by which the transaction had ended; undefined: not known. */
  endedBy(xid: number): number | undefined {
    return this.#samples.find(({ mark }) => xid < mark)?.atMs
  }

  clear(): void {
    this.#samples.length = 0
  }
}
