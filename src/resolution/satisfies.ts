import type { Answer } from '../record/answer.js'
import type { ChangeKnowledge } from './change-knowledge.js'
import type { Query } from './resolve.js'

/** Whether a cached answer meets what the query demands beyond being valid. */
export function satisfies(answer: Answer, query: Query, knowledge: ChangeKnowledge): boolean {
  if (query.minVersion !== undefined && answer.version < query.minVersion) return false
  return query.token === undefined || knowledge.covers(query.token)
}
