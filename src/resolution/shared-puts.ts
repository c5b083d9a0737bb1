/**
 * Leaves entries in Redis for others, behind the answers that they are of. Those of one turn of the event loop go together:
 * one command costs as much as ten entries.
 */
import { luaScript, type RedisClient } from '../platform/redis.js'
import { PUT_ENTRIES_LUA } from './shared-entry.js'

export interface Put {
  readonly redisKey: string
  readonly entry: Buffer
  /** Whatever is there is not ours. */
  readonly replace: boolean
}

const MAX_ENTRIES = 128
/** Redis does nothing else while it takes them. */
const MAX_OCTETS = 512 * 1024

const putEntries = luaScript(PUT_ENTRIES_LUA)

/** Best effort: failures are the client's to count. */
export function sharedPuts(redis: RedisClient, keepMs: number): (put: Put) => void {
  let waiting: Put[] = []
  const flush = () => {
    const puts = waiting
    waiting = []
    for (const some of portionsOf(puts)) send(some)
  }

  function send(puts: readonly Put[]): void {
    const keys = puts.map(({ redisKey }) => redisKey)
    const args = puts.flatMap(({ entry, replace }) => [entry, replace ? '1' : '0'])
    redis.run(putEntries, keys, [keepMs, ...args]).catch(ignoreLostRedis)
  }

  return (put) => {
    if (waiting.length === 0) setImmediate(flush)
    waiting.push(put)
  }
}

function* portionsOf(puts: readonly Put[]): Generator<readonly Put[]> {
  let portion: Put[] = []
  let octets = 0
  for (const put of puts) {
    if (portion.length === MAX_ENTRIES || (portion.length > 0 && octets + put.entry.length > MAX_OCTETS)) {
      yield portion
      portion = []
      octets = 0
    }
    portion.push(put)
    octets += put.entry.length
  }
  if (portion.length > 0) yield portion
}

function ignoreLostRedis(): void {
  // Redis has no duty: the client counts the failure and its breaker acts on it.
}
