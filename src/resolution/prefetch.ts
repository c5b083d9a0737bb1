/**
 * Fetches again what was in use when a change ended it, so that the next who asks finds it in memory. A fetch begins once
 * what it brings would be kept: before the feed has told of the change, no fill counts. A few at a time; beyond a bound
 * what is wanted is forgotten, and comes with the next look-up as ever.
 */
import { parseIdentifier } from '../identifier/parse.js'
import type { ChangeKnowledge } from './change-knowledge.js'
import { identifierFeedKey } from './feed-spaces.js'
import type { Resolve } from './resolve.js'

const MAX_WANTED = 1_000
/** With a poll each 50 ms, at most some 1,300 fetches a second. */
const MAX_IN_FLIGHT = 64

/** The function it gives notes that the version is wanted. */
export function prefetching(knowledge: ChangeKnowledge, resolve: Resolve): (key: string, version: number) => void {
  const wanted = new Map<string, number>()
  let inFlight = 0

  async function fetch(key: string): Promise<void> {
    const parsed = parseIdentifier(key)
    if (!parsed.ok) return
    inFlight += 1
    try {
      await resolve({ identifier: parsed.value })
    } catch {
      // Nobody waits for it: whoever asks next is told what is the matter.
    } finally {
      inFlight -= 1
    }
  }

  knowledge.onReset(() => wanted.clear())
  knowledge.onPolled(() => {
    for (const [key, version] of wanted) {
      if (inFlight >= MAX_IN_FLIGHT) return
      if (!knowledge.isValid(identifierFeedKey(key), version, knowledge.mark)) continue
      wanted.delete(key)
      void fetch(key)
    }
  })
  return (key, version) => {
    if (wanted.size < MAX_WANTED || wanted.has(key)) wanted.set(key, version)
  }
}
