/**
 * Takes in the content of an import while it arrives. The life of an upload:
 *
 *   takeLease       nobody else uploads to this job, and the content begins where the job stands
 *   contentReader   bytes to records to rows, cut into chunks; nothing is spooled
 *   chunkCommitter  each chunk is one transaction that moves the job's cursor too. While it runs the next is read, and
 *                   the one after that; then reading waits, which makes the sender wait
 *   finishImport    at the end of the file
 *
 * Whatever breaks off in between (sender, node or database) leaves the job at the end of a committed chunk, from where
 * an upload can go on. The rows of a broken upload that came in whole are committed before its lease is given back.
 */
import { randomUUID } from 'node:crypto'
import { type ErrorCode, NodeError } from '../platform/errors.js'
import type { Principal } from '../security/principal.js'
import { type Chunk, chunkCommitter } from './import-chunk.js'
import { type ContentReader, contentReader } from './import-content.js'
import { MAX_STORED_ERRORS } from './import-errors.js'
import type { ImportJob } from './import-jobs.js'
import type { ParseJson } from './import-json-rows.js'
import {
  finishImport,
  haltImport,
  LEASE_SECONDS,
  type Lease,
  releaseLease,
  renewLease,
  takeLease,
} from './import-lease.js'
import type { Registry } from './registry.js'

export interface Upload {
  readonly importId: string
  /** Of the first octet of `content` in the file. */
  readonly offsetBytes: number
  /** Whether the file ends where `content` does. */
  readonly last: boolean
  /** Fails when the sender goes away. */
  readonly content: AsyncIterable<Buffer>
}

export interface BulkImportOptions {
  readonly parseJson: ParseJson
  /** Uploads at a time, each with a connection of its own to the database. Default 3. */
  readonly maxUploads?: number
  /** Default 4,000. */
  readonly chunkRows?: number
}

/** Takes in one upload; the job as it is afterwards. */
export type ReceiveContent = (principal: Principal, upload: Upload) => Promise<ImportJob>

/**
 * @throws NodeError (from what it gives) `import-conflict` when the content is not wanted now or not from there,
 * `record-invalid` when the job is halted by its content, `not-authenticated` and `not-permitted` also in the midst of it
 */
export function bulkImport(registry: Registry, options: BulkImportOptions): ReceiveContent {
  const maxUploads = options.maxUploads ?? 3
  let uploads = 0
  return async (principal, upload) => {
    if (uploads >= maxUploads) {
      const message = `This node takes in ${maxUploads} imports at a time. Try again when one of them is done.`
      throw new NodeError('overloaded', message, { retryAfterSeconds: 5 })
    }
    uploads += 1
    try {
      return await receive({ registry, principal, upload, options })
    } finally {
      uploads -= 1
    }
  }
}

interface Reception {
  readonly registry: Registry
  readonly principal: Principal
  readonly upload: Upload
  readonly options: BulkImportOptions
}

async function receive(reception: Reception): Promise<ImportJob> {
  const { registry, principal, upload } = reception
  const { db } = registry
  const lease = { importId: upload.importId, token: randomUUID() }
  const job = await takeLease(db, principal, { ...lease, offsetBytes: upload.offsetBytes })
  const keeper = leaseKeeper(() => renewLease(db, lease))
  try {
    const left = await takeIn(reception, { job, lease, arrived: keeper.arrived })
    if (left.state === 'running') await releaseLease(db, lease)
    return left.state === 'running' ? { ...left, state: 'interrupted' } : left
  } catch (error) {
    // Should this fail too, the lease runs out by itself.
    await giveUp(registry, lease, error).catch(() => undefined)
    throw error
  } finally {
    keeper.stop()
  }
}

async function giveUp(registry: Registry, lease: Lease, error: unknown): Promise<void> {
  const halts = error instanceof NodeError && HALTING.includes(error.code)
  if (halts) await haltImport(registry.db, lease, { code: error.code, reason: error.message })
  else await releaseLease(registry.db, lease)
}

/** What no further upload of the same content by the same key can change. */
const HALTING: readonly ErrorCode[] = ['record-invalid', 'template-unknown', 'not-authenticated', 'not-permitted']

interface Task {
  readonly job: ImportJob
  readonly lease: Lease
  arrived(): void
}

async function takeIn({ registry, principal, upload, options }: Reception, task: Task): Promise<ImportJob> {
  const { job, lease } = task
  const nowSeconds = () => Math.floor(registry.clock.nowMs() / 1000)
  const reader = contentReader(job, { ...options, nowSeconds })
  const commitChunk = chunkCommitter({ registry, principal, lease })
  let committed = Promise.resolve(job)
  let allButLast = committed
  /** One chunk may wait behind the one under way, so that the database need not wait for the next to be read. */
  const commit = async (chunk: Chunk) => {
    await allButLast
    allButLast = committed
    committed = committed.then((done) => {
      refuseTooManyErrors(done)
      return commitChunk(chunk)
    })
    // Its failure is met where it is awaited.
    committed.catch(() => undefined)
  }
  const commitRest = async () => {
    const rest = reader.takeRest()
    if (rest !== undefined) await commit(rest)
    const done = await committed
    refuseTooManyErrors(done)
    return done
  }

  const outcome = await readAll(reader, { upload, task, commit })
  if (outcome.kind === 'broken') {
    await commitRest()
    throw outcome.error
  }
  const { bytes } = job.options.source
  if (!upload.last || (bytes !== undefined && outcome.offset < bytes)) return commitRest()
  let end: ReturnType<ContentReader['end']>
  try {
    end = reader.end()
  } catch (error) {
    await commitRest()
    throw error
  }
  await commitRest()
  return finishImport(registry.db, lease, end)
}

type ReadOutcome =
  | { readonly kind: 'ended'; readonly offset: number }
  /** The sender has gone away. */
  | { readonly kind: 'broken'; readonly error: unknown }

async function readAll(
  reader: ContentReader,
  {
    upload,
    task,
    commit,
  }: { readonly upload: Upload; readonly task: Task; readonly commit: (chunk: Chunk) => Promise<void> },
): Promise<ReadOutcome> {
  const { bytes } = task.job.options.source
  const pieces = upload.content[Symbol.asyncIterator]()
  let offset = upload.offsetBytes
  for (;;) {
    let next: IteratorResult<Buffer>
    try {
      next = await pieces.next()
    } catch (error) {
      return { kind: 'broken', error }
    }
    if (next.done === true) return { kind: 'ended', offset }
    task.arrived()
    offset += next.value.length
    if (bytes !== undefined && offset > bytes) {
      throw new NodeError(
        'request-malformed',
        `The content goes on past the ${bytes} octets announced for this import. If the file has changed, open a new import for it.`,
      )
    }
    await reader.read(next.value, commit)
  }
}

function refuseTooManyErrors(job: ImportJob): void {
  if (job.errorsStored < MAX_STORED_ERRORS) return
  throw new NodeError(
    'record-invalid',
    `The import was stopped at row ${job.rowsDone}, because its rows have ${MAX_STORED_ERRORS} faults. Look at the first of them, mend the file, and import it again.`,
  )
}

/** Renews while content arrives; a sender that is silent loses its claim to others, though not its place. */
function leaseKeeper(renew: () => Promise<void>): { arrived(): void; stop(): void } {
  let alive = true
  const timer = setInterval(() => {
    if (!alive) return
    alive = false
    // A chunk under way holds the row locked, and renews the lease itself.
    renew().catch(() => undefined)
  }, LEASE_SECONDS * 300)
  timer.unref()
  return {
    arrived: () => {
      alive = true
    },
    stop: () => clearInterval(timer),
  }
}
