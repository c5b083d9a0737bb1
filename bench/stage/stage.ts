/** What the node stands on during a run: a Postgres and a Redis of its own, in a scratch folder that goes away. */
import { rmSync } from 'node:fs'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.js'
import { startPrivateRedis } from '../../src/platform/private-redis.js'
import type { Cleanup } from './cleanup.js'
import { makeScratchFolder, sweepScratchFolders } from './sweep.js'

export interface Stage {
  readonly databaseUrl: string
  readonly postgresVersion: string
  /** Undefined when there is no redis-server on PATH. */
  readonly redisUrl: string | undefined
  readonly scratchFolder: string
}

/** Statements are counted only in databases that turn it on for themselves (scaled-database.ts). */
const COUNTING_WHERE_ASKED = {
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track': 'none',
  compute_query_id: 'off',
}

/** To be called before this process is pinned: the database and Redis stay free to use any core. */
export async function setStage(clean: Cleanup): Promise<Stage> {
  sweepScratchFolders()
  const scratchFolder = makeScratchFolder()
  clean.add(() => rmSync(scratchFolder, { recursive: true, force: true }))
  const postgres = await startEmbeddedPostgres({ dataFolder: scratchFolder, settings: COUNTING_WHERE_ASKED })
  clean.add(postgres.stop)
  const redis = await startPrivateRedis({ dataFolder: scratchFolder })
  if (redis) clean.add(redis.stop)
  return {
    databaseUrl: postgres.url,
    postgresVersion: postgres.version,
    redisUrl: redis?.url,
    scratchFolder,
  }
}
