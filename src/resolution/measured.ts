/** The outermost layer: counts every look-up by tier, kind and outcome, and by who asks for what, and notes its time. Adds no async hop. */
import type { LookupMeter } from '../observability/lookup-meter.js'
import type { TrafficMeter } from '../observability/traffic.js'
import type { Clock } from '../platform/clock.js'
import { NodeError } from '../platform/errors.js'
import type { Answer } from '../record/answer.js'
import type { FaceSearch } from './kept/face-search.js'
import type { Layer, Query } from './resolve.js'

export interface Meters {
  readonly lookups: LookupMeter
  readonly traffic: Omit<TrafficMeter, 'registered' | 'take'>
}

export function measured(meters: Meters, clock: Clock): Layer {
  return (next) => (query) => {
    const startedMs = clock.monotonicMs()
    let answer: Answer | Promise<Answer>
    try {
      answer = next(query)
    } catch (error) {
      failed(meters, query, error)
      throw error
    }
    if (answer instanceof Promise) return noted(answer, query, { meters, clock, startedMs })
    answered(meters, query, { answer, startedMs, endedMs: clock.monotonicMs() })
    return answer
  }
}

/** The same for what may have an answer at once: only answers count, the rest is asked for elsewhere. */
export function measuredHits(
  meters: Meters,
  clock: Clock,
  find: (query: Query) => Answer | undefined,
): (query: Query) => Answer | undefined {
  return (query) => {
    const startedMs = clock.monotonicMs()
    const answer = find(query)
    if (answer !== undefined) answered(meters, query, { answer, startedMs, endedMs: clock.monotonicMs() })
    return answer
  }
}

/** One of so many hits is timed, and counts for all of them: telling the time costs a tenth of one. */
const TIMED_HITS = 32

/**
 * The same for what memory has as octets. What cannot be counted by its octets yet, because its responsible prefix is not
 * known, is not found here: the way that gives an answer finds both.
 */
export function measuredFaces(
  { lookups, traffic }: Meters,
  clock: Clock,
  find: (search: FaceSearch) => boolean,
): (search: FaceSearch) => boolean {
  let hits = 0
  return (search) => {
    const counts = traffic.countsBelow(search.key, search.keyStart, search.keyEnd)
    if (counts === undefined) return false
    const isTimed = hits % TIMED_HITS === 0
    const startedMs = isTimed ? clock.monotonicMs() : 0
    if (!find(search)) return false
    hits += 1
    lookups.remembered()
    traffic.found(counts, search.source, search.moment.monotonicMs)
    if (!isTimed) return true
    const endedMs = clock.monotonicMs()
    lookups.timed('memory', { elapsedMs: endedMs - startedMs, hits: TIMED_HITS })
    traffic.timed(endedMs, endedMs - startedMs)
    return true
  }
}

function noted(
  pending: Promise<Answer>,
  query: Query,
  { meters, clock, startedMs }: { readonly meters: Meters; readonly clock: Clock; readonly startedMs: number },
): Promise<Answer> {
  return pending.then(
    (answer) => {
      answered(meters, query, { answer, startedMs, endedMs: clock.monotonicMs() })
      return answer
    },
    (error: unknown) => {
      failed(meters, query, error)
      throw error
    },
  )
}

interface Outcome {
  readonly answer: Answer
  readonly startedMs: number
  readonly endedMs: number
}

function answered({ lookups, traffic }: Meters, query: Query, outcome: Outcome): void {
  lookups.answered(outcome.answer, outcome.endedMs - outcome.startedMs)
  traffic.answered(query, outcome.answer, outcome)
}

function failed({ lookups, traffic }: Meters, query: Query, error: unknown): void {
  lookups.failed(error instanceof NodeError ? error.code : 'internal')
  traffic.failed(query)
}
