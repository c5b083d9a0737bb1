/** Secrets that all processes of a node share; whichever process needs one first generates it. */
import { createHash, randomBytes } from 'node:crypto'
import type { Database } from '../platform/postgres.js'

const SECRET_BYTES = 32

/** 32 bytes: from `configured` text when there is one, else random and kept in the database. */
export async function nodeSecret(db: Database, name: string, configured?: string): Promise<Buffer> {
  if (configured !== undefined) return createHash('sha256').update(`${name}\n${configured}`).digest()
  return keptSecret(db, name, () => randomBytes(SECRET_BYTES))
}

/** The one that is kept in the database; whoever finds none makes it. */
export async function keptSecret(db: Database, name: string, make: () => Buffer | Promise<Buffer>): Promise<Buffer> {
  const known = await findSecret(db, name)
  if (known) return known
  await db.query('insert into node_secret (name, secret) values ($1, $2) on conflict (name) do nothing', [
    name,
    await make(),
  ])
  // A second look, not our own bytes: another process may have been first.
  const kept = await findSecret(db, name)
  if (!kept) throw new Error(`node secret ${name} was deleted while it was being made`)
  return kept
}

async function findSecret(db: Database, name: string): Promise<Buffer | undefined> {
  const [row] = await db.query<{ secret: Buffer }>('select secret from node_secret where name = $1', [name])
  return row?.secret
}
