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

export interface LocatedDatabase {
  readonly url: string
  readonly kind: 'external' | 'embedded'
}

export interface OpenedDatabase {
  readonly db: Database
  readonly kind: LocatedDatabase['kind']
  /** As the server says it. */
  readonly version: string
}

export interface LocatedRedis {
  /** Absent: the memory cache alone. */
  readonly url?: string
  readonly kind: 'external' | 'private' | 'none'
}

export interface OpenedRedis {
  readonly kind: LocatedRedis['kind']
  /** Absent: the memory cache alone. */
  readonly client?: RedisClient
}

export interface BackingKinds {
  readonly database: LocatedDatabase['kind']
  readonly redis: LocatedRedis['kind']
}

export interface Opening {
  readonly config: Config
  /** What the configured addresses lead to, when a supervisor put them there. Default: servers of somebody else. */
  readonly kinds?: BackingKinds | undefined
  readonly life: Lifecycle
  readonly log: Logger
}

/** A database that starts together with the node, as with compose, may take this long. */
const DATABASE_WITHIN_MS = 60_000
const RETRY_MS = 250

/** The one configured, or the embedded one, which is started. @throws NodeError `internal` when that does not start */
export async function locateDatabase({ config, kinds, life, log }: Opening): Promise<LocatedDatabase> {
  if (config.databaseUrl !== undefined) return { url: config.databaseUrl, kind: kinds?.database ?? 'external' }
  const open = () =>
    startEmbeddedPostgres({
      dataFolder: config.dataFolder,
      log: (line) => log.debug(line, { from: 'postgres' }),
      settings: { max_connections: String(embeddedConnections(config)) },
    })
  const { url } = await life.start('PostgreSQL', open, { stop: (it) => it.stop(), startWithinMs: 310_000 })
  return { url, kind: 'embedded' }
}

/** Enough for all workers, one more that takes a place while another drains, their supervisor, and people who look. */
function embeddedConnections({ workers, databaseConnections }: Config): number {
  return Math.max(100, (workers + 2) * (databaseConnections + 1) + 10)
}

/** @throws NodeError `authority-unavailable` when there is no database, `internal` when the embedded one does not start */
export async function openConfiguredDatabase(opening: Opening): Promise<OpenedDatabase> {
  const { config, life, log } = opening
  const { url, kind } = await locateDatabase(opening)
  const options = {
    url,
    maxConnections: config.databaseConnections,
    preparedStatements: config.preparedStatements,
  }
  const db = await life.start('database connections', () => openDatabase(options), { stop: (it) => it.close() })
  const version = await untilAvailable(log, () => versionOf(db))
  return { db, version, kind }
}

/** The one configured, or a private one, which is started when there is a redis-server. */
export async function locateRedis({ config, kinds, life, log }: Opening): Promise<LocatedRedis> {
  if (config.redisUrl === 'none') return { kind: 'none' }
  if (config.redisUrl !== undefined) return { kind: kinds?.redis ?? 'external', url: config.redisUrl }

  const open = () =>
    startPrivateRedis({ dataFolder: config.dataFolder, log: (line) => log.debug(line, { from: 'redis' }) })
  const server = await life.start('redis-server', open, { stop: (it) => it?.stop() })
  return server === undefined ? { kind: 'none' } : { kind: 'private', url: server.url }
}

/** Never fails for an external Redis that is away: it is used once it is there. */
export async function openConfiguredRedis(opening: Opening): Promise<OpenedRedis> {
  const { kind, url } = await locateRedis(opening)
  return url === undefined ? { kind } : { kind, client: await connect(url, opening) }
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
