/**
 * Answers in this process's memory, bounded in bytes, least recently used first out. Answers that say "absent" have a
 * share of their own, so that looking up made-up identifiers cannot push out the real ones.
 */
import { LRUCache } from 'lru-cache'
import type { Answer } from '../record/answer.js'
import { sizeOfAnswer } from '../record/size.js'

export interface MemoryStore {
  /** The answer kept, whether or not it is still current: that is the caller's question. */
  get(key: string): Kept | undefined
  put(key: string, kept: Kept): void
  remove(key: string): void
  clear(): void
  usage(): { readonly entries: number; readonly bytes: number; readonly capacityBytes: number }
}

export interface Kept {
  readonly answer: Answer
  /** The generation of change knowledge it was last found valid in. */
  generation: number
}

/** Share of the capacity that negative answers may take. */
const NEGATIVE_SHARE = 0.1
/** Ready bytes that doors keep beside an answer are about as large again as the answer. */
const BYTES_PER_ANSWER_BYTE = 2

export function memoryStore(capacityBytes: number): MemoryStore {
  if (capacityBytes === 0) return nothingKept
  const positive = cacheOf(capacityBytes * (1 - NEGATIVE_SHARE))
  const negative = cacheOf(capacityBytes * NEGATIVE_SHARE)
  return {
    get: (key) => positive.get(key) ?? negative.get(key),
    put(key, kept) {
      const [home, other] = kept.answer.kind === 'absent' ? [negative, positive] : [positive, negative]
      other.delete(key)
      home.set(key, kept)
    },
    remove(key) {
      positive.delete(key)
      negative.delete(key)
    },
    clear() {
      positive.clear()
      negative.clear()
    },
    usage: () => ({
      entries: positive.size + negative.size,
      bytes: positive.calculatedSize + negative.calculatedSize,
      capacityBytes,
    }),
  }
}

function cacheOf(capacityBytes: number): LRUCache<string, Kept> {
  return new LRUCache<string, Kept>({
    maxSize: Math.max(1, Math.floor(capacityBytes)),
    sizeCalculation: ({ answer }) => Math.ceil(sizeOfAnswer(answer)) * BYTES_PER_ANSWER_BYTE,
  })
}

const nothingKept: MemoryStore = {
  get: () => undefined,
  put: () => undefined,
  remove: () => undefined,
  clear: () => undefined,
  usage: () => ({ entries: 0, bytes: 0, capacityBytes: 0 }),
}
