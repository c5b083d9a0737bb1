/**
 * The code with one thing wrong, and who must notice. Each mutant is a mistake that was made, or is easily made, in the
 * cache protocol. `text` must occur exactly once in its file; mutants.test.ts sees to that whenever the code changes.
 */
export interface Mutant {
  readonly name: string
  readonly file: string
  readonly text: string
  readonly replacement: string
  /** Test files that must fail. */
  readonly tests: readonly string[]
  /** Seeds of the simulation among which one must break a promise. Absent: a mistake that storms do not show. */
  readonly seeds?: number
}

const KNOWLEDGE = 'src/resolution/change-knowledge.ts'
const KNOWLEDGE_TEST = 'tests/resolution/change-knowledge.test.ts'
const MEMORY = 'src/resolution/memory-cached.ts'
const MEMORY_TEST = 'tests/resolution/memory-cached.test.ts'
const SHARED = 'src/resolution/shared-cached.ts'
const SHARED_TEST = 'tests/resolution/shared-cached.test.ts'
const FLIGHT = 'src/resolution/single-flight.ts'
const FLIGHT_TEST = 'tests/resolution/single-flight.test.ts'
const FOLLOWER = 'src/registry/change-follower.ts'
const FOLLOWER_TEST = 'tests/registry/change-follower.test.ts'
const WAITS = 'src/registry/visible-waits.ts'
const WAITS_TEST = 'tests/registry/visible-waits.test.ts'
const CATCHING_UP = 'src/resolution/catching-up.ts'
const CATCHING_UP_TEST = 'tests/resolution/catching-up.test.ts'
const FOUND_TEST = 'tests/simulation/found.test.ts'
const REDIS = 'src/platform/redis.ts'
const REDIS_TEST = 'tests/platform/redis.test.ts'
const POSTGRES = 'src/platform/postgres.ts'
/** Real processes under scripted faults; a minute each time. */
const STORM_TEST = 'tests/faults/storm.test.ts'

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'freshness counts from the end of a poll',
    file: KNOWLEDGE,
    text: 'else if (startedAtMs > lastPollStartMs) lastPollStartMs = startedAtMs',
    replacement: 'else lastPollStartMs = clock.monotonicMs()',
    tests: [KNOWLEDGE_TEST],
    seeds: 300,
  },
  {
    name: 'a suspension of the machine goes unnoticed while a poll is under way',
    file: KNOWLEDGE,
    text: 'if (jumpMs > SUSPENSION_MS) lastPollStartMs -= Math.max(jumpMs, boundMs + 1)\n    else if',
    replacement: 'if',
    tests: [FOUND_TEST],
  },
  {
    name: 'the mark is one past the highest id seen',
    file: KNOWLEDGE,
    text: 'if (xid < xmin && xid + 1 > mark) mark = xid + 1',
    replacement: 'if (xid + 1 > mark) mark = xid + 1',
    tests: [KNOWLEDGE_TEST],
    seeds: 300,
  },
  {
    name: 'the mark, cursor and stamp, is the xmin of the snapshot',
    file: KNOWLEDGE,
    text: 'for (const xid of seen) if (xid < xmin && xid + 1 > mark) mark = xid + 1',
    replacement: 'mark = Math.max(mark, xmin)',
    tests: [KNOWLEDGE_TEST],
    seeds: 1_000,
  },
  {
    name: 'an own write goes into the exact map',
    file: KNOWLEDGE,
    text: 'own.set(key, { version, xid: change.xid, notedAtMs })',
    replacement:
      '{ own.set(key, { version, xid: change.xid, notedAtMs }); recent.set(key, Math.max(version, recent.get(key) ?? 0)) }',
    tests: [KNOWLEDGE_TEST],
  },
  {
    name: 'an own write counts as delivered by the feed',
    file: KNOWLEDGE,
    text: 'const notedAtMs = clock.monotonicMs()',
    replacement: 'const notedAtMs = clock.monotonicMs()\n      seen.add(change.xid)',
    tests: [KNOWLEDGE_TEST],
    seeds: 300,
  },
  {
    name: 'own writes reject nothing',
    file: KNOWLEDGE,
    text: 'if (ownWrite !== undefined && ownWrite.version > version) return false',
    replacement: '',
    tests: [FOUND_TEST],
    seeds: 300,
  },
  {
    name: 'own writes are forgotten when the feed starts anew',
    file: KNOWLEDGE,
    text: 'if (!isOtherHistory) for (const [key, { xid }] of own) noteChange(key, xid)',
    replacement: 'own.clear()',
    tests: [FOUND_TEST],
  },
  {
    name: 'feed rows are applied at every poll that brings them',
    file: KNOWLEDGE,
    text: 'if (covers(xid)) continue',
    replacement: 'if (xid < mark) continue',
    tests: [KNOWLEDGE_TEST],
  },
  {
    name: 'rows of one poll go into the exact map one by one',
    file: KNOWLEDGE,
    text: 'newest.set(key, Math.max(versions[at] ?? 0, newest.get(key) ?? 0))',
    replacement:
      'recent.set(key, Math.max(versions[at] ?? 0, recent.get(key) ?? 0)); newest.set(key, recent.get(key)!)',
    tests: [FOUND_TEST],
  },
  {
    name: 'what is known exactly needs no complete feed',
    file: KNOWLEDGE,
    text: 'return version >= newest && stamp >= completeFrom',
    replacement: 'return version >= newest',
    tests: [FOUND_TEST],
  },
  {
    name: 'changes of prefixes are ignored',
    file: KNOWLEDGE,
    text: 'if (identifier === undefined) return true',
    replacement: 'if (key) return true',
    tests: [KNOWLEDGE_TEST, MEMORY_TEST],
    seeds: 300,
  },
  {
    name: 'another epoch changes nothing',
    file: KNOWLEDGE,
    text: 'if (poll.epoch !== epoch || poll.reset) reset(poll)',
    replacement: 'if (epoch === undefined || poll.reset) reset(poll)',
    tests: [KNOWLEDGE_TEST],
  },
  {
    name: 'the follower follows on into another history',
    file: FOLLOWER,
    text: 'followed.epoch === epoch && ',
    replacement: '',
    tests: [FOLLOWER_TEST],
    seeds: 300,
  },
  {
    name: 'the follower does not look at the pruning horizon',
    file: FOLLOWER,
    text: ' && followed.horizon <= mark',
    replacement: '',
    tests: [FOLLOWER_TEST],
    seeds: 1_000,
  },
  {
    name: 'memory answers without a fresh poll',
    file: MEMORY,
    text: 'if (query.authoritative !== true && knowledge.isFresh()) {',
    replacement: 'if (query.authoritative !== true) {',
    tests: [MEMORY_TEST, STORM_TEST],
    seeds: 300,
  },
  {
    name: 'what comes from below is kept without being validated',
    file: MEMORY,
    text: 'answer.version, answer.stamp)) return\n  // The same version again',
    replacement: 'answer.version, answer.stamp)) void 0\n  // The same version again',
    tests: [MEMORY_TEST],
    seeds: 300,
  },
  {
    name: 'memory does not hear of changes',
    file: MEMORY,
    text: 'if (kept === undefined || kept.version >= version) return',
    replacement: 'if (key) return',
    tests: [MEMORY_TEST],
    seeds: 300,
  },
  {
    name: 'a stale answer is kept as a fresh one',
    file: MEMORY,
    text: 'if (answer.stale === undefined && answer.asOfMs === undefined && epoch === options.knowledge.epoch)',
    replacement: 'if (answer.asOfMs === undefined && epoch === options.knowledge.epoch)',
    tests: [MEMORY_TEST],
  },
  {
    name: 'an error is remembered as absent',
    file: MEMORY,
    text: 'if (held === undefined) throw error',
    replacement: `if (held === undefined) {
      const { key, prefix } = query.identifier
      return { kind: 'absent', key, prefix, version: 0, tier: 'registry', stamp: options.knowledge.mark }
    }`,
    tests: [MEMORY_TEST],
    seeds: 300,
  },
  {
    name: 'what Redis gives is not validated',
    file: SHARED,
    text: "answer.version, answer.stamp)) return 'outdated'",
    replacement: 'answer.version, answer.stamp)) void 0',
    tests: [SHARED_TEST],
    seeds: 300,
  },
  {
    name: 'freshness is not asked again after Redis has answered',
    file: SHARED,
    text: "return knowledge.isFresh() ? undefined : 'not-fresh'",
    replacement: 'return undefined',
    tests: [SHARED_TEST],
    seeds: 300,
  },
  {
    name: 'an entry of the history before a failover counts in the one after it',
    file: SHARED,
    text: "epoch === store.knowledge.epoch ? rejectionOf(store, query, answer) : 'outdated'",
    replacement: 'rejectionOf(store, query, answer)',
    tests: [FOUND_TEST],
  },
  {
    name: 'the MAC of an entry is not checked',
    file: 'src/resolution/shared-entry.ts',
    text: 'if (!timingSafeEqual(expected, entry.subarray(macStart))) return undefined',
    replacement: '',
    tests: [SHARED_TEST, STORM_TEST],
    seeds: 300,
  },
  {
    name: 'the script puts older entries over newer ones',
    file: 'src/resolution/shared-entry.ts',
    text: "if type(held) == 'string' and replace ~= '1' then",
    replacement: 'if false then',
    tests: ['tests/simulation/redis-script.test.ts'],
  },
  {
    name: 'a flight is joined however long ago it began',
    file: FLIGHT,
    text: 'elapsedMs(clock, under.started) <= joinWithinMs',
    replacement: 'true',
    tests: [FLIGHT_TEST],
    seeds: 300,
  },
  {
    name: 'a flight from before an own write is joined',
    file: FLIGHT,
    text: 'if (identifier !== undefined) flights.delete(identifier)',
    replacement: 'if (identifier !== undefined) return',
    tests: [FOUND_TEST],
    seeds: 300,
  },
  {
    // Storms show it by answers of Redis to who asks the database itself. To a version demanded it does no harm there: the
    // layer above catches up with the feed first, which ends the flights that lack a change.
    name: 'a query that demands more than a plain one joins any flight',
    file: FLIGHT,
    text: 'if (!isPlain(query)) return next(query)',
    replacement: '',
    tests: [FLIGHT_TEST],
    seeds: 300,
  },
  {
    name: 'write tokens are ignored',
    file: CATCHING_UP,
    text: 'return token < options.knowledge.mark ? next(plain) : afterwards(options, next, { token, plain })',
    replacement: 'return next(plain)',
    tests: [CATCHING_UP_TEST],
    seeds: 300,
  },
  {
    // In the whole chain no token comes as far: withToken has seen to it above them. So storms do not show this one.
    name: 'caches ignore write tokens',
    file: 'src/resolution/satisfies.ts',
    text: 'return query.token === undefined || knowledge.covers(query.token)',
    replacement: 'return knowledge !== undefined',
    tests: [MEMORY_TEST],
  },
  {
    name: 'an answer is stamped after its route was looked at',
    file: 'src/resolution/authorities.ts',
    text: 'return answer.stamp <= stamp ? answer : answerWith(answer, { stamp })',
    replacement: 'return stamp < 0 ? answerWith(answer, { stamp }) : answer',
    tests: ['tests/resolution/authorities.test.ts'],
  },
  {
    name: 'routes are current as long as polls are',
    file: 'src/registry/routes.ts',
    text: 'table !== undefined && loadedAt === changes && isCurrent()',
    replacement: 'table !== undefined && isCurrent()',
    tests: [FOUND_TEST],
    seeds: 300,
  },
  {
    name: 'the registry stamps its rows with what is known when they come back',
    file: 'src/registry/records.ts',
    text: 'settle(wanted, { row: found[place], stamp })',
    replacement: 'settle(wanted, { row: found[place], stamp: Math.max(stamp, mark()) })',
    tests: ['tests/registry/records.test.ts'],
  },
  {
    name: 'a write is visible everywhere when the bound of this process has passed',
    file: WAITS,
    text: 'bound = { ms: Math.max(options.boundMs, largestMs), epoch, readAtMs }',
    replacement: 'bound = { ms: options.boundMs, epoch, readAtMs }',
    tests: [WAITS_TEST],
    seeds: 300,
  },
  {
    name: 'a bound that was read before the commit counts',
    file: WAITS,
    text: 'if (bound.readAtMs < waiter.committedByMs) {',
    replacement: 'if (bound.readAtMs < 0) {',
    tests: [WAITS_TEST],
  },
  {
    name: 'a write is acknowledged as visible before its time',
    file: WAITS,
    text: 'const leftMs = dueMs(waiter) - clock.monotonicMs()\n      if',
    replacement: 'const leftMs = dueMs(waiter) - clock.monotonicMs() - bound.ms / 4\n      if',
    tests: [WAITS_TEST, STORM_TEST],
    seeds: 300,
  },
  {
    name: 'a transaction that had ended long ago in another history is not waited for',
    file: WAITS,
    text: ' || bound.epoch !== knowledge.epoch',
    replacement: '',
    tests: [WAITS_TEST],
  },
  {
    name: 'a token is known as soon as its own transaction is seen',
    file: CATCHING_UP,
    text: 'token < options.knowledge.mark',
    replacement: 'options.knowledge.covers(token)',
    tests: [CATCHING_UP_TEST],
  },
  {
    name: 'a token of no known transaction is passed over',
    file: CATCHING_UP,
    text: "throw unknownToken('this database has committed no such transaction')",
    replacement: 'return next(plain)',
    tests: [CATCHING_UP_TEST],
  },
  {
    name: 'a token is taken whatever history it is of',
    file: 'src/resolution/write-token.ts',
    text: 'if (of === history()) return Number(xid)\n        throw',
    replacement: "if (of !== '') return Number(xid)\n        throw",
    tests: [CATCHING_UP_TEST],
  },
  {
    name: 'who asks to catch up is served by the poll that is under way',
    file: FOLLOWER,
    text: 'waiting?.resolve()',
    replacement: 'waiting?.resolve(); catchingUp?.resolve(); catchingUp = undefined',
    tests: [FOLLOWER_TEST],
  },
  {
    name: 'a poll that failed is followed by one that asks for as much',
    file: FOLLOWER,
    text: 'quarterings = Math.min(quarterings + 1, MAX_QUARTERINGS)',
    replacement: 'quarterings = 0',
    tests: [FOLLOWER_TEST],
  },
  {
    name: 'look-ups of one identifier go separate ways',
    file: FLIGHT,
    text: 'flights.set(key, flight)',
    replacement: '',
    tests: [FLIGHT_TEST],
  },
  {
    name: 'look-ups that wait are never too many',
    file: 'src/resolution/load-shedding.ts',
    text: 'if (waiting >= maxWaiting) {',
    replacement: 'if (maxWaiting < 0) {',
    tests: ['tests/resolution/load-shedding.test.ts'],
  },
  {
    name: 'commands to Redis may take for ever',
    file: REDIS,
    text: 'commandTimeout: commandTimeoutMs,',
    replacement: '',
    tests: [REDIS_TEST],
  },
  {
    name: 'a garbled reply of Redis ends the process',
    file: REDIS,
    text: 'stream.destroy(error instanceof Error ? error : new Error(messageOf(error)))',
    replacement: 'throw error',
    tests: [REDIS_TEST],
  },
  {
    name: 'statements may take for ever',
    file: POSTGRES,
    text: 'query_timeout: statementTimeoutMs + 100,',
    replacement: '',
    tests: ['tests/platform/postgres.test.ts'],
  },
  {
    name: 'writes are acknowledged before they are on disk',
    file: POSTGRES,
    text: "application_name: 'jiexi',",
    replacement: "application_name: 'jiexi', options: '-c synchronous_commit=off',",
    tests: [STORM_TEST],
  },
  {
    name: 'a retry with the same idempotency key is carried out again',
    file: 'src/registry/idempotency.ts',
    text: 'if (claimed.length > 0) return undefined',
    replacement: 'if (claimed.length >= 0) return undefined',
    tests: ['tests/registry/idempotency.test.ts', STORM_TEST],
  },
]
