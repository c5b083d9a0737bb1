/**
 * Forward-only migrations: `NNNN_subject.sql`, applied in order, each once, each in a transaction of its own.
 * An advisory lock makes it safe when many processes start at once. A file changed after it was applied is an error.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { NodeError } from './errors.js'
import type { Database, Transaction } from './postgres.js'

/** Any constant; all processes of all versions must use the same. */
const LOCK = 7_239_411
const FILE_NAME = /^\d{4}_[a-z0-9_]+\.sql$/
const MIGRATION_TIMEOUT_MS = 600_000

export const MIGRATIONS_FOLDER = path.resolve(import.meta.dirname, '../../migrations')

/** Names of the migrations applied now. @throws NodeError `internal` when an applied file was changed or is gone. */
export async function migrate(db: Database, folder: string = MIGRATIONS_FOLDER): Promise<readonly string[]> {
  const files = (await readdir(folder)).filter((name) => FILE_NAME.test(name)).sort()
  const applied: string[] = []
  for (const name of files) {
    const sql = await readFile(path.join(folder, name), 'utf8')
    if (await db.transaction((tx) => applyOnce(tx, name, sql), { timeoutMs: MIGRATION_TIMEOUT_MS })) applied.push(name)
  }
  return applied
}

async function applyOnce(tx: Transaction, name: string, sql: string): Promise<boolean> {
  await tx.query(`select pg_advisory_xact_lock(${LOCK})`)
  await tx.query(
    'create table if not exists migration (name text primary key, sha256 text not null, applied_at timestamptz not null default clock_timestamp())',
  )
  const sha256 = createHash('sha256').update(sql).digest('hex')
  const [known] = await tx.query<{ sha256: string }>('select sha256 from migration where name = $1', [name])
  if (known) {
    if (known.sha256 === sha256) return false
    throw new NodeError(
      'internal',
      `Migration ${name} was changed after it had been applied. Restore it, and put the change into a new file.`,
    )
  }
  await tx.query(sql)
  await tx.query('insert into migration (name, sha256) values ($1, $2)', [name, sha256])
  return true
}
