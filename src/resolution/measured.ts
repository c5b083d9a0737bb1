/** The outermost layer: counts every look-up by tier, kind and outcome, and notes its time. Adds no async hop. */
import type { LookupMeter } from '../observability/lookup-meter.js'
import type { Clock } from '../platform/clock.js'
import { NodeError } from '../platform/errors.js'
import type { Answer } from '../record/answer.js'
import type { FaceSearch } from './kept/face-search.js'
import type { Layer, Query } from './resolve.js'

export function measured(meter: LookupMeter, clock: Clock): Layer {
  return (next) => (query) => {
    const startedMs = clock.monotonicMs()
    let answer: Answer | Promise<Answer>
    try {
      answer = next(query)
    } catch (error) {
      meter.failed(codeOf(error))
      throw error
    }
    if (answer instanceof Promise) return noted(answer, { meter, clock, startedMs })
    meter.answered(answer, clock.monotonicMs() - startedMs)
    return answer
  }
}

/** The same for what may have an answer at once: only answers count, the rest is asked for elsewhere. */
export function measuredHits(
  meter: LookupMeter,
  clock: Clock,
  find: (query: Query) => Answer | undefined,
): (query: Query) => Answer | undefined {
  return (query) => {
    const startedMs = clock.monotonicMs()
    const answer = find(query)
    if (answer !== undefined) meter.answered(answer, clock.monotonicMs() - startedMs)
    return answer
  }
}

/** One of so many hits is timed, and counts for all of them: telling the time costs a tenth of one. */
const TIMED_HITS = 32

/** The same for what memory has as octets. */
export function measuredFaces(
  meter: LookupMeter,
  clock: Clock,
  find: (search: FaceSearch) => boolean,
): (search: FaceSearch) => boolean {
  let hits = 0
  return (search) => {
    if (hits % TIMED_HITS !== 0) {
      const isFound = find(search)
      if (isFound) {
        hits += 1
        meter.remembered()
      }
      return isFound
    }
    const startedMs = clock.monotonicMs()
    const isFound = find(search)
    if (!isFound) return false
    hits += 1
    meter.remembered()
    meter.timed('memory', { elapsedMs: clock.monotonicMs() - startedMs, hits: TIMED_HITS })
    return true
  }
}

function noted(
  pending: Promise<Answer>,
  { meter, clock, startedMs }: { readonly meter: LookupMeter; readonly clock: Clock; readonly startedMs: number },
): Promise<Answer> {
  return pending.then(
    (answer) => {
      meter.answered(answer, clock.monotonicMs() - startedMs)
      return answer
    },
    (error: unknown) => {
      meter.failed(codeOf(error))
      throw error
    },
  )
}

function codeOf(error: unknown): string {
  return error instanceof NodeError ? error.code : 'internal'
}
