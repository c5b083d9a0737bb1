/** A fresh, migrated database of its own for each caller, on the real Postgres that global-setup.ts starts. */
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
  const adminUrl = process.env.JIEXI_TEST_DATABASE_URL
  if (!adminUrl) throw new Error('JIEXI_TEST_DATABASE_URL is not set: tests/support/global-setup.ts sets it')
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
