/**
 * Look-ups counted and timed on the hot path: plain numbers, and histograms of node:perf_hooks (19 ns a record, where
 * a metrics library takes 300). They become metrics only when somebody scrapes.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import type { Answer, Tier } from '../record/answer.js'

export const TIERS = ['memory', 'redis', 'registry', 'upstream', 'remembered'] as const satisfies readonly Tier[]

type Kind = Answer['kind']

export interface TierCounts {
  readonly byKind: Readonly<Record<Kind, number>>
  readonly stale: number
  readonly sumNs: number
  /** Nanoseconds. */
  readonly durations: RecordableHistogram
}

export interface LookupMeter {
  answered(answer: Answer, elapsedMs: number): void
  /** A record that memory had, and whose time is not taken. */
  remembered(): void
  /** How long one took, for itself and others like it that were not timed. */
  timed(tier: Tier, took: { readonly elapsedMs: number; readonly hits: number }): void
  /** Nobody could answer; `code` is the error's. */
  failed(code: string): void
  tier(tier: Tier): TierCounts
  failures(): ReadonlyMap<string, number>
}

export function lookupMeter(): LookupMeter {
  const tiers = {
    memory: emptyTier(),
    redis: emptyTier(),
    registry: emptyTier(),
    upstream: emptyTier(),
    remembered: emptyTier(),
  }
  const failures = new Map<string, number>()
  return {
    answered(answer, elapsedMs) {
      const counts = tiers[answer.tier]
      counts.byKind[answer.kind] += 1
      if (answer.stale !== undefined) counts.stale += 1
      const elapsedNs = Math.max(1, Math.round(elapsedMs * 1e6))
      counts.sumNs += elapsedNs
      counts.durations.record(elapsedNs)
    },
    remembered() {
      tiers.memory.byKind.found += 1
    },
    timed(tier, { elapsedMs, hits }) {
      const elapsedNs = Math.max(1, Math.round(elapsedMs * 1e6))
      tiers[tier].sumNs += elapsedNs * hits
      tiers[tier].durations.record(elapsedNs)
    },
    failed: (code) => failures.set(code, (failures.get(code) ?? 0) + 1),
    tier: (tier) => tiers[tier],
    failures: () => failures,
  }
}

function emptyTier() {
  return {
    byKind: { found: 0, withdrawn: 0, absent: 0, referral: 0 },
    stale: 0,
    sumNs: 0,
    durations: createHistogram(),
  }
}
