/**
 * What the node tells of itself in Prometheus' text format. Labels take few values each: never an identifier, a prefix
 * or a caller. State that others own (caches, feed) is read through one callback at each scrape.
 */
import { collectDefaultMetrics, Registry } from 'prom-client'
import { counter, countMetric, gauge, type Joined } from './collected.js'
import { HandleMeter } from './handle-meter.js'
import { type LookupMeter, lookupMeter, TIERS } from './lookup-meter.js'
import type { Snapshot } from './machine-metrics.js'
import { type ForeignReadings, peerMetrics } from './peer-metrics.js'

export interface Readings {
  /** Milliseconds since the start of the last successful poll of the change feed. */
  readonly feedAgeMs: number
  readonly feedIsFresh: boolean
  readonly memory: {
    readonly entries: number
    /** Octets of answers and of what doors send of them. */
    readonly payloadBytes: number
    readonly bytes: number
    readonly capacityBytes: number
  }
  /** What the node runs on, as its readiness says it. */
  readonly backing: { readonly database: string; readonly redis: string }
  /** undefined: no Redis is configured. */
  readonly redisIsUp?: boolean
}

/** How the node above is told of changes. */
export interface UpwardReadings {
  readonly backlog: number
  readonly oldestSeconds: number
  readonly refused: number
  readonly isFailing: boolean
}

export interface NodeMetrics {
  readonly lookups: LookupMeter
  readonly handle: HandleMeter
  httpAnswered(status: number): void
  /** What is known of other nodes is told from now on. */
  watchPeers(read: () => ForeignReadings): void
  /** There is a node above, which is told of from now on; undefined: how that goes is not known yet. */
  watchUpward(read: () => UpwardReadings | undefined): void
  /** An entry that Redis gave was not used. */
  redisRejected(why: string): void
  text(): Promise<string>
  readonly contentType: string
  /** The numbers themselves, to be joined with those of other worker processes (machine-metrics.ts). */
  snapshot(): Promise<Snapshot>
}

export function nodeMetrics(read: () => Readings): NodeMetrics {
  const registry = new Registry()
  const lookups = lookupMeter()
  const handle = new HandleMeter()
  const statuses = new Map<number, number>()
  const rejections = new Map<string, number>()
  collectDefaultMetrics({ register: registry })
  lookupMetrics(registry, lookups)
  handle.register(registry)
  readingMetrics(registry, read)
  countMetric(registry, {
    name: 'jiexi_http_responses_total',
    help: 'HTTP responses by status.',
    label: 'status',
    counts: () => statuses,
  })
  countMetric(registry, {
    name: 'jiexi_redis_rejected_total',
    help: 'Entries that Redis gave and that did not count, by reason.',
    label: 'reason',
    counts: () => rejections,
  })
  return {
    lookups,
    handle,
    httpAnswered: (status) => increment(statuses, status),
    watchPeers: (foreign) => peerMetrics(registry, foreign),
    watchUpward: (upward) => upwardMetrics(registry, upward),
    redisRejected: (why) => increment(rejections, why),
    text: () => registry.metrics(),
    contentType: registry.contentType,
    snapshot: () => registry.getMetricsAsJSON(),
  }
}

function lookupMetrics(registry: Registry, lookups: LookupMeter): void {
  counter(registry, {
    name: 'jiexi_lookups_total',
    help: 'Answered look-ups by the tier that had the answer and its kind.',
    labels: ['tier', 'kind'],
    collect: (add) => {
      for (const tier of TIERS)
        for (const [kind, count] of Object.entries(lookups.tier(tier).byKind)) add({ tier, kind }, count)
    },
  })
  counter(registry, {
    name: 'jiexi_stale_served_total',
    help: 'Answers given although they could not be checked, marked stale, by tier.',
    labels: ['tier'],
    collect: (add) => {
      for (const tier of TIERS) add({ tier }, lookups.tier(tier).stale)
    },
  })
  countMetric(registry, {
    name: 'jiexi_lookup_failures_total',
    help: 'Look-ups nobody could answer, by error code.',
    label: 'code',
    counts: () => lookups.failures(),
  })
  lookupDurations(registry, lookups)
}

const QUANTILES = [0.5, 0.9, 0.99, 0.999]

function lookupDurations(registry: Registry, lookups: LookupMeter): void {
  gauge(registry, {
    name: 'jiexi_lookup_duration_seconds',
    help: 'Quantiles of the time of a look-up since the process began, by tier.',
    labels: ['tier', 'quantile'],
    joined: 'omit',
    collect: (set) => {
      for (const tier of TIERS) {
        const { durations } = lookups.tier(tier)
        if (durations.count === 0) continue
        for (const quantile of QUANTILES)
          set({ tier, quantile: String(quantile) }, durations.percentile(quantile * 100) / 1e9)
      }
    },
  })
  counter(registry, {
    name: 'jiexi_lookup_seconds_total',
    help: 'Time spent on look-ups, by tier; over jiexi_lookups_total it gives the mean.',
    labels: ['tier'],
    collect: (add) => {
      for (const tier of TIERS) add({ tier }, lookups.tier(tier).sumNs / 1e9)
    },
  })
}

function readingMetrics(registry: Registry, read: () => Readings): void {
  gauge(registry, {
    name: 'jiexi_backing_info',
    help: 'Always 1; the labels say which Postgres and which Redis the node runs on.',
    labels: ['database', 'redis'],
    joined: 'first',
    collect: (set) => set(read().backing, 1),
  })
  const single = (joined: Joined, name: string, help: string, value: (readings: Readings) => number | undefined) =>
    gauge(registry, {
      name,
      help,
      labels: [],
      joined,
      collect: (set) => {
        const now = value(read())
        if (now !== undefined) set({}, now)
      },
    })
  single('max', 'jiexi_feed_age_ms', 'Milliseconds since the last successful poll of the change feed began.', (now) =>
    // Before the first poll the age is without bound, which is no number for a graph.
    Number.isFinite(now.feedAgeMs) ? now.feedAgeMs : undefined,
  )
  single('min', 'jiexi_feed_fresh', '1 while cached answers may be served.', (now) => Number(now.feedIsFresh))
  single('sum', 'jiexi_memory_cache_entries', 'Answers in the memory cache.', (now) => now.memory.entries)
  single('sum', 'jiexi_memory_cache_bytes', 'Bytes taken for them, index included.', (now) => now.memory.bytes)
  single(
    'sum',
    'jiexi_memory_cache_payload_bytes',
    'Of these, answers and ready responses alone.',
    (now) => now.memory.payloadBytes,
  )
  single('sum', 'jiexi_memory_cache_capacity_bytes', 'The bound on those bytes.', (now) => now.memory.capacityBytes)
  single('min', 'jiexi_redis_up', '1 while Redis is used, 0 while its breaker is open; absent without Redis.', (now) =>
    now.redisIsUp === undefined ? undefined : Number(now.redisIsUp),
  )
}

/** The same in all processes: they read it from the database. */
function upwardMetrics(registry: Registry, read: () => UpwardReadings | undefined): void {
  const single = (name: string, help: string, value: (readings: UpwardReadings) => number) =>
    gauge(registry, {
      name,
      help,
      labels: [],
      joined: 'max',
      collect: (set) => {
        const now = read()
        if (now !== undefined) set({}, value(now))
      },
    })
  single('jiexi_upward_backlog_changes', 'Changes that the node above has not acknowledged yet.', (now) => now.backlog)
  single('jiexi_upward_oldest_seconds', 'Age of the oldest of them.', (now) => now.oldestSeconds)
  single('jiexi_upward_refused', 'Identifiers and prefixes that the node above did not take.', (now) => now.refused)
  single('jiexi_upward_failing', '1 while the node above cannot be told anything.', (now) => Number(now.isFailing))
}

function increment<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
