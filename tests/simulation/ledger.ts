/**
 * What really happened: every version of every key, when it was committed, acknowledged and, by a failover that lost
 * commits, lost again. The simulated Postgres writes it, the checker judges answers by it; no replica ever sees it.
 */

import type { Random } from './random.js'

export type WriteKind = 'found' | 'withdrawn' | 'active' | 'suspended'

export interface Write {
  /** Unique; travels in the record's value or the tombstone's reason, so that an answer tells which write it shows. */
  readonly id: string
  /** With its space, as in the feed: `i:` or `p:`. */
  readonly key: string
  readonly version: number
  readonly kind: WriteKind
  readonly xid: number
  /** Number of the replica that wrote it. */
  readonly replica: number
  readonly committedAtMs: number
  acknowledgedAtMs: number
  /** When somebody who waited for that was told that it shows everywhere. */
  visibleAtMs: number
  lostAtMs: number
}

const RECENT_WRITES = 30

export interface Ledger {
  /** Versions of the present history, oldest first; the version is its place, from 1. */
  versionsOf(key: string): readonly Write[]
  newest(key: string): Write | undefined
  find(id: string): Write | undefined
  /** One of all that were ever made, those that were lost included. */
  anyWrite(random: Pick<Random, 'pick'>): Write
  keys(space: 'i:' | 'p:'): readonly string[]
  commit(write: Pick<Write, 'key' | 'kind' | 'xid' | 'replica'>, atMs: number): Write
  /** Undoes writes, newest first. */
  lose(writes: readonly Write[], atMs: number): void
  /** When histories last parted; -Infinity when they never did. */
  lastLossAtMs(): number
}

export function ledger(): Ledger {
  const histories = new Map<string, Write[]>()
  const byId = new Map<string, Write>()
  let lastLossAtMs = Number.NEGATIVE_INFINITY
  const versionsOf = (key: string) => histories.get(key) ?? []

  return {
    versionsOf,
    newest: (key) => versionsOf(key).at(-1),
    find: (id) => byId.get(id),
    anyWrite: (random) => random.pick([...byId.values()].slice(-RECENT_WRITES)),
    keys: (space) => [...histories.keys()].filter((key) => key.startsWith(space)),
    commit(change, atMs) {
      const history = histories.get(change.key) ?? []
      histories.set(change.key, history)
      const write: Write = {
        ...change,
        id: `w${byId.size + 1}`,
        version: history.length + 1,
        committedAtMs: atMs,
        acknowledgedAtMs: Number.POSITIVE_INFINITY,
        visibleAtMs: Number.POSITIVE_INFINITY,
        lostAtMs: Number.POSITIVE_INFINITY,
      }
      history.push(write)
      byId.set(write.id, write)
      return write
    },
    lose(writes, atMs) {
      lastLossAtMs = atMs
      for (const write of writes) {
        write.lostAtMs = atMs
        histories.get(write.key)!.pop()
      }
    },
    lastLossAtMs: () => lastLossAtMs,
  }
}
