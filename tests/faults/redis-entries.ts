/** The nodes' entries as a whole: which there are, back to what they were, driven out. */
import type { RedisServer } from './redis-pair.js'
import type { RespCommand } from './resp-line.js'

const MAX_KEYS = 2_000
const KEEP_MS = 86_400_000

export async function entryKeys(server: RedisServer): Promise<string[]> {
  const keys: string[] = []
  let cursor = '0'
  do {
    const [page] = await server.ask(['SCAN', cursor, 'MATCH', 'e:*', 'COUNT', 500])
    const [next, found] = page as readonly [Buffer, readonly Buffer[]]
    cursor = String(next)
    keys.push(...found.map(String))
  } while (cursor !== '0' && keys.length < MAX_KEYS)
  return keys
}

/** Puts every entry of one server into the other, over what is there; how many. */
export async function restoreEntries(from: RedisServer, to: RedisServer): Promise<number> {
  const keys = await entryKeys(from)
  const dumps = await from.ask(...keys.map((key): RespCommand => ['DUMP', key]))
  const restores = keys.flatMap((key, at): RespCommand[] => {
    const dump = dumps[at]
    return Buffer.isBuffer(dump) ? [['RESTORE', key, KEEP_MS, dump, 'REPLACE']] : []
  })
  const replies = await to.ask(...restores)
  return replies.filter((reply) => !(reply instanceof Error)).length
}

/** From now on there is room for half of the entries; every write drives others out. */
export async function squeeze(server: RedisServer): Promise<void> {
  const [info] = await server.ask(['INFO', 'memory'])
  const of = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(String(info))?.[1])
  const limit = Math.round(of('used_memory') - of('used_memory_dataset') / 2)
  await server.ask(['CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random'], ['CONFIG', 'SET', 'maxmemory', limit])
}
