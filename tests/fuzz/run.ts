/** Many mutated messages, one after the other; the first broken promise ends the run. */
import { messageOf } from '../../src/platform/errors.js'
import { seededRandom } from '../simulation/random.js'
import { type Examination, handleCorpus, handleExamination } from './handle.js'
import { mutated } from './mutate.js'

/** Chance and what an examination remembers begin anew with every block, so that any of them can be run alone. */
export const BLOCK = 1000
export const MAX_MESSAGE_MS = 50
/** From here on a time is measured again before it is believed. */
const SUSPICIOUS_MS = 2
const TRIES = 5

export interface FuzzOptions {
  readonly seed: number
  /** Number of the first message, rounded down to its block. */
  readonly from: number
  readonly messages: number
}

export interface Failure {
  readonly message: number
  readonly bytes: Buffer
  readonly what: string
}

export interface FuzzReport {
  readonly examined: number
  /** How many met each end, by its words. */
  readonly outcomes: ReadonlyMap<string, number>
  readonly slowestMs: number
  readonly failure?: Failure
}

export function fuzz({ seed, from, messages }: FuzzOptions, onProgress: (done: number) => void): FuzzReport {
  const corpus = handleCorpus()
  const outcomes = new Map<string, number>()
  let slowestMs = 0
  const first = from - (from % BLOCK)
  for (let start = first; start < first + messages; start += BLOCK) {
    const random = seededRandom(seed * 0x9e37_79b1 + start)
    const examination = handleExamination()
    const end = Math.min(start + BLOCK, first + messages)
    for (let message = start; message < end; message++) {
      const bytes = mutated(corpus, random)
      const outcome = examined(examination, bytes)
      slowestMs = Math.max(slowestMs, outcome.ms)
      if (outcome.failure !== undefined) {
        const failure = { message, bytes, what: outcome.failure }
        return { examined: message - first + 1, outcomes, slowestMs, failure }
      }
      outcomes.set(outcome.words, (outcomes.get(outcome.words) ?? 0) + 1)
    }
    onProgress(end - first)
  }
  return { examined: messages, outcomes, slowestMs }
}

interface Outcome {
  readonly words: string
  readonly ms: number
  readonly failure?: string
}

function examined(examination: Examination, bytes: Buffer): Outcome {
  try {
    const beganMs = performance.now()
    const words = examination.examine(bytes)
    const ms = performance.now() - beganMs
    if (ms <= SUSPICIOUS_MS) return { words, ms }
    const leastMs = leastTimeMs(bytes)
    return leastMs <= MAX_MESSAGE_MS
      ? { words, ms: leastMs }
      : { words, ms: leastMs, failure: `takes ${leastMs.toFixed(1)} ms: at most ${MAX_MESSAGE_MS} are allowed` }
  } catch (error) {
    const stack = error instanceof Error ? error.stack : undefined
    return { words: 'exception', ms: 0, failure: stack ?? messageOf(error) }
  }
}

/** The machine may have been busy with something else, or the memory with cleaning up: only what is slow again is slow. */
function leastTimeMs(bytes: Buffer): number {
  let leastMs = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const examination = handleExamination()
    const beganMs = performance.now()
    examination.examine(bytes)
    leastMs = Math.min(leastMs, performance.now() - beganMs)
  }
  return leastMs
}
