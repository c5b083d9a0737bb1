/**
 * Answers in this process's memory, bounded in bytes. Answers that say "absent", or refer to another server, have a share of
 * their own, so that looking up made-up identifiers cannot push out the real ones.
 */
import type { Answer } from '../record/answer.js'
import { type Face, faceOf } from '../record/face.js'
import type { FaceSearch } from './kept/face-search.js'
import { type Kept, KeptAnswers, type KeptUsage, type Standing } from './kept/kept-answers.js'

export interface MemoryStore {
  /** The answer kept, whether or not it is still current: that is the caller's question. Counts as a use. */
  find(key: string): Kept | undefined
  /** Whether the octets of a face are kept for this identifier, and then where. Counts as a use. */
  findFace(search: FaceSearch): boolean
  /** The same without its content, and no use. */
  standing(key: string): Standing | undefined
  /** Takes the place of what is kept of the key; a face is made with it for the door that asks. */
  put(answer: Answer, generation: number, face?: Face): void
  remove(key: string): void
  clear(): void
  usage(): KeptUsage & { readonly capacityBytes: number }
}

/** Share of the capacity that negative answers may take. */
const NEGATIVE_SHARE = 0.1
/** An answer of some 450 octets and what a door sends of it. */
const MEAN_ENTRY_BYTES = 1_024
const MEAN_NEGATIVE_ENTRY_BYTES = 128

export function memoryStore(capacityBytes: number): MemoryStore {
  if (capacityBytes === 0) return nothingKept
  const negativeBytes = Math.floor(capacityBytes * NEGATIVE_SHARE)
  const positive = new KeptAnswers({
    capacityBytes: capacityBytes - negativeBytes,
    meanEntryBytes: MEAN_ENTRY_BYTES,
  })
  const negative = new KeptAnswers({ capacityBytes: negativeBytes, meanEntryBytes: MEAN_NEGATIVE_ENTRY_BYTES })
  return {
    find: (key) => positive.find(key) ?? negative.find(key),
    findFace: (search) => positive.findFace(search),
    standing: (key) => positive.standing(key) ?? negative.standing(key),
    put(answer, generation, face) {
      const hasNoRecord = answer.kind === 'absent' || answer.kind === 'referral'
      const [home, other] = hasNoRecord ? [negative, positive] : [positive, negative]
      other.remove(answer.key)
      const made = face && answer.kind === 'found' ? { id: face.id, octets: faceOf(answer, face) } : undefined
      home.put(answer, generation, made)
    },
    remove(key) {
      positive.remove(key)
      negative.remove(key)
    },
    clear() {
      positive.clear()
      negative.clear()
    },
    usage: () => ({ ...sumOf(positive.usage(), negative.usage()), capacityBytes }),
  }
}

function sumOf(one: KeptUsage, other: KeptUsage): KeptUsage {
  return {
    entries: one.entries + other.entries,
    payloadBytes: one.payloadBytes + other.payloadBytes,
    bytes: one.bytes + other.bytes,
  }
}

const nothingKept: MemoryStore = {
  find: () => undefined,
  findFace: () => false,
  standing: () => undefined,
  put: () => undefined,
  remove: () => undefined,
  clear: () => undefined,
  usage: () => ({ entries: 0, payloadBytes: 0, bytes: 0, capacityBytes: 0 }),
}
