/**
 * Receipts by idempotency key: a retry of a request gets what the first try got, and is not carried out again.
 * The row is written in the request's own transaction, so there is a receipt exactly when there is a write.
 */
import { NodeError } from '../platform/errors.js'
import type { Database, Transaction } from '../platform/postgres.js'
import { malformedField, textFault } from './checks.js'
import type { ItemOutcome, Receipt } from './registration.js'

export interface Idempotency {
  /** The client's word for this request, unique among those of its API key. */
  readonly key: string
  readonly requestSha256: Buffer
}

const MAX_KEY_LENGTH = 255

/** @throws NodeError `request-malformed` */
export function requireIdempotencyKey({ key }: Idempotency): void {
  const fault = key === '' ? 'It is empty.' : textFault(key, MAX_KEY_LENGTH)
  if (fault !== undefined) throw malformedField('Idempotency-Key', fault)
}

const CLAIM = `
  insert into idempotency (api_key_id, idempotency_key, request_sha256) values ($1, $2, $3)
  on conflict do nothing returning idempotency_key`

/** undefined: the key is new, and now this transaction's. A try under way elsewhere is waited for. @throws NodeError `idempotency-key-reused` */
export async function claimOutcomes(
  tx: Transaction,
  apiKeyId: string,
  { key, requestSha256 }: Idempotency,
): Promise<readonly ItemOutcome[] | undefined> {
  const claimed = await tx.query(CLAIM, [apiKeyId, key, requestSha256])
  if (claimed.length > 0) return undefined
  const [stored] = await tx.query<{ requestSha256: Buffer; receipt: readonly StoredOutcome[] | null }>(
    `select request_sha256 as "requestSha256", receipt from idempotency where api_key_id = $1 and idempotency_key = $2`,
    [apiKeyId, key],
  )
  if (!stored?.requestSha256.equals(requestSha256)) {
    throw new NodeError(
      'idempotency-key-reused',
      `The idempotency key "${key}" belongs to another request. Use a new key for each request that differs.`,
    )
  }
  return (stored.receipt ?? []).map(readOutcome)
}

export async function storeOutcomes(
  tx: Transaction,
  apiKeyId: string,
  { key, outcomes }: { readonly key: string; readonly outcomes: readonly ItemOutcome[] },
): Promise<void> {
  await tx.query('update idempotency set receipt = $3 where api_key_id = $1 and idempotency_key = $2', [
    apiKeyId,
    key,
    JSON.stringify(outcomes.map(storedOutcome)),
  ])
}

type StoredOutcome = { readonly receipt: Receipt } | { readonly error: Pick<NodeError, 'code' | 'message' | 'faults'> }

function storedOutcome(outcome: ItemOutcome): StoredOutcome {
  if (outcome.ok) return { receipt: outcome.receipt }
  const { code, message, faults } = outcome.error
  return { error: { code, message, faults } }
}

function readOutcome(stored: StoredOutcome): ItemOutcome {
  if ('receipt' in stored) return { ok: true, receipt: stored.receipt }
  const { code, message, faults } = stored.error
  return { ok: false, error: new NodeError(code, message, { faults }) }
}

const PRUNE = `
  with old as (
    select api_key_id, idempotency_key from idempotency
    where recorded_at < clock_timestamp() - make_interval(secs => $1) limit $2 for update skip locked
  )
  delete from idempotency using old
  where idempotency.api_key_id = old.api_key_id and idempotency.idempotency_key = old.idempotency_key
  returning 1 as one`

const PRUNE_ROWS = 2_000

/** Forgets receipts older than that, some at a time; how many. */
export async function pruneReceipts(db: Database, keepHours: number): Promise<number> {
  for (let pruned = 0; ; ) {
    const { length } = await db.query(PRUNE, [keepHours * 3600, PRUNE_ROWS])
    pruned += length
    if (length < PRUNE_ROWS) return pruned
  }
}
