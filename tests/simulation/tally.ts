/** Counts what came back, and judges the calm: when faults end, look-ups are answered, and from caches. */

import { NodeError } from '../../src/platform/errors.js'
import type { Answer, Tier } from '../../src/record/answer.js'
import { type Look, Violation } from './checker.js'
import type { Settings } from './settings.js'

export interface Tally {
  readonly checked: number
  readonly tiers: Readonly<Record<Tier, number>>
  readonly marked: number
  readonly failed: number
  /** How often somebody who waited was told that a write shows everywhere. */
  readonly visible: number
  /** Plain look-ups at one replica that showed an older version than one before: allowed, within T. */
  readonly wentBack: number
  /** Changes whenever anything about the run does. */
  readonly digest: number
}

export interface Counting extends Tally {
  add(look: Look, result: { readonly answer: Answer } | { readonly error: unknown }): void
  addVisible(): void
  beginCalm(): void
  /** @throws Violation */
  checkCalm(settings: Settings): void
}

/** With the smallest memory not everything fits. */
const LEAST_HIT_SHARE = 0.25

export function tally(): Counting {
  const counts = {
    checked: 0,
    tiers: { memory: 0, redis: 0, registry: 0, upstream: 0, remembered: 0 },
    marked: 0,
    failed: 0,
    visible: 0,
    wentBack: 0,
    digest: 0,
  }
  const seen = new Map<string, number>()
  let atCalm: typeof counts | undefined

  function addAnswer(look: Look, answer: Answer): void {
    counts.tiers[answer.tier] += 1
    if (answer.stale !== undefined) counts.marked += 1
    const key = `${look.replica.number} ${answer.key}`
    if (answer.version < (seen.get(key) ?? 0)) counts.wentBack += 1
    seen.set(key, answer.version)
    mix(answer.version + answer.stamp)
  }

  function mix(number: number): void {
    counts.digest = (Math.imul(counts.digest, 31) + Math.round(number * 8)) | 0
  }

  return {
    get checked() {
      return counts.checked
    },
    get tiers() {
      return counts.tiers
    },
    get marked() {
      return counts.marked
    },
    get failed() {
      return counts.failed
    },
    get visible() {
      return counts.visible
    },
    get wentBack() {
      return counts.wentBack
    },
    get digest() {
      return counts.digest
    },
    add(look, result) {
      counts.checked += 1
      mix(look.endedAtMs)
      if ('answer' in result) addAnswer(look, result.answer)
      else if (!(result.error instanceof NodeError && result.error.code === 'prefix-not-served')) counts.failed += 1
    },
    addVisible() {
      counts.visible += 1
    },
    beginCalm() {
      atCalm = structuredClone(counts)
    },
    checkCalm({ memoryBytes, hasRedis }) {
      const since = (of: (from: typeof counts) => number) => of(counts) - of(atCalm!)
      const failed = since((from) => from.failed)
      if (failed > 0) throw new Violation('alive', `${failed} look-ups failed though all faults are over`)
      const marked = since((from) => from.marked)
      if (marked > 0) throw new Violation('alive', `${marked} answers were marked though all faults are over`)
      const hits = since(({ tiers }) => tiers.memory + tiers.redis)
      const answered = hits + since(({ tiers }) => tiers.registry)
      if ((memoryBytes > 0 || hasRedis) && hits < answered * LEAST_HIT_SHARE) {
        throw new Violation('alive', `only ${hits} of ${answered} look-ups were answered from a cache in calm`)
      }
    },
  }
}
