/** Runs once before all tests: what they need from the system, and a PostgreSQL for each of vitest's workers. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { TestProject } from 'vitest/node'
import { startEmbeddedPostgres, stopOrphan } from '../../src/platform/embedded-postgres.js'
import { isAlive } from '../../src/platform/process-facts.js'
import { CHROMIUM, ensurePrograms, REDIS } from './system-packages.js'

const FOLDER = /^jiexi-test-(\d+)-/

export default async function setUp({ config }: TestProject): Promise<(() => Promise<void>) | undefined> {
  const [, chromium] = ensurePrograms([REDIS, CHROMIUM])
  if (chromium !== undefined) process.env.JIEXI_TEST_CHROMIUM ??= chromium
  if (process.env.JIEXI_TEST_DATABASE_URL) return undefined

  await sweep()
  const servers = await Promise.all(Array.from({ length: config.maxWorkers }, startServer))
  process.env.JIEXI_TEST_DATABASE_URL = servers.map(({ url }) => url).join(' ')
  return async () => void (await Promise.all(servers.map(({ stop }) => stop())))
}

async function startServer(): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const folder = mkdtempSync(path.join(os.tmpdir(), `jiexi-test-${process.pid}-`))
  const postgres = await startEmbeddedPostgres({
    dataFolder: folder,
    // Nothing here outlives the run. What is said of crashes is tested on servers of the tests' own.
    settings: { max_connections: '300', fsync: 'off', full_page_writes: 'off' },
  })
  const stop = async () => {
    await postgres.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  return { url: postgres.url, stop }
}

/** What runs that were killed left behind. */
async function sweep(): Promise<void> {
  for (const name of readdirSync(os.tmpdir())) {
    const runner = FOLDER.exec(name)?.[1]
    if (runner === undefined || isAlive(Number(runner))) continue
    const folder = path.join(os.tmpdir(), name)
    await stopOrphan(folder).catch(() => undefined)
    rmSync(folder, { recursive: true, force: true })
  }
}
