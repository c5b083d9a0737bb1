/**
 * Forgets what a node told of a former history, once it has told everything of its present one. In portions, each a short
 * transaction under the lock of the node's row, so that what it tells meanwhile waits for one portion at most.
 */
import type { Database, Transaction } from '../../platform/postgres.js'
import { lockDelegate } from './delegate-store.js'

/** Rows looked at for a portion. */
const PORTION_ROWS = 5_000

const LEFT = `
  select enterprise_id as "enterpriseId", generation from delegate
  where walk is null and swept_generation < generation order by enterprise_id`

// In the order of the primary key: what is left to look at never has to be searched for.
const SWEEP = `
  with portion as materialized (
    select key, generation from delegate_identifier where enterprise_id = $1 and key > $2 order by key limit $4
  ),
  gone as (
    delete from delegate_identifier d using portion
    where portion.generation < $3 and d.enterprise_id = $1 and d.key = portion.key returning 1 as one
  )
  select (select max(key) from portion) as last, (select count(*) from portion) as looked, (select count(*) from gone) as gone`

interface Sweep {
  readonly enterpriseId: string
  /** Everything of an earlier one goes. */
  readonly generation: number
}

interface Portion {
  readonly last: string
  readonly looked: number
  readonly gone: number
}

/** How many rows went. What was begun and not finished is begun again by the next call. */
export async function sweepDelegates(
  db: Database,
  stopping?: AbortSignal,
  portionRows = PORTION_ROWS,
): Promise<number> {
  let gone = 0
  for (const { enterpriseId, generation } of await db.query<Sweep>(LEFT)) {
    let after: string | undefined = ''
    while (after !== undefined && !stopping?.aborted) {
      const from: string = after
      const portion = await db.transaction((tx) => sweepPortion(tx, { enterpriseId, generation, from, portionRows }))
      gone += portion?.gone ?? 0
      after = portion?.next
    }
  }
  return gone
}

/** undefined: the node has begun with another history. */
async function sweepPortion(
  tx: Transaction,
  { enterpriseId, generation, from, portionRows }: Sweep & { readonly from: string; readonly portionRows: number },
): Promise<{ readonly gone: number; readonly next: string | undefined } | undefined> {
  const delegate = await lockDelegate(tx, enterpriseId)
  if (delegate.generation !== generation) return undefined
  const [row] = await tx.query<Portion>(SWEEP, [enterpriseId, from, generation, portionRows])
  const { last, looked, gone } = row!
  if (looked === portionRows) return { gone, next: last }
  await finish(tx, { enterpriseId, generation })
  return { gone, next: undefined }
}

async function finish(tx: Transaction, { enterpriseId, generation }: Sweep): Promise<void> {
  await tx.query('delete from delegate_prefix where enterprise_id = $1 and generation < $2', [enterpriseId, generation])
  await tx.query('update delegate set swept_generation = $2 where enterprise_id = $1', [enterpriseId, generation])
}
