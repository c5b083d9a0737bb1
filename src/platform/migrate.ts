/**
 * Forward-only migrations: `NNNN_subject.sql`, applied in order, each once, each in a transaction of its own.
 *
 * An advisory lock makes it safe when many processes start at once. A file changed, renamed or removed after it was
 * applied is an error; newer ones that only the database knows are not: during an upgrade old and new nodes run side by side.
 * A change to a table waits for its readers, and new readers wait behind it: so it gives up soon, and tries again.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isUnavailable, messageOf, NodeError } from './errors.js'
import { type Database, sqlStateOf, type Transaction } from './postgres.js'

/** Any constant; all processes of all versions must use the same. */
const LOCK = 7_239_411
const FILE_NAME = /^\d{4}_[a-z0-9_]+\.sql$/
const MIGRATION_TIMEOUT_MS = 600_000
const LOCK_TIMEOUT_MS = 100
const LOCK_TRIES = 100
const LOCK_RETRY_MS = 200
const LOCK_NOT_AVAILABLE = '55P03'

export const MIGRATIONS_FOLDER = path.resolve(import.meta.dirname, '../../migrations')

/**
 * Names of the migrations applied now.
 *
 * @throws NodeError `internal` when an applied file was changed or is gone, when two have one number, or when one fails;
 *   what was applied before it stays.
 */
export async function migrate(db: Database, folder: string = MIGRATIONS_FOLDER): Promise<readonly string[]> {
  const files = (await readdir(folder)).filter((name) => FILE_NAME.test(name)).sort()
  requireOwnNumbers(files)
  await requireAppliedFiles(db, files)
  const applied: string[] = []
  for (const name of files) {
    const sql = await readFile(path.join(folder, name), 'utf8')
    if (await applyPatiently(db, name, sql)) applied.push(name)
  }
  return applied
}

function requireOwnNumbers(files: readonly string[]): void {
  const twin = files.find((name, index) => files[index + 1]?.slice(0, 4) === name.slice(0, 4))
  if (twin)
    throw new NodeError(
      'internal',
      `Two migrations have the number ${twin.slice(0, 4)}. Give one the next free number.`,
    )
}

async function requireAppliedFiles(db: Database, files: readonly string[]): Promise<void> {
  const applied = await db.transaction(async (tx) => {
    await prepareTable(tx)
    return tx.query<{ name: string }>('select name from migration order by name')
  }, TIMEOUT)
  const newest = files.at(-1) ?? ''
  const lost = applied.find(({ name }) => name < newest && !files.includes(name))
  if (lost) {
    throw new NodeError(
      'internal',
      `Migration ${lost.name} was applied to this database, and its file is gone. Restore it.`,
    )
  }
}

const TIMEOUT = { timeoutMs: MIGRATION_TIMEOUT_MS }

async function prepareTable(tx: Transaction): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock(${LOCK})`)
  await tx.query(
    'create table if not exists migration (name text primary key, sha256 text not null, applied_at timestamptz not null default clock_timestamp())',
  )
}

async function applyPatiently(db: Database, name: string, sql: string): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    try {
      return await db.transaction((tx) => applyOnce(tx, name, sql), TIMEOUT)
    } catch (error) {
      if (error instanceof NodeError && (error.code === 'internal' || isUnavailable(error))) throw error
      if (sqlStateOf(error) !== LOCK_NOT_AVAILABLE || tries === LOCK_TRIES) {
        throw new NodeError('internal', `Migration ${name} failed: ${messageOf(error)}.`, { cause: error })
      }
      await delay(LOCK_RETRY_MS * (0.5 + Math.random()))
    }
  }
}

async function applyOnce(tx: Transaction, name: string, sql: string): Promise<boolean> {
  await prepareTable(tx)
  const sha256 = createHash('sha256').update(sql).digest('hex')
  const [known] = await tx.query<{ sha256: string }>('select sha256 from migration where name = $1', [name])
  if (known) {
    if (known.sha256 === sha256) return false
    throw new NodeError(
      'internal',
      `Migration ${name} was changed after it had been applied. Restore it, and put the change into a new file.`,
    )
  }
  // Not before the wait for the other processes, which is a lock too.
  await tx.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`)
  await tx.query(sql)
  await tx.query('insert into migration (name, sha256) values ($1, $2)', [name, sha256])
  return true
}
