/**
 * Keeps what a node below reports: each document once, and of each node so many and so large ones at most. When there are
 * more, the oldest of the table that takes most of the room go: a flood of one table pushes out no other.
 */
import { NodeError } from '../../platform/errors.js'
import type { Database, Transaction } from '../../platform/postgres.js'
import { packed, sha256 } from '../duty/ledger.js'
import type { Report } from '../tables/report-shape.js'

/** Of one node. */
export interface Quota {
  readonly documents: number
  /** As they are kept, compressed. */
  readonly octets: number
}

export interface Receipt {
  readonly id: number
  readonly receivedAt: Date
  readonly isNew: boolean
  /** Older documents of the node that went for it. */
  readonly removed: number
}

/** @throws NodeError `version-conflict` (it is here with another content), `overloaded` */
export async function receiveReport(
  db: Database,
  report: Report,
  { quota, sentBy }: { readonly quota: Quota; readonly sentBy: string },
): Promise<Receipt> {
  const { node, table, period, revision, part, isLast } = report
  const text = JSON.stringify(report)
  const digest = sha256(text)
  const body = await packed(text)
  const name = [node, table, period.key, revision, part]
  return db.transaction(async (tx) => {
    // Before anything else, and in order: whoever forgets old documents (pruning.ts) waits for the same rows.
    await tx.query('select from received_from where node = $1 order by table_name for update', [node])
    const [stored] = await tx.query<Omit<Receipt, 'isNew' | 'removed'>>(
      `insert into received_report (node, table_name, period, revision, part, is_last, sent_by, sha256, body)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
       on conflict (node, table_name, period, revision, part) do nothing
       returning id, received_at as "receivedAt"`,
      [...name, isLast, sentBy, digest, body],
    )
    if (stored !== undefined)
      return { ...stored, isNew: true, removed: await makeRoom(tx, { node, quota, keptId: stored.id }) }
    const { sha256: knownDigest, ...known } = await findKnown(tx, name)
    if (knownDigest.equals(digest)) return { ...known, isNew: false, removed: 0 }
    throw new NodeError(
      'version-conflict',
      `Part ${part} of revision ${revision} of ${table} of ${period.key} was received already, with another content. Send it as the next revision.`,
    )
  })
}

async function findKnown(tx: Transaction, name: readonly unknown[]) {
  const [known] = await tx.query<{ id: number; receivedAt: Date; sha256: Buffer }>(
    `select id, received_at as "receivedAt", sha256 from received_report
     where node = $1 and table_name = $2 and period = $3 and revision = $4 and part = $5`,
    name,
  )
  if (known !== undefined) return known
  throw new NodeError('overloaded', 'It was here, and is being forgotten just now. Send it again.', {
    retryAfterSeconds: 1,
  })
}

interface Making {
  readonly node: string
  readonly quota: Quota
  /** The one that room is made for. */
  readonly keptId: number
}

interface Held {
  readonly table: string
  readonly documents: number
  readonly octets: number
}

/** Gives how many documents went. */
async function makeRoom(tx: Transaction, making: Making): Promise<number> {
  const { node, quota } = making
  for (let removed = 0; ; ) {
    const held = await tx.query<Held>(
      'select table_name as "table", documents, octets from received_from where node = $1',
      [node],
    )
    const excess = {
      documents: sumOf(held, 'documents') - quota.documents,
      octets: sumOf(held, 'octets') - quota.octets,
    }
    if (excess.documents <= 0 && excess.octets <= 0) return removed
    const scarce = excess.octets > 0 ? 'octets' : 'documents'
    const [largest] = [...held].sort((one, other) => other[scarce] - one[scarce])
    const count = await removeOldest(tx, making, { table: largest!.table, excess })
    // What is left is about to be forgotten by somebody else.
    if (count === 0) return removed
    removed += count
  }
}

function sumOf(held: readonly Held[], of: 'documents' | 'octets'): number {
  return held.reduce((sum, one) => sum + one[of], 0)
}

const AT_A_TIME = 100

async function removeOldest(
  tx: Transaction,
  { node, keptId }: Making,
  { table, excess }: { readonly table: string; readonly excess: Quota },
): Promise<number> {
  const oldest = await tx.query<{ id: number; octets: number }>(
    `select id, octet_length(body) as octets from received_report
     where node = $1 and table_name = $2 and id <> $3 order by id limit ${AT_A_TIME} for update skip locked`,
    [node, table, keptId],
  )
  const going: number[] = []
  let octets = 0
  for (const one of oldest) {
    if (going.length >= excess.documents && octets >= excess.octets) break
    going.push(one.id)
    octets += one.octets
  }
  await tx.query('delete from received_report where id = any($1::bigint[])', [going])
  return going.length
}
