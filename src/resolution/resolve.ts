/**
 * A resolver is two types. A cache, a metric, a deadline is a `Layer`; a registry or a remote node is a `Resolve`.
 *
 * The life of a look-up (wired in app.ts):
 *   measured      counts it, notes its time
 *   withToken     sees to it that the write is known here that the caller demands to see
 *   memory        answers here and now while the change feed is fresh, and validates what comes back before keeping it
 *   refuseWhenBehind  refuses what costs more than a refusal, while this process is behind with its work
 *   askedAnew     sees to it that routes are current for who demands the authority's own answer
 *   foreign       (federation/) asks other nodes for what is theirs, where the operator wants that; nothing of it is kept above
 *   singleFlight  joins look-ups of one key that are under way
 *   shared        Redis: one MGET per tick; an entry counts only if its MAC holds and the change feed agrees
 *   loadShedding  bounds how many wait for an authority
 *   authorities   longest known prefix picks exactly one: this node's registry, or "not this node's prefix"
 * and straight up again. A layer that cannot reach what is below throws; only a memory or Redis answer may then be
 * given instead, marked stale.
 */
import type { Identifier } from '../identifier/identifier.js'
import type { Answer } from '../record/answer.js'
import type { Face } from '../record/face.js'
import type { Passage } from './passage.js'

/** One step of the way a look-up took, for `?explain=1`. */
export interface Step {
  readonly layer: string
  readonly outcome: string
  /** Milliseconds since the look-up began. */
  readonly atMs: number
}

export interface Trace {
  step(layer: string, outcome: string): void
}

export interface Query {
  readonly identifier: Identifier
  /** Skip every cache. */
  readonly authoritative?: boolean
  /** A cached answer below this version is not good enough. What the authority then answers may still be below it. */
  readonly minVersion?: number
  /** A transaction of this history (write-token.ts) that must be known before anything is answered. */
  readonly token?: number
  /** Monotonic milliseconds by which an answer must be there. */
  readonly deadlineMs?: number
  /** What the door will send of a record: made while a cache is filled, and kept there. */
  readonly face?: Face
  /** What it may still cost on other nodes; absent: it comes from no node, and may cost what a look-up may. */
  readonly passage?: Passage
  /** Whether the asker has shown who it is: decides whether other nodes are asked for it. Default `public`. */
  readonly asker?: 'public' | 'known'
  readonly trace?: Trace
  /** Address of who asks, for what is counted of it (observability/traffic.ts); absent when the node asks itself. */
  readonly source?: string
}

/** Answers a query, at once when it can. Throws `NodeError` only when no answer could be obtained. */
export type Resolve = (query: Query) => Answer | Promise<Answer>

/** Wraps a resolver with one concern. */
export type Layer = (next: Resolve) => Resolve

/** The first layer listed sees the query first. */
export function compose(layers: readonly Layer[], source: Resolve): Resolve {
  return layers.reduceRight((next, layer) => layer(next), source)
}
