/** What a node's reply to a look-up says, alone or as one of many. */
import { contentIn } from './catalogue.js'
import { fieldOf, type Reply } from './http-line.js'
import type { Outcome, Read } from './record.js'

export type Told = Pick<Read, 'outcome' | 'failure' | 'version' | 'content' | 'isStale'>

export const UNANSWERED: Told = {
  ...{ outcome: 'unanswered', failure: 'missing in the batch', version: 0, content: 0, isStale: false },
}

export function readReply(reply: Reply | string): Told {
  if (typeof reply === 'string') return { ...UNANSWERED, failure: reply }
  const outcome = outcomeOf(reply.status)
  if (outcome === 'unanswered') return { ...UNANSWERED, failure: `status ${reply.status}` }
  return {
    outcome,
    failure: '',
    version: Number(fieldOf(reply, 'jiexi-version') ?? 0),
    content: contentIn(reply.body),
    isStale: fieldOf(reply, 'jiexi-stale') !== undefined,
  }
}

interface Item {
  readonly status: number
  readonly record?: { readonly version: number; readonly attributes: { readonly name: string } }
  readonly problem?: { readonly detail: string }
  readonly stale?: unknown
}

/** Of POST /v1/resolve, in order. */
export function readItems(reply: Reply | string, count: number): Told[] {
  if (typeof reply === 'string' || reply.status !== 200) {
    const failure = typeof reply === 'string' ? reply : `status ${reply.status}`
    return new Array(count).fill({ ...UNANSWERED, failure })
  }
  const { results } = JSON.parse(reply.body) as { readonly results: readonly Item[] }
  return results.map(readItem)
}

function readItem({ status, record, problem, stale }: Item): Told {
  const outcome = outcomeOf(status)
  if (outcome === 'unanswered') return { ...UNANSWERED, failure: `status ${status} in a batch` }
  return {
    outcome,
    failure: '',
    version: record?.version ?? 0,
    content: contentIn(record?.attributes.name ?? problem?.detail ?? ''),
    isStale: stale !== undefined,
  }
}

function outcomeOf(status: number): Outcome {
  if (status === 200) return 'found'
  if (status === 410) return 'withdrawn'
  return status === 404 ? 'absent' : 'unanswered'
}
