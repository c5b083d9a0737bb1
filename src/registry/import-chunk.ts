/**
 * One chunk of an import as one transaction: its rows, one change row, the row errors, and the job's cursor. Either all
 * of it is there afterwards or nothing, so that a crash at any moment neither loses nor doubles a row.
 */
import { setTimeout } from 'node:timers/promises'
import { isUnavailable, NodeError } from '../platform/errors.js'
import { sqlStateOf, type Transaction } from '../platform/postgres.js'
import type { CommittedChange } from '../resolution/change-knowledge.js'
import type { Principal } from '../security/principal.js'
import { appendChange } from './append-change.js'
import { storeErrors } from './import-errors.js'
import type { ImportJob } from './import-jobs.js'
import { type Lease, leaseLost, lockForChunk, moveCursor } from './import-lease.js'
import { countsOf } from './import-outcomes.js'
import type { ImportRow } from './import-rows.js'
import { tryRows } from './import-trial.js'
import { writeRows } from './import-write.js'
import type { Registry } from './registry.js'
import { requireStanding } from './standing.js'

export interface Chunk {
  readonly rows: readonly ImportRow[]
  readonly startOffset: number
  readonly endOffset: number
  readonly endLine: number
  /** Column names, in the chunk that has read them. */
  readonly header?: readonly string[]
}

export interface ChunkTask {
  readonly lease: Lease
  readonly chunk: Chunk
}

const CHUNK_TIMEOUT_MS = 30_000
const UNIQUE_VIOLATION = '23505'
const LOST_RACES = [UNIQUE_VIOLATION, '40001', '40P01']
const MAX_RACES = 6
/** How long a database that has gone away is waited for before the upload is given up; it can be resumed any time. */
const OUTAGE_PAUSES_MS = [100, 200, 400, 800, 1_600, 3_200, 5_000]

/**
 * Tries until it is known what became of the chunk. Other writers may be at the same keys, and the database may be
 * restarted: the job's cursor tells whether a try whose answer was lost had been committed.
 * @throws NodeError `import-conflict` (lease lost), `not-authenticated`, `not-permitted`, `authority-unavailable`, `storage-full`
 */
export async function commitChunk(registry: Registry, principal: Principal, task: ChunkTask): Promise<ImportJob> {
  let races = 0
  let outages = 0
  let withoutCopy = false
  for (;;) {
    try {
      const written = await registry.db.transaction((tx) => writeChunk(tx, principal, { ...task, withoutCopy }), {
        timeoutMs: CHUNK_TIMEOUT_MS,
      })
      if (written.change !== undefined) registry.committed(written.change)
      return written.job
    } catch (error) {
      const state = sqlStateOf(error) ?? ''
      if (LOST_RACES.includes(state) && races < MAX_RACES) {
        races += 1
        // COPY cannot step around a key that a rival has just registered; the other statement can.
        withoutCopy ||= state === UNIQUE_VIOLATION && races > 1
      } else if (isUnavailable(error) && outages < OUTAGE_PAUSES_MS.length) {
        await setTimeout(OUTAGE_PAUSES_MS[outages])
        outages += 1
      } else throw LOST_RACES.includes(state) ? contended(error) : error
    }
  }
}

interface Written {
  readonly job: ImportJob
  readonly change: CommittedChange | undefined
}

async function writeChunk(
  tx: Transaction,
  principal: Principal,
  task: ChunkTask & { readonly withoutCopy: boolean },
): Promise<Written> {
  const { chunk, lease, withoutCopy } = task
  const { job: before, at } = await lockForChunk(tx, lease)
  // An earlier try was committed, and only its answer was lost.
  if (before.offsetBytes === chunk.endOffset) return { job: before, change: undefined }
  if (before.offsetBytes !== chunk.startOffset) throw leaseLost(lease)
  await requireStanding(tx, principal)

  const { rows } = chunk
  const carryOut = before.options.dryRun ? tryRows : writeRows
  const results = await carryOut(tx, principal, { job: before, rows, at, withoutCopy })
  const change = await appendChange(tx, results.changes)
  const failed = results.outcomes.flatMap((outcome, place) =>
    outcome.kind === 'failed' ? [{ row: rows[place]!, faults: outcome.faults }] : [],
  )
  const errorsStored = await storeErrors(tx, before, failed)
  const counts = countsOf(results.outcomes)
  return { job: await moveCursor(tx, lease, { ...chunk, counts, errorsStored }), change }
}

function contended(cause: unknown): NodeError {
  return new NodeError('overloaded', 'Too many writers are at the identifiers of this import. Go on with it shortly.', {
    cause,
    retryAfterSeconds: 2,
  })
}
