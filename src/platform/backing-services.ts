/** Postgres and Redis as configured: those of somebody else, or servers of the node's own. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Config } from './config.js'
import { startEmbeddedPostgres } from './embedded-postgres.js'
import { isUnavailable, messageOf } from './errors.js'
import type { Lifecycle } from './lifecycle.js'
import type { Logger } from './logger.js'
import { type Database, openDatabase } from './postgres.js'
import { startPrivateRedis } from './private-redis.js'
import { openRedis, type RedisClient } from './redis.js'

export interface OpenedDatabase {
  readonly db: Database
  readonly kind: 'external' | 'embedded'
  /** As the server says it. */
  readonly version: string
}

export interface OpenedRedis {
  readonly kind: 'external' | 'private' | 'none'
  /** Absent: the memory cache alone. */
  readonly client?: RedisClient
}

export interface Opening {
  readonly config: Config
  readonly life: Lifecycle
  readonly log: Logger
}

/** A database that starts together with the node, as with compose, may take this long. */
const DATABASE_WITHIN_MS = 60_000
const RETRY_MS = 250

/** @throws NodeError `authority-unavailable` when there is no database, `internal` when the embedded one does not start */
export async function openConfiguredDatabase({ config, life, log }: Opening): Promise<OpenedDatabase> {
  let url = config.databaseUrl
  if (url === undefined) {
    const open = () =>
      startEmbeddedPostgres({ dataFolder: config.dataFolder, log: (line) => log.debug(line, { from: 'postgres' }) })
    const server = await life.start('PostgreSQL', open, { stop: (it) => it.stop(), startWithinMs: 310_000 })
    url = server.url
  }
  const options = {
    url,
    maxConnections: config.databaseConnections,
    preparedStatements: config.preparedStatements,
  }
  const db = await life.start('database connections', () => openDatabase(options), { stop: (it) => it.close() })
  const version = await untilAvailable(log, () => versionOf(db))
  return { db, version, kind: config.databaseUrl === undefined ? 'embedded' : 'external' }
}

/** Never fails for an external Redis that is away: it is used once it is there. */
export async function openConfiguredRedis({ config, life, log }: Opening): Promise<OpenedRedis> {
  if (config.redisUrl === 'none') return { kind: 'none' }
  if (config.redisUrl !== undefined) return { kind: 'external', client: await connect(config.redisUrl, { life, log }) }

  const open = () =>
    startPrivateRedis({ dataFolder: config.dataFolder, log: (line) => log.debug(line, { from: 'redis' }) })
  const server = await life.start('redis-server', open, { stop: (it) => it?.stop() })
  return server === undefined ? { kind: 'none' } : { kind: 'private', client: await connect(server.url, { life, log }) }
}

function connect(url: string, { life, log }: Omit<Opening, 'config'>): Promise<RedisClient> {
  const onChange = (isUp: boolean, reason: string) =>
    isUp
      ? log.info('Redis is there.')
      : life.isStopping || log.warn(`Redis is away, look-ups are slower for it: ${reason}`)
  return life.start('Redis connection', () => openRedis(url, { onChange }), { stop: (it) => it.close() })
}

/**
 * Does what a start needs of the database, again and again while it is away: a node that starts in the middle of an
 * outage waits for its end. `work` must bear repetition. @throws NodeError `authority-unavailable` after a minute
 */
export async function untilAvailable<Result>(log: Logger, work: () => Promise<Result>): Promise<Result> {
  const giveUpAtMs = performance.now() + DATABASE_WITHIN_MS
  for (let tries = 1; ; tries += 1) {
    try {
      return await work()
    } catch (error) {
      if (!isUnavailable(error) || performance.now() > giveUpAtMs) throw error
      if (tries === 1) log.info(`Waiting for the database: ${messageOf(error)}`)
      await pause(RETRY_MS)
    }
  }
}

async function versionOf(db: Database): Promise<string> {
  const [row] = await db.query<{ version: string }>("select current_setting('server_version') as version")
  return row?.version ?? ''
}
