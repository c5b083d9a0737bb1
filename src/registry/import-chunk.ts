/**
 * One chunk of an import as one transaction: its rows, one change row, the row errors, and the job's cursor. Either all
 * of it is there afterwards or nothing, so that a crash at any moment neither loses nor doubles a row.
 */
import { setTimeout } from 'node:timers/promises'
import { isUnavailable, NodeError } from '../platform/errors.js'
import { sqlStateOf, type Transaction } from '../platform/postgres.js'
import type { CommittedChange } from '../resolution/change-knowledge.js'
import type { Principal } from '../security/principal.js'
import { appendChanges } from './append-change.js'
import { type FailedRow, storeErrors } from './import-errors.js'
import type { ImportJob } from './import-jobs.js'
import { type Lease, leaseLost, lockForChunk, moveCursor } from './import-lease.js'
import { countsOf, type Outcome } from './import-outcomes.js'
import type { ImportRow } from './import-rows.js'
import { tryRows } from './import-trial.js'
import { type WriteManner, writeRows } from './import-write.js'
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

/** Commits one chunk after another. */
export type CommitChunk = (chunk: Chunk) => Promise<ImportJob>

const CHUNK_TIMEOUT_MS = 30_000
const UNIQUE_VIOLATION = '23505'
const LOST_RACES = [UNIQUE_VIOLATION, '40001', '40P01']
const MAX_RACES = 6
/** How long a database that has gone away is waited for before the upload is given up; it can be resumed any time. */
const OUTAGE_PAUSES_MS = [100, 200, 400, 800, 1_600, 3_200, 5_000]

interface Upload {
  readonly registry: Registry
  readonly principal: Principal
  readonly lease: Lease
}

/** @throws NodeError (from what it gives) as `commitChunk` */
export function chunkCommitter(upload: Upload): CommitChunk {
  let manner: WriteManner = 'look'
  let wasWrong = false
  return async (chunk) => {
    const written = await commitChunk(upload, chunk, manner)
    // One guess that was wrong is enough: of a file with old identifiers among the new, most would be.
    wasWrong ||= written.guessedWrong
    manner = written.allNew && !wasWrong ? 'expect-new' : 'look'
    return written.job
  }
}

interface Committed {
  readonly job: ImportJob
  readonly allNew: boolean
  readonly guessedWrong: boolean
}

/**
 * Tries until it is known what became of the chunk. Other writers may be at the same keys, and the database may be
 * restarted: the job's cursor tells whether a try whose answer was lost had been committed.
 * @throws NodeError `import-conflict` (lease lost), `not-authenticated`, `not-permitted`, `authority-unavailable`, `storage-full`
 */
async function commitChunk(upload: Upload, chunk: Chunk, firstManner: WriteManner): Promise<Committed> {
  const { registry, principal, lease } = upload
  let manner = firstManner
  let guessedWrong = false
  let races = 0
  let outages = 0
  for (;;) {
    const startedMs = registry.clock.monotonicMs()
    try {
      const written = await registry.db.transaction((tx) => writeChunk(tx, principal, { lease, chunk, manner }), {
        timeoutMs: CHUNK_TIMEOUT_MS,
      })
      if (written.change !== undefined) registry.committed(written.change)
      if (written.created > 0) registry.registered?.(written.created, registry.clock.monotonicMs() - startedMs)
      return { ...written, guessedWrong }
    } catch (error) {
      const state = sqlStateOf(error) ?? ''
      if (state === UNIQUE_VIOLATION && manner === 'expect-new') {
        guessedWrong = true
        manner = 'look'
      } else if (LOST_RACES.includes(state) && races < MAX_RACES) {
        races += 1
        // COPY cannot step around a key that a rival has just registered; the other statement can.
        if (state === UNIQUE_VIOLATION && races > 1) manner = 'no-copy'
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
  /** For good: a dry run creates nothing. */
  readonly created: number
  readonly allNew: boolean
}

interface ChunkTask {
  readonly lease: Lease
  readonly chunk: Chunk
  readonly manner: WriteManner
}

async function writeChunk(tx: Transaction, principal: Principal, task: ChunkTask): Promise<Written> {
  const { chunk, lease, manner } = task
  const { job: before, at } = await lockForChunk(tx, lease)
  // An earlier try was committed, and only its answer was lost.
  if (before.offsetBytes === chunk.endOffset) return { job: before, change: undefined, created: 0, allNew: false }
  if (before.offsetBytes !== chunk.startOffset) throw leaseLost(lease)
  await requireStanding(tx, principal)

  const { rows } = chunk
  const carryOut = before.options.dryRun ? tryRows : writeRows
  const results = await carryOut(tx, principal, { job: before, rows, at, manner })
  const change = await appendChanges(tx, results.changes)
  const errorsStored = await storeErrors(tx, before, failedRows(rows, results.outcomes))
  const counts = countsOf(results.outcomes)
  const job = await moveCursor(tx, lease, { ...chunk, counts, errorsStored })
  return { job, change, created: before.options.dryRun ? 0 : counts.created, allNew: results.allNew }
}

function failedRows(rows: readonly ImportRow[], outcomes: readonly Outcome[]): readonly FailedRow[] {
  const failed: FailedRow[] = []
  for (const [place, outcome] of outcomes.entries())
    if (outcome.kind === 'failed') failed.push({ row: rows[place]!, faults: outcome.faults })
  return failed
}

function contended(cause: unknown): NodeError {
  return new NodeError('overloaded', 'Too many writers are at the identifiers of this import. Go on with it shortly.', {
    cause,
    retryAfterSeconds: 2,
  })
}
