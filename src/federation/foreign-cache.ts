/**
 * What other nodes said, for as long as they said it holds. It is apart from the caches of this node's own records: no change
 * feed tells of changes elsewhere, so that the promise of those caches, nothing older than the freshness bound, cannot be
 * made here. Each answer says instead how old it is. Bounded in octets; the one used last stays longest.
 */
import { LRUCache } from 'lru-cache'
import type { Clock } from '../platform/clock.js'
import { NodeError } from '../platform/errors.js'
import { type Answer, answerWith } from '../record/answer.js'
import type { ForeignAnswer } from './foreign-answer.js'

export interface ForeignCacheOptions {
  readonly clock: Clock
  readonly capacityBytes: number
  /** How long an answer may be given, marked stale, while nobody can be asked. */
  readonly maxStaleSeconds: number
}

interface Kept {
  readonly answer: Answer
  readonly freshUntilMs: number
  readonly keptAtMs: number
  /** Of the delegation that led to it: another one makes it void. */
  readonly route: string
}

const MAX_ENTRIES = 1_000_000
const MAX_REFUSALS = 10_000
const REFUSAL_MS = 60_000
/** Of an entry, beside what its values hold. */
const OVERHEAD_BYTES = 400
const VALUE_OVERHEAD_BYTES = 120

export class ForeignCache {
  private readonly options: ForeignCacheOptions
  private readonly answers: LRUCache<string, Kept>
  /** Prefixes that nobody answers for, as far as others know. */
  private readonly refusals = new LRUCache<string, { readonly message: string; readonly untilMs: number }>({
    max: MAX_REFUSALS,
  })

  constructor(options: ForeignCacheOptions) {
    this.options = options
    const bounds = { max: MAX_ENTRIES, maxSize: Math.max(1, options.capacityBytes) }
    this.answers = new LRUCache({ ...bounds, sizeCalculation: ({ answer }) => sizeOf(answer) })
  }

  /** While it holds. */
  find(key: string, route: string): Answer | undefined {
    const kept = this.keptFor(key, route)
    return kept !== undefined && this.nowMs() < kept.freshUntilMs ? kept.answer : undefined
  }

  /** When nobody can be asked: marked, and not for ever. */
  findStale(key: string, route: string): Answer | undefined {
    const kept = this.keptFor(key, route)
    const { maxStaleSeconds, clock } = this.options
    if (kept === undefined || this.nowMs() - kept.keptAtMs > maxStaleSeconds * 1000) return undefined
    const asOfMs = kept.answer.asOfMs ?? clock.nowMs()
    return answerWith(kept.answer, { stale: { reason: 'authority-unavailable', asOfMs } })
  }

  /** Asked by a look-up that demands the authority's own word; what is kept of other delegations goes. */
  put(key: string, { answer, ttlSeconds }: ForeignAnswer, route: string): void {
    if (answer.stale !== undefined || this.options.capacityBytes === 0) return
    const keptAtMs = this.nowMs()
    const kept = answerWith(answer, { tier: 'remembered' })
    this.answers.set(key, { answer: kept, freshUntilMs: keptAtMs + ttlSeconds * 1000, keptAtMs, route })
  }

  /** @throws NodeError `prefix-not-served` while it is known that nobody answers for the prefix */
  requireSomebody(prefix: string): void {
    const refusal = this.refusals.get(prefix)
    if (refusal === undefined || this.nowMs() >= refusal.untilMs) return
    throw new NodeError('prefix-not-served', refusal.message)
  }

  noteNobody(prefix: string, message: string): void {
    this.refusals.set(prefix, { message, untilMs: this.nowMs() + REFUSAL_MS })
  }

  usage(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.answers.size, bytes: this.answers.calculatedSize }
  }

  private keptFor(key: string, route: string): Kept | undefined {
    const kept = this.answers.get(key)
    return kept?.route === route ? kept : undefined
  }

  private nowMs(): number {
    return this.options.clock.monotonicMs()
  }
}

function sizeOf(answer: Answer): number {
  const base = OVERHEAD_BYTES + 4 * answer.key.length
  if (answer.kind !== 'found') return base
  return answer.record.values.reduce(
    (bytes, { data, type, references = [] }) =>
      bytes + VALUE_OVERHEAD_BYTES + type.length + 2 * data.length + 100 * references.length,
    base,
  )
}
