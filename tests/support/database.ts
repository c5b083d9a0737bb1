/**
 * A fresh, migrated database of its own for each caller, on a real Postgres that global-setup.ts starts. Each of vitest's
 * workers has a server of its own: the change feed waits for every older transaction of its server, whatever the database.
 */
import { randomBytes } from 'node:crypto'
import { migrate } from '../../src/platform/migrate.js'
import { type Database, openDatabase } from '../../src/platform/postgres.js'

/** Where time is not the subject, a busy machine must not matter. */
const PATIENT = { connectTimeoutMs: 10_000 }

export interface TestDatabase {
  readonly db: Database
  readonly url: string
  close(): Promise<void>
}

export async function testDatabase(options: { readonly migrated?: boolean } = {}): Promise<TestDatabase> {
  const adminUrls = process.env.JIEXI_TEST_DATABASE_URL?.split(' ')
  if (!adminUrls) throw new Error('JIEXI_TEST_DATABASE_URL is not set: tests/support/global-setup.ts sets it')
  const adminUrl = adminUrls[(Number(process.env.VITEST_POOL_ID ?? 1) - 1) % adminUrls.length]!
  const name = `test_${randomBytes(6).toString('hex')}`
  const admin = openDatabase({ url: adminUrl, maxConnections: 1, statementTimeoutMs: 60_000, ...PATIENT })
  await admin.query(`create database ${name}`)
  const url = new URL(adminUrl)
  url.pathname = `/${name}`
  const db = openDatabase({ url: url.href, statementTimeoutMs: 10_000, ...PATIENT })
  if (options.migrated ?? true) await migrate(db)
  return {
    db,
    url: url.href,
    close: async () => {
      await db.close()
      await admin.query(`drop database ${name} with (force)`)
      await admin.close()
    },
  }
}
