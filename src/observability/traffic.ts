/**
 * What the duties of a node ask of its traffic, counted on the hot path in plain numbers: per second, per prefix and per
 * source address. Whoever stores it (reporting/) takes it every few seconds; nothing grows without bound meanwhile.
 *
 *   request   a look-up that reached the resolver, whatever came of it; malformed identifiers never do
 *   success   a record or a referral; withdrawn, absent and "could not ask" are none
 *
 * The responsible prefix of a kept answer has to be decoded, so it is asked for once per prefix as written, not per
 * request. Requests that nobody here is responsible for count for the node alone, under the prefix ''.
 */
import type { Clock } from '../platform/clock.js'
import type { Answer } from '../record/answer.js'
import { HeavyHitters, type HittersState } from './heavy-hitters.js'
import { type LoadMinute, LoadMinutes } from './load-minutes.js'

/** As much of a query as counts here. */
export interface Asked {
  readonly identifier: { readonly prefix: string }
  /** The address of who asks. Absent: the node asks itself, and that counts for nobody. */
  readonly source?: string
}

export interface PrefixTraffic {
  /** The responsible one; '' for what none of this node's is responsible for. */
  readonly prefix: string
  readonly requests: number
  readonly successes: number
  readonly sources: HittersState
}

export interface HourTraffic {
  /** Milliseconds since the epoch, a whole hour. */
  readonly hourMs: number
  readonly prefixes: readonly PrefixTraffic[]
}

export interface Traffic {
  readonly lookups: readonly LoadMinute[]
  readonly registrations: readonly LoadMinute[]
  readonly hours: readonly HourTraffic[]
}

export interface TrafficMeter {
  /** Both times monotonic, in milliseconds. */
  answered(asked: Asked, answer: Answer, took: Took): void
  failed(asked: Asked): void
  /** Where a handle counts whose octets these are; undefined while it is not known who is responsible for it. */
  countsBelow(key: Uint8Array, start: number, end: number): Counts | undefined
  /** A record was found, at a monotonic time. */
  found(counts: Counts, source: string, endedMs: number): void
  /** One of those found took so long. */
  timed(endedMs: number, tookMs: number): void
  /** So many identifiers were registered by one command, which took so long. */
  registered(count: number, elapsedMs: number): void
  /** All that was counted since the last time. */
  take(): Traffic
}

export interface Took {
  readonly startedMs: number
  readonly endedMs: number
}

/** Of source addresses, per prefix and hour: the error is at most 1/129 of the requests. */
export const SOURCES_KEPT = 128
/** Prefixes that count apart; the rest count together, under ''. */
const MAX_PREFIXES = 4_096
/** Prefixes as written, of which those responsible are known. */
const MAX_ALIASES = 4_096
/** Hours that wait for the database; then the oldest goes together with the next. */
const MAX_HOURS = 4
const HOUR_MS = 3_600_000
const UNKNOWN_SOURCE = 'unknown'

/** Of one responsible prefix in one hour. */
export interface Counts {
  requests: number
  successes: number
  readonly sources: HeavyHitters
}

interface Hour {
  readonly hourMs: number
  readonly prefixes: Map<string, Counts>
}

export function trafficMeter(clock: Clock): TrafficMeter {
  const lookups = new LoadMinutes()
  const registrations = new LoadMinutes()
  const aliases = prefixAliases()
  const wall = wallClock(clock)
  let finished: Hour[] = []
  let hour = hourAt(clock.nowMs())

  function turn(atMs: number): void {
    finished.push(hour)
    if (finished.length > MAX_HOURS) joinOldest(finished)
    hour = hourAt(atMs)
    aliases.clear()
  }

  function countsOf(responsible: string): Counts {
    const known = hour.prefixes.get(responsible)
    if (known !== undefined) return known
    if (responsible !== '' && hour.prefixes.size >= MAX_PREFIXES) return countsOf('')
    const counts = { requests: 0, successes: 0, sources: new HeavyHitters(SOURCES_KEPT) }
    hour.prefixes.set(responsible, counts)
    return counts
  }

  function aliased(written: string, answer: Answer): Counts {
    const known = aliases.get(written)
    if (known !== undefined) return known
    const counts = countsOf(answer.prefix)
    aliases.set(written, counts)
    return counts
  }

  function noted(endedMs: number): number {
    const atMs = wall(endedMs)
    if (atMs >= hour.hourMs + HOUR_MS) turn(atMs)
    lookups.note(atMs, 1)
    return atMs
  }

  return {
    answered(asked, answer, { startedMs, endedMs }) {
      if (asked.source === undefined) return
      lookups.time(noted(endedMs), endedMs - startedMs)
      const counts = aliased(asked.identifier.prefix, answer)
      counts.requests += 1
      if (answer.kind === 'found' || answer.kind === 'referral') counts.successes += 1
      counts.sources.add(asked.source || UNKNOWN_SOURCE)
    },
    failed(asked) {
      if (asked.source === undefined) return
      noted(clock.monotonicMs())
      const counts = countsOf('')
      counts.requests += 1
      counts.sources.add(asked.source || UNKNOWN_SOURCE)
    },
    countsBelow: aliases.find,
    found(counts, source, endedMs) {
      noted(endedMs)
      counts.requests += 1
      counts.successes += 1
      counts.sources.add(source || UNKNOWN_SOURCE)
    },
    timed: (endedMs, tookMs) => lookups.time(wall(endedMs), tookMs),
    registered(count, elapsedMs) {
      const atMs = clock.nowMs()
      registrations.note(atMs, count)
      registrations.time(atMs, elapsedMs)
    },
    take() {
      const hours = [...finished, hour]
      finished = []
      hour = hourAt(clock.nowMs())
      aliases.clear()
      return { lookups: lookups.take(), registrations: registrations.take(), hours: hours.flatMap(hourTraffic) }
    },
  }
}

const SLASH = 0x2f

interface Alias {
  readonly octets: Uint8Array
  readonly counts: Counts
}

/** Where the prefixes of identifiers, as written, count. One found by its octets is found by their hash from then on: no text is made. */
function prefixAliases() {
  const known = new Map<string, Counts>()
  /** Of several that have one hash, the last found. */
  const byHash = new Map<number, Alias>()
  /** Found last, and often next: its octets are compared before anything else is done. */
  let last: Alias | undefined

  function learn(hash: number, octets: Uint8Array): Counts | undefined {
    const counts = known.get(Buffer.from(octets).toString('latin1').toLowerCase())
    if (counts === undefined) return undefined
    if (byHash.size >= MAX_ALIASES) byHash.clear()
    // A copy: what it is of is used again.
    last = { octets: new Uint8Array(octets), counts }
    byHash.set(hash, last)
    return counts
  }

  return {
    get: (written: string) => known.get(written),
    set(written: string, counts: Counts) {
      if (known.size >= MAX_ALIASES) known.clear()
      known.set(written, counts)
    },
    find(key: Uint8Array, start: number, end: number): Counts | undefined {
      if (last !== undefined && beginsWith(last.octets, key, { start, end })) return last.counts
      let hash = 0
      let slash = start
      for (; slash < end && key[slash] !== SLASH; slash++) hash = Math.imul(hash ^ key[slash]!, 0x5bd1e995)
      if (slash >= end) return undefined
      const alias = byHash.get(hash)
      if (alias !== undefined && beginsWith(alias.octets, key, { start, end })) {
        last = alias
        return alias.counts
      }
      return learn(hash, key.subarray(start, slash))
    },
    clear() {
      known.clear()
      byHash.clear()
      last = undefined
    },
  }
}

/** Whether the octets, and a slash behind them, are there. */
function beginsWith(octets: Uint8Array, key: Uint8Array, { start, end }: { start: number; end: number }): boolean {
  const slash = start + octets.length
  if (slash >= end || key[slash] !== SLASH) return false
  for (let at = 0; at < octets.length; at++) if (octets[at] !== key[start + at]) return false
  return true
}

/** Wall time of a monotonic one, without asking the system each time: the two are compared once a second. */
function wallClock(clock: Clock): (monotonicMs: number) => number {
  let offsetMs = 0
  let untilMs = Number.NEGATIVE_INFINITY
  return (monotonicMs) => {
    if (monotonicMs >= untilMs) {
      offsetMs = clock.nowMs() - clock.monotonicMs()
      untilMs = monotonicMs + 1_000
    }
    return monotonicMs + offsetMs
  }
}

function hourAt(atMs: number): Hour {
  return { hourMs: Math.floor(atMs / HOUR_MS) * HOUR_MS, prefixes: new Map() }
}

/** What was counted stays; only the hour that it is of becomes less exact. */
function joinOldest(hours: Hour[]): void {
  const [oldest, next] = hours.splice(0, 1).concat(hours[0]!) as [Hour, Hour]
  for (const [prefix, counts] of oldest.prefixes) {
    const isRoom = prefix === '' || next.prefixes.size < MAX_PREFIXES
    const name = isRoom || next.prefixes.has(prefix) ? prefix : ''
    const held = next.prefixes.get(name)
    if (held === undefined) next.prefixes.set(name, counts)
    else join(held, counts)
  }
}

function join(held: Counts, counts: Counts): void {
  held.requests += counts.requests
  held.successes += counts.successes
  held.sources.merge(counts.sources.state())
}

function hourTraffic({ hourMs, prefixes }: Hour): HourTraffic[] {
  if (prefixes.size === 0) return []
  const rows = [...prefixes].map(([prefix, { requests, successes, sources }]) => ({
    prefix,
    requests,
    successes,
    sources: sources.state(),
  }))
  return [{ hourMs, prefixes: rows }]
}
