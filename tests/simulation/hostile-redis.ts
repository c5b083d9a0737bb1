/**
 * A Redis that does whatever a cache server, or somebody who can write to it, could do: it forgets, gives back any entry
 * it ever held, moves entries between keys, flips bits, keeps what it was told to delete, comes late, hangs, goes away.
 * Only the MAC key it does not have.
 */
import { NodeError } from '../../src/platform/errors.js'
import type { RedisClient } from '../../src/platform/redis.js'
import type { Random } from './random.js'
import type { Settings } from './settings.js'
import type { VirtualTime } from './virtual-time.js'

export interface HostileRedis {
  readonly client: RedisClient
  flush(): void
  /** Back to how it was at the last flush, or whenever it took a snapshot. */
  rollBack(): void
  goAway(forMs: number): void
  recover(): void
}

export interface RedisParts {
  readonly time: VirtualTime
  readonly random: Random
  readonly settings: () => Settings
}

/** The client's limit on a command. */
const COMMAND_LIMIT_MS = 40
const MAX_CAPTURED = 200

export function hostileRedis({ time, random, settings }: RedisParts): HostileRedis {
  let held = new Map<string, Buffer>()
  let snapshot = new Map<string, Buffer>()
  /** Every entry it was ever given, as an attacker would keep them. */
  const captured: { readonly key: string; readonly entry: Buffer }[] = []
  let awayUntilMs = 0
  const isAway = () => awayUntilMs > time.nowMs()
  const lies = () => random.chance(settings().redisLies)

  function ask<Result>(execute: () => Result): Promise<Result> {
    const owner = time.owner()
    return new Promise((resolve, reject) => {
      const fail = () => reject(new NodeError('authority-unavailable', 'Redis gave no answer'))
      if (isAway()) return time.after(random.between(0, COMMAND_LIMIT_MS), fail, owner)
      const slow = lies() ? random.between(0, 80) : random.between(0, 1)
      time.after(COMMAND_LIMIT_MS, fail, owner)
      time.after(slow / 2, () => {
        const result = execute()
        time.after(slow / 2, () => resolve(result), owner)
      })
    })
  }

  function read(key: string): Buffer | null {
    const entry = held.get(key) ?? null
    if (!lies()) return entry
    return random.pick([nothing, resurrected, moved, flipped, garbage])(key, entry)
  }

  const nothing = () => null
  const resurrected = (key: string) => pickOf(captured.filter((one) => one.key === key))
  const moved = () => pickOf(captured)
  const garbage = () => Buffer.from(Array.from({ length: random.below(120) }, () => random.below(256)))
  const flipped = (_key: string, entry: Buffer | null) => {
    if (entry === null || entry.length === 0) return entry
    const altered = Buffer.from(entry)
    const at = random.below(altered.length)
    altered[at] = altered[at]! ^ (1 << random.below(8))
    return altered
  }
  const pickOf = (from: readonly { readonly entry: Buffer }[]) => (from.length > 0 ? random.pick(from).entry : null)

  function capture(key: string, entry: Buffer): void {
    if (captured.length < MAX_CAPTURED) captured.push({ key, entry })
    else captured[random.below(MAX_CAPTURED)] = { key, entry }
  }

  /** What the script of shared-entry.ts does; liars take the older entry too. */
  function putAll(keys: readonly string[], [, ...args]: readonly (string | Buffer | number)[]): number {
    let taken = 0
    for (const [at, key] of keys.entries()) {
      if (put(key, args[2 * at] as Buffer, args[2 * at + 1] === '1')) taken += 1
    }
    return taken
  }

  function put(key: string, entry: Buffer, replace: boolean): boolean {
    capture(key, entry)
    const there = held.get(key)
    const [version, stamp] = [versionOf(entry), stampOf(entry)]
    const isOlder =
      there !== undefined && (versionOf(there) > version || (versionOf(there) === version && stampOf(there) >= stamp))
    if (isOlder && !replace && !lies()) return false
    if (!lies()) held.set(key, entry)
    return true
  }

  const client: RedisClient = {
    mget: (keys) => ask(() => keys.map(read)),
    run: (_script, keys, args) => ask(() => putAll(keys, args)),
    del: (keys) =>
      ask(() => {
        for (const key of keys) if (!lies()) held.delete(key)
      }),
    isUp: () => !isAway() || random.chance(0.1),
    close: () => Promise.resolve(),
  }
  return {
    client,
    flush() {
      snapshot = new Map(held)
      held.clear()
    },
    rollBack() {
      held = new Map(snapshot)
    },
    goAway(forMs) {
      awayUntilMs = Math.max(awayUntilMs, time.nowMs() + forMs)
    },
    recover() {
      awayUntilMs = 0
    },
  }
}

function versionOf(entry: Buffer): number {
  return Number(entry.toString('latin1', 2, 18))
}

function stampOf(entry: Buffer): number {
  return Number(entry.toString('latin1', 18, 34))
}
