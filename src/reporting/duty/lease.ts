/**
 * One process reports for the whole node, whoever holds the lease. A lease in a row, not a lock of a session, so that it
 * also holds behind a connection pooler. Whoever lost it without noticing cannot complete anything (`requireLease`).
 */
import { NodeError } from '../../platform/errors.js'
import type { Queryable } from '../../platform/postgres.js'

export const LEASE_SECONDS = 30

export interface Held {
  /** From when on reports are owed; noted by whoever held the lease first. */
  readonly beganMs: number
}

/** Takes the lease, or renews it; undefined: another process has it. */
export async function takeLease(
  db: Queryable,
  { holder, nowMs }: { readonly holder: string; readonly nowMs: number },
): Promise<Held | undefined> {
  const [row] = await db.query<{ beganAt: Date }>(
    `update report_duty set holder = $1, began_at = coalesce(began_at, $2),
       lease_until = clock_timestamp() + make_interval(secs => ${LEASE_SECONDS})
     where holder is null or holder = $1 or lease_until < clock_timestamp()
     returning began_at as "beganAt"`,
    [holder, new Date(nowMs)],
  )
  return row && { beganMs: row.beganAt.getTime() }
}

export async function releaseLease(db: Queryable, holder: string): Promise<void> {
  await db.query('update report_duty set holder = null, lease_until = null where holder = $1', [holder])
}

/** For the transaction that completes something. @throws NodeError `internal` */
export async function requireLease(tx: Queryable, holder: string): Promise<void> {
  const rows = await tx.query(
    'select from report_duty where holder = $1 and lease_until > clock_timestamp() for share',
    [holder],
  )
  if (rows.length === 0) throw new NodeError('internal', 'Another process has taken over reporting.')
}
