/**
 * The second tier: Redis, shared by all processes of the node. An entry counts only if its MAC holds, change knowledge
 * is fresh *after* the reply came, and the change feed knows of nothing newer. Redis slow, empty, lying or gone makes
 * look-ups slower, never wrong and never failing. While no authority can be asked, an entry that would count but for
 * freshness is given, marked stale.
 */
import { isUnavailable, messageOf } from '../platform/errors.js'
import { luaScript, type RedisClient } from '../platform/redis.js'
import type { Answer } from '../record/answer.js'
import type { Layer, Query } from './resolve.js'
import { satisfies } from './satisfies.js'
import { decodeEntry, encodeEntry, PUT_ENTRY_LUA, sharedKey } from './shared-entry.js'
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

const putEntry = luaScript(PUT_ENTRY_LUA)

/** What Redis gave: nothing, an answer that counts, or one that does not, and why. */
interface Looked {
  readonly answer?: Answer
  readonly rejection?: Rejection
}

export function sharedStore(options: SharedStoreOptions): SharedStore {
  const { redis, knowledge } = options
  return {
    layer: (next) => async (query) => {
      const { epoch } = knowledge
      if (epoch === undefined || query.authoritative === true || !redis.isUp()) {
        query.trace?.step('redis', redis.isUp() ? 'skipped' : 'down')
        return next(query)
      }
      const redisKey = sharedKey(epoch, query.identifier.key)
      const looked = await look(options, query, { redisKey, epoch })
      if (looked.answer !== undefined && looked.rejection === undefined) return looked.answer

      const answer = await Promise.resolve(next(query)).catch((error: unknown) =>
        lastGood(options, query, { looked, epoch, error }),
      )
      if (answer.stale === undefined && epoch === knowledge.epoch && answer.key === query.identifier.key) {
        void put(options, answer, { redisKey, replace: looked.rejection === 'mac' })
      }
      return answer
    },
    forget(keys) {
      const { epoch } = knowledge
      if (epoch === undefined || keys.length === 0) return
      redis.del(keys.map((key) => sharedKey(epoch, key))).catch(ignoreLostRedis)
    },
  }
}

async function look(
  options: SharedStoreOptions,
  query: Query,
  { redisKey, epoch }: { readonly redisKey: string; readonly epoch: string },
): Promise<Looked> {
  let entry: Buffer | null | undefined
  try {
    ;[entry] = await options.redis.mget([redisKey])
  } catch (error) {
    query.trace?.step('redis', `failed: ${messageOf(error)}`)
    return {}
  }
  if (!entry) {
    query.trace?.step('redis', 'miss')
    return {}
  }
  const answer = decodedOrUndefined(options.macKey, redisKey, entry)
  // A stamp means nothing in another epoch than the one it was taken in.
  const rejection = epoch === options.knowledge.epoch ? rejectionOf(options, query, answer) : 'outdated'
  query.trace?.step('redis', rejection === undefined ? 'hit' : `rejected: ${rejection}`)
  if (rejection !== undefined) options.onRejected(rejection)
  return { ...(answer ? { answer } : {}), ...(rejection ? { rejection } : {}) }
}

function rejectionOf(
  { knowledge }: SharedStoreOptions,
  query: Query,
  answer: Answer | undefined,
): Rejection | undefined {
  if (answer === undefined || answer.key !== query.identifier.key) return 'mac'
  if (!knowledge.isValid(`i:${answer.key}`, answer.version, answer.stamp)) return 'outdated'
  if (!satisfies(answer, query, knowledge)) return 'outdated'
  return knowledge.isFresh() ? undefined : 'not-fresh'
}

interface Failed {
  readonly looked: Looked
  readonly epoch: string
  readonly error: unknown
}

function lastGood(options: SharedStoreOptions, query: Query, { looked, epoch, error }: Failed): Answer {
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
  return epoch === knowledge.epoch && knowledge.isValid(`i:${answer.key}`, answer.version, answer.stamp)
}

/** A codec newer or older than ours wrote it: as good as nothing. */
function decodedOrUndefined(macKey: Buffer, redisKey: string, entry: Buffer): Answer | undefined {
  try {
    return decodeEntry(macKey, redisKey, entry)
  } catch {
    return undefined
  }
}

async function put(
  options: SharedStoreOptions,
  answer: Answer,
  { redisKey, replace }: { readonly redisKey: string; readonly replace: boolean },
): Promise<void> {
  const { redis, knowledge, macKey, keepMs } = options
  if (!knowledge.isValid(`i:${answer.key}`, answer.version, answer.stamp)) return
  const entry = encodeEntry(macKey, redisKey, answer)
  const args = [entry, answer.version, answer.stamp, keepMs, replace ? '1' : '0']
  await redis.run(putEntry, [redisKey], args).catch(ignoreLostRedis)
}

function ignoreLostRedis(): void {
  // Redis has no duty: the client counts the failure and its breaker acts on it.
}
