/** What a look-up gives. "Could not ask" is not among them: that throws, and is never remembered as absent. */
import type { Faces } from './face.js'
import type { IdentifierRecord } from './record.js'
import type { ServiceLocation } from './service.js'

/**
 * Which tier this answer came from. `upstream`: another node, asked for it; `remembered`: what another node said before. For
 * these two no change feed tells what has changed since, only `asOfMs` how long ago it was said.
 */
export type Tier = 'memory' | 'redis' | 'registry' | 'upstream' | 'remembered'

export interface Staleness {
  readonly reason: 'authority-unavailable'
  /** Milliseconds since the epoch at which the answer was last known to be current. */
  readonly asOfMs: number
}

interface AnswerBase {
  /** Canonical key. */
  readonly key: string
  /** The registered prefix that is responsible, as routed. */
  readonly prefix: string
  /** 0 when nothing was ever registered; else the version of the record or of its tombstone; of the prefix for a referral. */
  readonly version: number
  readonly tier: Tier
  /** Feed mark known before the authority was asked (coherence: stamp); orders the answer against changes. */
  readonly stamp: number
  /** Only when the authority could not be asked. */
  readonly stale?: Staleness
  /** Milliseconds since the epoch at which another node said it; for answers of other nodes only. */
  readonly asOfMs?: number
  /** Milliseconds since the epoch until which it may be given again as current; for answers of other nodes only. */
  readonly freshUntilMs?: number
}

/** An answer from a cache may decode its record, and its prefix, when first asked for them: never copy one by spreading. */
export interface Found extends AnswerBase {
  readonly kind: 'found'
  readonly record: IdentifierRecord
  readonly faces?: Faces
}

export interface Withdrawn extends AnswerBase {
  readonly kind: 'withdrawn'
  readonly spelling: string
  readonly withdrawnAtMs: number
  readonly reason: string
}

export interface Absent extends AnswerBase {
  readonly kind: 'absent'
}

/** The prefix is this node's, and a server of its holder's own answers for what lies below. `version` is the prefix's. */
export interface Referral extends AnswerBase {
  readonly kind: 'referral'
  readonly service: ServiceLocation
}

export type Answer = Found | Withdrawn | Absent | Referral

/** The answer again, with what is given in place of its own. */
export function answerWith<Kind extends Answer>(
  answer: Kind,
  other: Partial<Pick<AnswerBase, 'tier' | 'stamp' | 'stale' | 'asOfMs' | 'freshUntilMs'>>,
): Kind {
  if (answer.kind !== 'found') return { ...answer, ...other }
  const { kind, key, prefix, version, tier, stamp, stale, asOfMs, freshUntilMs, record, faces } = answer
  const own = { kind, key, prefix, version, tier, stamp, record }
  return {
    ...own,
    ...(stale && { stale }),
    ...(asOfMs !== undefined && { asOfMs }),
    ...(freshUntilMs !== undefined && { freshUntilMs }),
    ...(faces && { faces }),
    ...other,
  } as Kind
}
