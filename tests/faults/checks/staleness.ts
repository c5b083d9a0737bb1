/**
 * Bounded staleness: an answer that is not marked stale, and whose request began more than T after a write was
 * acknowledged, shows that write or a newer one. "Not registered" counts as version 0.
 */
import type { Evidence, Write } from '../record.js'
import { type CheckResult, Tally, where } from './check.js'

export interface StalenessResult extends CheckResult {
  /** Of all answers that are not marked: how long after the acknowledgement of a newer version the request began. */
  readonly worstUnmarkedAgeMs: number
}

export function checkStaleness(evidence: Evidence): StalenessResult {
  return check(evidence, { name: 'bounded staleness', boundMs: evidence.boundMs, writes: evidence.writes })
}

/** The same with a bound of nothing, for writes that were acknowledged only once they showed everywhere. */
export function checkVisibility(evidence: Evidence): StalenessResult {
  const writes = evidence.writes.filter(({ waits }) => waits)
  return check(evidence, { name: 'visible when acknowledged', boundMs: 0, writes })
}

interface Promised {
  readonly name: string
  readonly boundMs: number
  readonly writes: readonly Write[]
}

function check({ reads, keys }: Evidence, { name, boundMs, writes }: Promised): StalenessResult {
  const newer = acknowledgements(writes)
  const tally = new Tally(name)
  let worstUnmarkedAgeMs = 0
  for (const read of reads) {
    if (read.outcome === 'unanswered' || read.isStale) continue
    const known = newer.get(read.key)
    if (known === undefined) continue
    const ageMs = read.startedAtMs - (known.firstAfter(read.version) ?? Number.POSITIVE_INFINITY)
    if (ageMs > worstUnmarkedAgeMs) worstUnmarkedAgeMs = ageMs
    tally.check(
      ageMs <= boundMs,
      () => `${keys[read.key]} ${read.outcome} as version ${read.version}, ${ageMs.toFixed(0)} ms late: ${where(read)}`,
    )
  }
  return { ...tally.result(), worstUnmarkedAgeMs }
}

/** When versions of one identifier were acknowledged. */
class Acknowledgements {
  /** In order of versions; `atMs` is the earliest of this and all later ones. */
  readonly #steps: { readonly version: number; atMs: number }[]

  constructor(steps: readonly { readonly version: number; readonly atMs: number }[]) {
    this.#steps = steps.map((step) => ({ ...step })).sort((one, other) => one.version - other.version)
    for (let at = this.#steps.length - 2; at >= 0; at -= 1) {
      const [step, next] = [this.#steps[at]!, this.#steps[at + 1]!]
      step.atMs = Math.min(step.atMs, next.atMs)
    }
  }

  /** The earliest acknowledgement of any version above this one. */
  firstAfter(version: number): number | undefined {
    let [low, high] = [0, this.#steps.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#steps[middle]!.version <= version) low = middle + 1
      else high = middle
    }
    return this.#steps[low]?.atMs
  }
}

function acknowledgements(writes: readonly Write[]): ReadonlyMap<number, Acknowledgements> {
  const steps = new Map<number, { version: number; atMs: number }[]>()
  for (const { key, result } of writes) {
    if (result.kind !== 'acknowledged') continue
    const known = steps.get(key)
    const step = { version: result.receipt.version, atMs: result.atMs }
    if (known) known.push(step)
    else steps.set(key, [step])
  }
  return new Map([...steps].map(([key, known]) => [key, new Acknowledgements(known)]))
}
