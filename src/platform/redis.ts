/**
 * Redis, as a cache that may fail at any time: slow, full, gone or back, no caller waits more than 40 ms for it.
 * The only home of ioredis.
 *
 * The settings are measured ones. By default a command to a stopped Redis waits for more than 5 s, and to a dead one for
 * more than 15 s; with these for 40 ms and 0.4 ms. After five failures in a row nobody is kept waiting for half a second,
 * and the connection is made anew: a peer that vanished without a word is noticed by nothing else.
 */
import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { Redis, ReplyError } from 'ioredis'
import { type CircuitBreaker, circuitBreaker } from './circuit-breaker.js'
import { type Clock, systemClock } from './clock.js'
import { messageOf, NodeError } from './errors.js'

export interface RedisClient {
  /**
   * Values in the order of the keys, null where there is none. All calls of one turn of the event loop share one MGET.
   *
   * @throws NodeError `authority-unavailable` within the command timeout (40 ms), at once while the breaker is open.
   */
  mget(keys: readonly string[]): Promise<readonly (Buffer | null)[]>
  /** Runs a Lua script by its SHA, loading it when the server does not know it. Throws as `mget`. */
  run(script: Script, keys: readonly string[], args: readonly (string | Buffer | number)[]): Promise<unknown>
  /** Throws as `mget`. */
  del(keys: readonly string[]): Promise<void>
  /** Whether asking makes sense now: connected, and not failing. */
  isUp(): boolean
  close(): Promise<void>
}

export interface Script {
  readonly lua: string
  readonly sha1: string
}

export interface RedisOptions {
  /** Default 40. */
  readonly commandTimeoutMs?: number
  readonly clock?: Clock
  /** Told once each time the connection is lost and each time it is back. */
  readonly onChange?: (isUp: boolean, reason: string) => void
}

const MAX_KEYS_PER_COMMAND = 512

export function luaScript(lua: string): Script {
  return { lua, sha1: createHash('sha1').update(lua).digest('hex') }
}

/** @param url `redis://`, `rediss://` or `unix:///path/to/socket`. Connects in the background, and again when lost. */
export function openRedis(url: string, options: RedisOptions = {}): RedisClient {
  const redis = connectionTo(url, options.commandTimeoutMs ?? 40)
  const breaker = circuitBreaker({
    clock: options.clock ?? systemClock,
    failures: 5,
    openMs: 500,
    onOpen: () => redis.disconnect(true),
  })
  tellChanges(redis, options.onChange)
  redis.on('connect', () => guardParser(redis))
  redis.on('ready', breaker.succeeded)
  const ask: Ask = (command) => guarded(redis, breaker, command)
  return {
    mget: coalesced((keys) =>
      ask(async () => requireValues(redis, await redis.mgetBuffer(keys as string[]), keys.length)),
    ),
    run: (script, keys, args) => ask(() => runScript(redis, script, [keys.length, ...keys, ...args])),
    del: async (keys) => {
      for (const chunk of chunksOf(keys)) await ask(() => redis.unlink(chunk))
    },
    isUp: () => redis.status === 'ready' && !breaker.isOpen(),
    close: async () => {
      if (redis.status === 'ready') await redis.quit().catch(ignoreLostConnection)
      redis.disconnect()
    },
  }
}

/**
 * ioredis 5 throws out of its socket's `data` listener when a null reply comes that nobody waits for, and what is thrown
 * there ends the process. Garbled bytes must cost the connection, no more.
 */
function guardParser(redis: Redis): void {
  const { stream } = redis as unknown as { readonly stream: Socket }
  const [parse] = stream.listeners('data') as ((bytes: Buffer) => void)[]
  if (parse === undefined) return
  stream.off('data', parse)
  stream.prependListener('data', (bytes: Buffer) => {
    try {
      parse(bytes)
    } catch (error) {
      stream.destroy(error instanceof Error ? error : new Error(messageOf(error)))
    }
  })
}

/** What is no list of so many values is the reply to something else: nothing on this connection can be believed any more. */
function requireValues(redis: Redis, reply: unknown, count: number): (Buffer | null)[] {
  const isValue = (value: unknown) => value === null || Buffer.isBuffer(value)
  if (Array.isArray(reply) && reply.length === count && reply.every(isValue)) return reply
  redis.disconnect(true)
  throw new Error('it replied with something else than the values asked for')
}

type Ask = <Reply>(command: () => Promise<Reply>) => Promise<Reply>

function connectionTo(url: string, commandTimeoutMs: number): Redis {
  const settings = {
    commandTimeout: commandTimeoutMs,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 300,
    // A peer that hangs does not answer our goodbye either.
    disconnectTimeout: 50,
    retryStrategy: (attempt: number) => Math.min(50 * attempt, 500),
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    disableClientInfo: true,
  }
  // ioredis takes a socket's path in place of an address.
  const path = url.startsWith('unix://') ? decodeURIComponent(new URL(url).pathname) : undefined
  return path === undefined ? new Redis(url, settings) : new Redis({ ...settings, path })
}

function tellChanges(redis: Redis, onChange: RedisOptions['onChange']): void {
  let reason = 'connection closed'
  let isUp: boolean | undefined
  const tell = (up: boolean, why: string) => {
    if (isUp !== up) onChange?.(up, why)
    isUp = up
  }
  // Without a listener ioredis prints them.
  redis.on('error', (error: Error) => {
    // A reply that nobody waits for: from here on every reply would be taken for that of the command before.
    if (error.message.startsWith('Command queue state error')) redis.disconnect(true)
    reason = error.message || String((error as NodeJS.ErrnoException).code ?? error.name)
  })
  redis.on('ready', () => tell(true, 'connected'))
  redis.on('close', () => tell(false, reason))
}

async function guarded<Reply>(redis: Redis, breaker: CircuitBreaker, command: () => Promise<Reply>): Promise<Reply> {
  if (redis.status !== 'ready') throw unavailable(`Redis is not connected (${redis.status}).`)
  if (!breaker.tryEnter()) throw unavailable('Redis keeps failing, and is left alone for a moment.')
  try {
    const reply = await command()
    breaker.succeeded()
    return reply
  } catch (error) {
    // A server that refuses (memory full, read-only replica) answers all the same.
    if (error instanceof ReplyError) breaker.succeeded()
    else breaker.failed()
    throw unavailable(`Redis gave no answer: ${messageOf(error)}.`, error)
  }
}

function unavailable(message: string, cause?: unknown): NodeError {
  return new NodeError('authority-unavailable', message, cause === undefined ? {} : { cause })
}

async function runScript(redis: Redis, script: Script, args: readonly (string | Buffer | number)[]): Promise<unknown> {
  try {
    return await redis.call('EVALSHA', script.sha1, ...args)
  } catch (error) {
    if (!isUnknownScript(error)) throw error
    return redis.call('EVAL', script.lua, ...args)
  }
}

/** Redis's error codes are the first word of its message; there is no other field. */
function isUnknownScript(error: unknown): boolean {
  return error instanceof ReplyError && messageOf(error).startsWith('NOSCRIPT ')
}

type Fetch = (keys: readonly string[]) => Promise<readonly (Buffer | null)[]>

/** Keys that go as one MGET, each once, and who waits for which of them. */
interface Batch {
  readonly keys: string[]
  readonly places: Map<string, number>
  readonly waiting: Waiting[]
}

interface Waiting {
  readonly places: readonly number[]
  resolve(values: readonly (Buffer | null)[]): void
  reject(error: unknown): void
}

/** Collects the keys that all callers ask for until the pending input is handled, and asks for each once. */
function coalesced(fetch: Fetch): RedisClient['mget'] {
  let batch: Batch | undefined
  const flush = () => {
    const collected = batch!
    batch = undefined
    void answer(collected, fetch)
  }
  return (keys) => {
    if (keys.length === 0) return Promise.resolve([])
    if (batch === undefined) {
      batch = { keys: [], places: new Map(), waiting: [] }
      setImmediate(flush)
    }
    const { waiting } = batch
    const places = keys.map((key) => placeOf(batch!, key))
    return new Promise((resolve, reject) => waiting.push({ places, resolve, reject }))
  }
}

function placeOf({ keys, places }: Batch, key: string): number {
  const known = places.get(key)
  if (known !== undefined) return known
  places.set(key, keys.length)
  return keys.push(key) - 1
}

async function answer({ keys, waiting }: Batch, fetch: Fetch): Promise<void> {
  try {
    const values = keys.length <= MAX_KEYS_PER_COMMAND ? await fetch(keys) : await fetchInChunks(keys, fetch)
    for (const { places, resolve } of waiting) resolve(places.map((place) => values[place] ?? null))
  } catch (error) {
    for (const { reject } of waiting) reject(error)
  }
}

async function fetchInChunks(keys: readonly string[], fetch: Fetch): Promise<(Buffer | null)[]> {
  return (await Promise.all(chunksOf(keys).map(fetch))).flat()
}

function chunksOf(keys: readonly string[]): string[][] {
  const count = Math.ceil(keys.length / MAX_KEYS_PER_COMMAND)
  return Array.from({ length: count }, (_, index) =>
    keys.slice(index * MAX_KEYS_PER_COMMAND, (index + 1) * MAX_KEYS_PER_COMMAND),
  )
}

function ignoreLostConnection(): void {
  // It is being closed.
}
