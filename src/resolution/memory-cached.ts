/**
 * The first tier: answers from this process's memory at once while change knowledge is fresh. What comes back from
 * below is kept only if no change is known that it might have missed. When nothing below can be asked, the last good
 * answer is given, marked stale (RFC 8767 §5), and never kept as fresh.
 */
import { isUnavailable } from '../platform/errors.js'
import type { Answer } from '../record/answer.js'
import type { Face } from '../record/face.js'
import { identifierFeedKey, nameIn } from './feed-spaces.js'
import type { FaceSearch } from './kept/face-search.js'
import type { MemoryStore } from './memory-store.js'
import { prefetching } from './prefetch.js'
import type { Layer, Query, Resolve } from './resolve.js'
import { satisfies } from './satisfies.js'
import { type StalePolicy, staleAnswer } from './stale.js'

export interface MemoryCachedOptions extends StalePolicy {
  readonly store: MemoryStore
}

/** So often of late, of at most 3: somebody will ask for it again. */
const USES_TO_PREFETCH = 2

export function memoryCached(options: MemoryCachedOptions): Layer {
  const { store, knowledge } = options
  knowledge.onReset(() => store.clear())

  return (next) => {
    const prefetch = prefetching(knowledge, (query) => ask(options, next, query))
    knowledge.onChange((feedKey, version) => {
      const key = nameIn('identifier', feedKey)
      if (key === undefined) return
      const kept = store.standing(key)
      if (kept === undefined || kept.version >= version) return
      store.remove(key)
      if (kept.uses >= USES_TO_PREFETCH) prefetch(key, version)
    })
    return (query) => answerOrAsk(options, next, query)
  }
}

/** What memory answers at once, and nothing asked below; undefined when it has no current answer. */
export function remembered(options: MemoryCachedOptions): (query: Query) => Answer | undefined {
  return (query) => {
    const held = options.knowledge.isFresh() ? current(options, query.identifier.key) : undefined
    return held !== undefined && satisfies(held, query, options.knowledge) ? held : undefined
  }
}

/**
 * The same for a door that has the identifier as octets: only what was found valid since routes last changed. False says
 * nothing: ask `remembered` then.
 */
export function rememberedFaces({
  store,
  knowledge,
}: Pick<MemoryCachedOptions, 'store' | 'knowledge'>): (search: FaceSearch) => boolean {
  return (search) => {
    if (!knowledge.isFresh(search.moment)) return false
    search.generation = knowledge.generation
    return store.findFace(search)
  }
}

function answerOrAsk(options: MemoryCachedOptions, next: Resolve, query: Query): Answer | Promise<Answer> {
  const { knowledge } = options
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

/** The kept answer, checked again if routes changed or all was reset since it was last found valid. */
function current({ store, knowledge }: MemoryCachedOptions, key: string): Answer | undefined {
  const kept = store.find(key)
  if (kept === undefined) return undefined
  const { answer } = kept
  if (kept.generation === knowledge.generation) return answer
  if (!knowledge.isValid(identifierFeedKey(key), answer.version, answer.stamp)) {
    store.remove(key)
    return undefined
  }
  kept.generation = knowledge.generation
  return answer
}

async function ask(options: MemoryCachedOptions, next: Resolve, query: Query): Promise<Answer> {
  const { epoch } = options.knowledge
  try {
    const answer = await next(query)
    // A stamp means nothing in another epoch than the one it was taken in, and an answer of another node has none.
    if (answer.stale === undefined && answer.asOfMs === undefined && epoch === options.knowledge.epoch)
      keep(options, answer, query.face)
    return answer
  } catch (error) {
    // Whoever asks the authority itself, as preconditions of writes do, is told that it gave no answer.
    const mayBeStale = query.authoritative !== true && isUnavailable(error)
    const held = mayBeStale ? lastGood(options, query) : undefined
    if (held === undefined) throw error
    query.trace?.step('memory', 'stale')
    return held
  }
}

function keep({ store, knowledge }: MemoryCachedOptions, answer: Answer, face: Face | undefined): void {
  const held = store.standing(answer.key)
  if (held !== undefined && held.version > answer.version) return
  if (!knowledge.isValid(identifierFeedKey(answer.key), answer.version, answer.stamp)) return
  // The same version again: what was made of it stays.
  if (held !== undefined && held.version === answer.version && held.stamp >= answer.stamp) return
  store.put(answer, knowledge.generation, face)
}

function lastGood(options: MemoryCachedOptions, query: Query): Answer | undefined {
  const held = current(options, query.identifier.key)
  return held === undefined ? undefined : staleAnswer(options, held, query)
}
