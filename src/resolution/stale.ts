import type { Clock } from '../platform/clock.js'
import { type Answer, answerWith } from '../record/answer.js'
import type { ChangeKnowledge } from './change-knowledge.js'
import type { Query } from './resolve.js'
import { satisfies } from './satisfies.js'

export interface StalePolicy {
  readonly knowledge: ChangeKnowledge
  readonly clock: Clock
  /** Seconds an answer may be served past the moment it was last known to be current. */
  readonly maxStaleSeconds: number
}

/** A cached answer for when no authority can be asked, marked so; undefined when it is too old or not good enough. */
export function staleAnswer(policy: StalePolicy, answer: Answer, query: Query): Answer | undefined {
  const { knowledge, clock, maxStaleSeconds } = policy
  const ageMs = Math.max(0, knowledge.ageMs())
  if (ageMs > maxStaleSeconds * 1000 || !satisfies(answer, query, knowledge)) return undefined
  return answerWith(answer, { stale: { reason: 'authority-unavailable', asOfMs: clock.nowMs() - ageMs } })
}
