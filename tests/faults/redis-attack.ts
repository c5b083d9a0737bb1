/** What somebody with write access to Redis can do to our entries. None of it may ever show in an answer. */
import type { Random } from './random.js'
import { entryKeys } from './redis-entries.js'
import type { RedisServer } from './redis-pair.js'
import type { RespCommand } from './resp-line.js'

/** Genuine entries of earlier attacks, to be replayed: by Redis key, the oldest known. */
export type Loot = Map<string, Buffer>

/** "J1", version and stamp (src/resolution/shared-entry.ts). */
const HEAD_OCTETS = 34

export async function attackRedis(server: RedisServer, random: Random, loot: Loot): Promise<void> {
  const keys = await entryKeys(server)
  const values = await server.ask(...keys.map((key): RespCommand => ['GET', key]))
  const entries = keys.map((key, at) => ({ key, value: values[at] }))
  // What an earlier attack left has no head to forge.
  const genuine = entries.flatMap(({ key, value }) =>
    Buffer.isBuffer(value) && value.length > HEAD_OCTETS ? [{ key, value }] : [],
  )
  const commands = genuine.flatMap(({ key, value }) => {
    const old = loot.get(key)
    if (old === undefined) loot.set(key, Buffer.from(value))
    const other = random.pick(genuine).value
    return damage({ key, value, other, old: old ?? value, random })
  })
  if (commands.length > 0) await server.ask(...commands)
}

interface Victim {
  readonly key: string
  readonly value: Buffer
  readonly other: Buffer
  readonly old: Buffer
  readonly random: Random
}

function damage({ key, value, other, old, random }: Victim): RespCommand[] {
  switch (random.below(8)) {
    case 0:
      return [['SET', key, 'garbage']]
    case 1:
      return [['SET', key, Buffer.alloc(300, random.below(256))]]
    case 2:
      return [
        ['DEL', key],
        ['HSET', key, 'version', 'wrong type'],
      ]
    case 3:
      return [['SET', key, value.subarray(0, random.below(value.length))]]
    case 4:
      return [['SET', key, other]]
    case 5:
      return [['SET', key, flipped(value, random)]]
    case 6:
      return [['SET', key, withNewerHead(value)]]
    default:
      return [['SET', key, old]]
  }
}

function flipped(value: Buffer, random: Random): Buffer {
  const copy = Buffer.from(value)
  const at = random.below(copy.length)
  copy[at] = copy[at]! ^ (1 << random.below(8))
  return copy
}

/** Version and stamp of the entry's head, raised as far as they go: an old content that claims to be the newest. */
function withNewerHead(value: Buffer): Buffer {
  const copy = Buffer.from(value)
  copy.write('9'.repeat(15), 3, 'latin1')
  copy.write('9'.repeat(15), 19, 'latin1')
  return copy
}
