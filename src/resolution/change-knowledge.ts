/**
 * What this process knows of changes: the state that decides whether a cached answer may be served.
 *
 * The change follower feeds it with polls of the change feed; caches ask it. An entry is good when the last successful
 * poll *started* no longer ago than the bound, and either this process knows the key's newest version exactly (`recent`),
 * or the entry's stamp is later than every change that fell into the key's slot of the sketch.
 * Pure: no I/O, time from the clock given. A row is applied exactly once, and only rows of the feed fill `recent`:
 * an own write merely rejects older entries until the feed has delivered it.
 */
import { randomInt } from 'node:crypto'
import { prefixInKey } from '../identifier/prefix-record.js'
import type { Clock } from '../platform/clock.js'
import { nameIn } from './feed-spaces.js'
import { MarkHistory } from './mark-history.js'
import { type Moment, momentOf } from './moment.js'
import { RecentVersions } from './recent-versions.js'

/** One transaction of the feed. Keys carry their space (feed-spaces.ts). */
export interface FeedRow {
  readonly xid: number
  readonly keys: readonly string[]
  readonly versions: readonly number[]
}

export interface Poll {
  /** System identifier and timeline of the database: another one means that committed history may differ. */
  readonly epoch: string
  /** Every transaction below this had ended when the poll's snapshot was taken. */
  readonly xmin: number
  /** All visible rows from this xid on were read, by this poll and those before it. */
  readonly floor: number
  /** Rows between the mark and the floor were not read: what was known is worth nothing. */
  readonly reset?: boolean
  readonly rows: readonly FeedRow[]
}

export interface CommittedChange {
  readonly keys: readonly string[]
  readonly versions: readonly number[]
  readonly xid: number
}

export interface ChangeKnowledge {
  /** undefined before the first poll. */
  readonly epoch: string | undefined
  /** Every transaction below it has ended, and its rows have been applied. The stamp of a fill that starts now. */
  readonly mark: number
  /** Every transaction below it had ended when the last poll's snapshot was taken; their changes, if any, are known here. */
  readonly settledBelow: number
  /** Grows whenever entries that were kept must be checked again: after a reset or a change of routes. */
  readonly generation: number
  /** Whether it could be answered from a cache at that moment. Default: now. */
  isFresh(at?: Moment): boolean
  /** Milliseconds since the start of the last successful poll. */
  ageMs(): number
  isValid(key: string, version: number, stamp: number): boolean
  /** Whether nothing about the key is known to have changed since the stamp was taken; for what has no version at hand. */
  isUnchanged(key: string, stamp: number): boolean
  /** Whether the transaction's changes are known here (read-your-writes by token). */
  covers(xid: number): boolean
  /** Monotonic milliseconds of a moment by which the transaction had ended; undefined: not known. */
  endedBy(xid: number): number | undefined
  apply(poll: Poll, startedAtMs: number): void
  noteOwnWrite(change: CommittedChange): void
  /** Called for each key that changed, with the version it has now. */
  onChange(listener: (key: string, version: number) => void): void
  /** Called when everything cached must go. */
  onReset(listener: () => void): void
  /** Called after each poll, when all it told is known. */
  onPolled(listener: () => void): void
}

export interface ChangeKnowledgeOptions {
  readonly clock: Clock
  /** T of the freshness contract, in milliseconds. */
  readonly boundMs: number
  /** Power of two; more slots, fewer needless refills. 2^17 take 1 MB. */
  readonly sketchSlots?: number
  readonly recentKeys?: number
}

interface OwnWrite {
  readonly version: number
  readonly xid: number
  readonly notedAtMs: number
}

/** The wall clock running ahead of the monotonic one by more than this means the machine was suspended. */
const SUSPENSION_MS = 500

export function changeKnowledge(options: ChangeKnowledgeOptions): ChangeKnowledge {
  const { clock, boundMs } = options
  const sketch = new ChangeSketch(options.sketchSlots ?? 2 ** 17)
  const recent = new RecentVersions(options.recentKeys ?? 131_072)
  const own = new Map<string, OwnWrite>()
  const prefixChanges = new Map<string, number>()
  const seen = new Set<number>()
  const marks = new MarkHistory()
  const changeListeners: ((key: string, version: number) => void)[] = []
  const resetListeners: (() => void)[] = []
  const pollListeners: (() => void)[] = []
  let epoch: string | undefined
  let mark = 0
  let settledBelow = 0
  let generation = 0
  let completeFrom = Number.POSITIVE_INFINITY
  let lastPollStartMs = Number.NEGATIVE_INFINITY
  let wallAheadMs = clock.nowMs() - clock.monotonicMs()

  function reset(poll: Poll): void {
    const isOtherHistory = poll.epoch !== epoch
    epoch = poll.epoch
    mark = 0
    completeFrom = poll.floor
    sketch.clear()
    recent.clear()
    seen.clear()
    marks.clear()
    prefixChanges.clear()
    // Own writes stand: the poll's snapshot may be older than they are. Of another history, ids say nothing in this one.
    if (!isOtherHistory) for (const [key, { xid }] of own) noteChange(key, xid)
    generation += 1
    for (const listener of resetListeners) listener()
  }

  /**
   * Per key the highest version of all rows goes into `recent`, at once: rows come in the order of their xids, which is
   * not that of commits, and `recent` may forget between two rows. Row by row, an older version could come back as the newest.
   */
  function applyRows(rows: readonly FeedRow[]): void {
    const newest = new Map<string, number>()
    for (const { xid, keys, versions } of rows) {
      if (covers(xid)) continue
      seen.add(xid)
      for (const [at, key] of keys.entries()) {
        noteChange(key, xid)
        newest.set(key, Math.max(versions[at] ?? 0, newest.get(key) ?? 0))
      }
    }
    for (const [key, version] of newest) {
      recent.set(key, Math.max(version, recent.get(key) ?? 0))
      for (const listener of changeListeners) listener(key, version)
    }
  }

  function noteChange(key: string, xid: number): void {
    sketch.note(key, xid)
    const prefix = nameIn('prefix', key)
    if (prefix !== undefined) notePrefixChange(prefix, xid)
  }

  function notePrefixChange(prefix: string, xid: number): void {
    prefixChanges.set(prefix, Math.max(xid, prefixChanges.get(prefix) ?? 0))
    generation += 1
  }

  /** A change of a prefix is a change of every identifier below it, and of its own record. */
  function outlivesPrefixChanges(key: string, stamp: number): boolean {
    const identifier = prefixChanges.size === 0 ? undefined : nameIn('identifier', key)
    if (identifier === undefined) return true
    for (let prefix = prefixInKey(identifier); prefix !== ''; prefix = parentOf(prefix)) {
      const changedAt = prefixChanges.get(prefix)
      if (changedAt !== undefined && stamp <= changedAt) return false
    }
    return true
  }

  function advanceMark(xmin: number): void {
    for (const xid of seen) if (xid < xmin && xid + 1 > mark) mark = xid + 1
    for (const xid of seen) if (xid < mark) seen.delete(xid)
    marks.note(mark, clock.monotonicMs())
  }

  /** A machine suspended since the last poll may have been so during this one: then only the next one counts. */
  function noteStart(startedAtMs: number): void {
    const wallWasAheadMs = wallAheadMs
    wallAheadMs = clock.nowMs() - clock.monotonicMs()
    const jumpMs = Math.abs(wallAheadMs - wallWasAheadMs)
    if (jumpMs > SUSPENSION_MS) lastPollStartMs -= Math.max(jumpMs, boundMs + 1)
    else if (startedAtMs > lastPollStartMs) lastPollStartMs = startedAtMs
  }

  const covers = (xid: number) => xid < mark || seen.has(xid)
  const isUnchanged = (key: string, stamp: number) => stamp >= completeFrom && stamp > sketch.lastChange(key)

  return {
    get epoch() {
      return epoch
    },
    get mark() {
      return mark
    },
    get settledBelow() {
      return settledBelow
    },
    get generation() {
      return generation
    },
    ageMs: () => clock.monotonicMs() - lastPollStartMs,
    isFresh({ monotonicMs, wallMs } = momentOf(clock)) {
      return monotonicMs - lastPollStartMs <= boundMs && Math.abs(wallMs - monotonicMs - wallAheadMs) <= SUSPENSION_MS
    },
    isValid(key, version, stamp) {
      const ownWrite = own.get(key)
      if (ownWrite !== undefined && ownWrite.version > version) return false
      if (!outlivesPrefixChanges(key, stamp)) return false
      const newest = recent.get(key)
      if (newest !== undefined) return version >= newest && stamp >= completeFrom
      return isUnchanged(key, stamp)
    },
    isUnchanged,
    covers,
    endedBy: (xid) => marks.endedBy(xid),
    apply(poll, startedAtMs) {
      if (poll.epoch !== epoch || poll.reset) reset(poll)
      applyRows(poll.rows)
      advanceMark(poll.xmin)
      settledBelow = poll.xmin
      // Whatever history it is of: a poll sent after the write was committed has brought it.
      for (const [key, { notedAtMs }] of own) if (startedAtMs > notedAtMs) own.delete(key)
      noteStart(startedAtMs)
      for (const listener of pollListeners) listener()
    },
    noteOwnWrite(change) {
      // Even if the feed seems to cover it: after a failover the id may be one that the other history had too.
      const notedAtMs = clock.monotonicMs()
      for (const [at, key] of change.keys.entries()) {
        const version = change.versions[at] ?? 0
        const known = own.get(key)
        if (known === undefined || known.version < version) own.set(key, { version, xid: change.xid, notedAtMs })
        noteChange(key, change.xid)
        for (const listener of changeListeners) listener(key, version)
      }
    },
    onChange: (listener) => changeListeners.push(listener),
    onReset: (listener) => resetListeners.push(listener),
    onPolled: (listener) => pollListeners.push(listener),
  }
}

/** For each slot the latest xid of a change whose key fell into it. Seeded, so that nobody can aim at a slot. */
class ChangeSketch {
  readonly #latest: Float64Array
  readonly #seed = randomInt(2 ** 32)

  constructor(slots: number) {
    this.#latest = new Float64Array(slots)
  }

  note(key: string, xid: number): void {
    const slot = this.#slotOf(key)
    if (xid > this.#latest[slot]!) this.#latest[slot] = xid
  }

  lastChange(key: string): number {
    return this.#latest[this.#slotOf(key)]!
  }

  clear(): void {
    this.#latest.fill(0)
  }

  #slotOf(key: string): number {
    let hash = this.#seed
    for (let at = 0; at < key.length; at += 1) {
      hash = Math.imul(hash ^ key.charCodeAt(at), 0x5bd1e995)
      hash ^= hash >>> 15
    }
    return (hash >>> 0) % this.#latest.length
  }
}

function parentOf(prefix: string): string {
  return prefix.slice(0, Math.max(0, prefix.lastIndexOf('.')))
}
