/**
 * The first tier: answers from this process's memory at once while change knowledge is fresh. What comes back from
 * below is kept only if no change is known that it might have missed. When nothing below can be asked, the last good
 * answer is given, marked stale (RFC 8767 §5), and never kept as fresh.
 */
import { isUnavailable } from '../platform/errors.js'
import type { Answer } from '../record/answer.js'
import type { MemoryStore } from './memory-store.js'
import type { Layer, Query, Resolve } from './resolve.js'
import { satisfies } from './satisfies.js'
import { type StalePolicy, staleAnswer } from './stale.js'

export interface MemoryCachedOptions extends StalePolicy {
  readonly store: MemoryStore
}

export function memoryCached(options: MemoryCachedOptions): Layer {
  const { store, knowledge } = options
  knowledge.onReset(() => store.clear())
  knowledge.onChange((key, version) => {
    if (!key.startsWith('i:')) return
    const kept = store.get(key.slice(2))
    if (kept !== undefined && kept.answer.version < version) store.remove(key.slice(2))
  })

  return (next) => (query) => {
    if (query.authoritative !== true && knowledge.isFresh()) {
      const held = current(options, query.identifier.key)
      if (held !== undefined && satisfies(held, query, knowledge)) {
        query.trace?.step('memory', 'hit')
        return held
      }
    }
    query.trace?.step('memory', query.authoritative === true ? 'skipped' : knowledge.isFresh() ? 'miss' : 'not fresh')
    return ask(options, next, query)
  }
}

/** The kept answer, checked again if routes changed or all was reset since it was last found valid. */
function current({ store, knowledge }: MemoryCachedOptions, key: string): Answer | undefined {
  const kept = store.get(key)
  if (kept === undefined) return undefined
  if (kept.generation === knowledge.generation) return kept.answer
  if (!knowledge.isValid(`i:${key}`, kept.answer.version, kept.answer.stamp)) {
    store.remove(key)
    return undefined
  }
  kept.generation = knowledge.generation
  return kept.answer
}

async function ask(options: MemoryCachedOptions, next: Resolve, query: Query): Promise<Answer> {
  const { epoch } = options.knowledge
  try {
    const answer = await next(query)
    // A stamp means nothing in another epoch than the one it was taken in.
    if (answer.stale === undefined && epoch === options.knowledge.epoch) keep(options, answer)
    return answer
  } catch (error) {
    const held = isUnavailable(error) ? lastGood(options, query) : undefined
    if (held === undefined) throw error
    query.trace?.step('memory', 'stale')
    return held
  }
}

function keep({ store, knowledge }: MemoryCachedOptions, answer: Answer): void {
  const held = store.get(answer.key)?.answer
  if (held !== undefined && held.version > answer.version) return
  if (!knowledge.isValid(`i:${answer.key}`, answer.version, answer.stamp)) return
  // The same version again: ready bytes hang on the answer that is there.
  if (held !== undefined && held.version === answer.version && held.stamp >= answer.stamp) return
  store.put(answer.key, { answer: { ...answer, tier: 'memory' }, generation: knowledge.generation })
}

function lastGood(options: MemoryCachedOptions, query: Query): Answer | undefined {
  const held = current(options, query.identifier.key)
  return held === undefined ? undefined : staleAnswer(options, held, query)
}
