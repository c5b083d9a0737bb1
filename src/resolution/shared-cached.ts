/**
 * The second tier: Redis, shared by all processes of the node. An entry counts only if its MAC holds, change knowledge
 * is fresh *after* the reply came, and the change feed knows of nothing newer. Redis slow, empty, lying or gone makes
 * look-ups slower, never wrong and never failing. While no authority can be asked, an entry that would count but for
 * freshness is given, marked stale.
 */
import { isUnavailable, messageOf } from '../platform/errors.js'
import type { RedisClient } from '../platform/redis.js'
import type { Answer } from '../record/answer.js'
import { EntryMac } from './entry-mac.js'
import { identifierFeedKey } from './feed-spaces.js'
import type { Layer, Query, Resolve } from './resolve.js'
import { satisfies } from './satisfies.js'
import { decodeEntry, encodeEntry, sharedKey } from './shared-entry.js'
import { type Put, sharedPuts } from './shared-puts.js'
import { type StalePolicy, staleAnswer } from './stale.js'

/** Why an entry that Redis gave was not used. */
export type Rejection = 'mac' | 'not-fresh' | 'outdated'

export interface SharedStore {
  readonly layer: Layer
  /** Best effort, after a write of our own: spares the others a look at an entry that they would reject. */
  forget(keys: readonly string[]): void
}

export interface SharedStoreOptions extends StalePolicy {
  readonly redis: RedisClient
  readonly macKey: Buffer
  /** Memory hygiene only; validity comes from the change feed. */
  readonly keepMs: number
  onRejected(why: Rejection): void
}

/** Of a chunk of an import few keys are in Redis, and naming thousands costs more than the look. */
const MAX_FORGOTTEN = 1_000

/** What Redis gave: nothing, an answer that counts, or one that does not, and why. */
interface Looked {
  readonly answer?: Answer
  readonly rejection?: Rejection
}

interface Asked {
  readonly query: Query
  readonly redisKey: string
  /** The one known when Redis was asked. */
  readonly epoch: string
}

interface Store extends SharedStoreOptions {
  readonly mac: EntryMac
  readonly put: (put: Put) => void
}

export function sharedStore(options: SharedStoreOptions): SharedStore {
  const put = sharedPuts(options.redis, options.keepMs)
  const store: Store = { ...options, put, mac: new EntryMac(options.macKey) }
  const { redis, knowledge } = options
  return {
    layer: (next) => (query) => {
      const { epoch } = knowledge
      if (epoch === undefined || query.authoritative === true || !redis.isUp()) {
        query.trace?.step('redis', redis.isUp() ? 'skipped' : 'down')
        return next(query)
      }
      const asked = { query, epoch, redisKey: sharedKey(epoch, query.identifier.key) }
      return redis.mget([asked.redisKey]).then(
        ([entry]) => {
          const looked = entry ? judge(store, asked, entry) : NOTHING
          if (looked.answer !== undefined && looked.rejection === undefined) return looked.answer
          if (!entry) query.trace?.step('redis', 'miss')
          return fill(store, next, { asked, looked })
        },
        (error: unknown) => {
          query.trace?.step('redis', `failed: ${messageOf(error)}`)
          return fill(store, next, { asked, looked: NOTHING })
        },
      )
    },
    forget(keys) {
      const { epoch } = knowledge
      if (epoch === undefined || keys.length === 0 || keys.length > MAX_FORGOTTEN) return
      redis.del(keys.map((key) => sharedKey(epoch, key))).catch(ignoreLostRedis)
    },
  }
}

const NOTHING: Looked = {}

function judge(store: Store, { query, redisKey, epoch }: Asked, entry: Buffer): Looked {
  const answer = decodedOrUndefined(store.mac, redisKey, entry)
  // A stamp means nothing in another epoch than the one it was taken in.
  const rejection = epoch === store.knowledge.epoch ? rejectionOf(store, query, answer) : 'outdated'
  query.trace?.step('redis', rejection === undefined ? 'hit' : `rejected: ${rejection}`)
  if (rejection !== undefined) store.onRejected(rejection)
  return { ...(answer ? { answer } : {}), ...(rejection ? { rejection } : {}) }
}

/** Asks below, and leaves what comes from there for the next who asks. */
async function fill(
  store: Store,
  next: Resolve,
  { asked, looked }: { readonly asked: Asked; readonly looked: Looked },
): Promise<Answer> {
  const { query, epoch, redisKey } = asked
  let answer: Answer
  try {
    answer = await next(query)
  } catch (error) {
    answer = lastGood(store, query, { looked, epoch, error })
  }
  if (answer.stale === undefined && epoch === store.knowledge.epoch && answer.key === query.identifier.key) {
    leave(store, answer, { redisKey, replace: looked.rejection === 'mac' })
  }
  return answer
}

function rejectionOf(
  { knowledge }: SharedStoreOptions,
  query: Query,
  answer: Answer | undefined,
): Rejection | undefined {
  if (answer === undefined || answer.key !== query.identifier.key) return 'mac'
  if (!knowledge.isValid(identifierFeedKey(answer.key), answer.version, answer.stamp)) return 'outdated'
  if (!satisfies(answer, query, knowledge)) return 'outdated'
  return knowledge.isFresh() ? undefined : 'not-fresh'
}

interface Failed {
  readonly looked: Looked
  readonly epoch: string
  readonly error: unknown
}

function lastGood(options: Store, query: Query, { looked, epoch, error }: Failed): Answer {
  const { answer, rejection } = looked
  const stale =
    answer !== undefined && rejection === 'not-fresh' && isUnavailable(error) && isStillValid(options, answer, epoch)
      ? staleAnswer(options, answer, query)
      : undefined
  if (stale === undefined) throw error
  query.trace?.step('redis', 'stale')
  return stale
}

/** More may be known by now than when Redis gave the answer: the mark tells what is known now. */
function isStillValid({ knowledge }: SharedStoreOptions, answer: Answer, epoch: string): boolean {
  return epoch === knowledge.epoch && knowledge.isValid(identifierFeedKey(answer.key), answer.version, answer.stamp)
}

/** A codec newer or older than ours wrote it: as good as nothing. */
function decodedOrUndefined(mac: EntryMac, redisKey: string, entry: Buffer): Answer | undefined {
  try {
    return decodeEntry(mac, redisKey, entry)
  } catch {
    return undefined
  }
}

function leave(
  { knowledge, mac, put }: Store,
  answer: Answer,
  { redisKey, replace }: { readonly redisKey: string; readonly replace: boolean },
): void {
  if (!knowledge.isValid(identifierFeedKey(answer.key), answer.version, answer.stamp)) return
  put({ redisKey, entry: encodeEntry(mac, redisKey, answer), replace })
}

function ignoreLostRedis(): void {
  // Redis has no duty: the client counts the failure and its breaker acts on it.
}
