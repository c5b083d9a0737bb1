/** The faults there are. Whatever they do, the promises that the checkers hold the nodes to must be kept. */
import type { AmountKind } from './amounts.js'

export interface FaultKind {
  /** How long it lasts when the line does not say; undefined: it happens at once, and `for` is refused. */
  readonly forMs?: number
  readonly amount?: AmountKind
  readonly meaning: string
}

const LINE_FAULTS = {
  latency: { forMs: 1_000, amount: 'time', meaning: 'every byte is late by the amount' },
  rate: { forMs: 1_500, amount: 'rate', meaning: 'so many octets a second each way, and no more' },
  hang: { forMs: 1_000, meaning: 'connections stay open and pass nothing on' },
  'hold-requests': { forMs: 1_000, meaning: 'black hole towards the server' },
  'hold-answers': { forMs: 1_000, meaning: 'black hole towards the node' },
  cut: { forMs: 1_000, meaning: 'connections end, new ones are refused' },
  reset: { meaning: 'every connection is reset, once' },
} as const satisfies Record<string, FaultKind>

/** A node that reaches neither. */
const ISOLATIONS = {
  hang: { forMs: 1_500, meaning: 'the node is cut off from Postgres and Redis, without a word' },
  'hold-requests': { forMs: 1_500, meaning: 'neither server hears the node' },
  'hold-answers': { forMs: 1_500, meaning: 'the node hears neither server' },
  cut: { forMs: 1_500, meaning: 'the node is refused by both' },
} as const satisfies Record<string, FaultKind>

export const FAULT_KINDS = {
  'redis.stop': { forMs: 1_500, meaning: 'SIGSTOP' },
  'redis.kill': { forMs: 500, meaning: 'SIGKILL; it comes back empty' },
  'redis.flush': { meaning: 'FLUSHALL' },
  'redis.rollback': { meaning: 'fail over to the replica, which is some seconds behind' },
  'redis.failover': { forMs: 500, meaning: 'SIGKILL while the replica follows; then the replica takes over' },
  'redis.restore': { meaning: 'every entry goes back, in place, to what the replica has of it (DUMP, RESTORE)' },
  'redis.split': { forMs: 2_000, meaning: 'the first node uses the stale replica, the others the primary' },
  'redis.read-only': { forMs: 1_500, meaning: 'demoted: it takes over what the stale replica has and refuses writes' },
  'redis.full': { forMs: 1_500, meaning: 'maxmemory reached, noeviction: every write is refused' },
  'redis.evict': { forMs: 1_500, meaning: 'maxmemory reached, allkeys-random: entries vanish all the time' },
  'redis.corrupt': { forMs: 1_500, meaning: 'bits flip on the way to and from Redis' },
  'redis.attack': { meaning: 'somebody writes garbage, wrong types, replayed and swapped entries into our keys' },
  'redis.refuse': { forMs: 1_500, meaning: 'every command is answered with MOVED, ASK, READONLY, LOADING …, in turn' },
  'postgres.stop': { forMs: 1_500, meaning: 'SIGSTOP of all its processes' },
  'postgres.kill': { meaning: 'SIGKILL of all its processes, right after aborted transactions; it recovers' },
  'postgres.crash': { meaning: 'the same without a warning: the last thing it did may be a commit' },
  'postgres.hold': { forMs: 8_000, meaning: 'a transaction that wrote to the feed stays open, then aborts' },
  'postgres.lock-records': { forMs: 1_200, meaning: 'every statement on identifiers waits: slow queries, full pools' },
  'postgres.lock-feed': { forMs: 1_500, meaning: 'every poll of the feed, and every write to it, waits' },
  'postgres.crowd': { forMs: 1_500, meaning: 'somebody else has all its connections, and the nodes have lost theirs' },
  'node.kill': { forMs: 300, meaning: 'SIGKILL; started again afterwards' },
  'node.pause': { forMs: 1_500, meaning: 'SIGSTOP' },
  'node.stutter': { forMs: 2_000, meaning: 'SIGSTOP for four fifths of the time, in small pieces' },
  'node.restart': { meaning: 'SIGTERM, and started again when it has ended' },
  'node.clock': { forMs: 2_000, amount: 'offset', meaning: 'its wall clock is set by the amount, then back' },
  'node.clock-rate': { forMs: 2_000, amount: 'factor', meaning: 'its wall clock runs so many times as fast' },
  'net.swizzle': { forMs: 2_500, meaning: 'half of all lines hang, one after the other, and return in another order' },
  ...prefixed('proxy.redis', LINE_FAULTS),
  ...prefixed('proxy.postgres', LINE_FAULTS),
  ...prefixed('proxy.both', ISOLATIONS),
} as const satisfies Record<string, FaultKind>

export type FaultName = keyof typeof FAULT_KINDS

function prefixed<Kinds extends Record<string, FaultKind>, Prefix extends string>(prefix: Prefix, kinds: Kinds) {
  return Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [`${prefix}.${name}`, kind])) as {
    readonly [Name in keyof Kinds as `${Prefix}.${Name & string}`]: Kinds[Name]
  }
}
