/** What the database holds after the kills, against what was acknowledged. Read straight from its tables. */
import type { Database } from '../../src/platform/postgres.js'
import { BATCH_SIZE, type Batch } from './batches.js'
import { expectedDigest } from './catalogue.js'
import { type CheckResult, Tally } from './checks/check.js'
import { type ImportRun, importedKey } from './imports.js'
import { REWRITTEN_PREFIX } from './lab.js'

export interface Load {
  readonly batches: readonly Batch[]
  readonly imports: readonly ImportRun[]
}

export async function auditLoad(db: Database, { batches, imports }: Load): Promise<CheckResult[]> {
  return [
    checkAcknowledgements(batches),
    await checkBatches(db, batches),
    checkOffsets(imports),
    await checkImports(db, imports),
    await checkVersions(db),
    await checkFeed(db),
  ]
}

/** Every receipt of a batch says that version 1 was created. */
export function checkAcknowledgements(batches: readonly Batch[]): CheckResult {
  const tally = new Tally('receipts of batches')
  for (const { number, receipts } of batches) {
    for (const { status, version, outcome } of receipts ?? [])
      tally.check(status === 201 && version === 1, () => `batch ${number}: ${status}, ${outcome}, version ${version}`)
  }
  return tally.result()
}

/** An acknowledged batch is whole, with the content sent; any other is whole or not there, and was so at any time. */
async function checkBatches(db: Database, batches: readonly Batch[]): Promise<CheckResult> {
  const tally = new Tally('batches whole or not there')
  for (const batch of batches) {
    const rows = await db.query<{ key: string; version: number; digest: Buffer }>(
      'select key, version, digest from identifier where key = any($1::text[])',
      [batch.keys],
    )
    tally.check(isWhole(batch, rows.length), () => `batch ${batch.number} has ${rows.length} of ${BATCH_SIZE}`)
    for (const seen of batch.seen)
      tally.check(
        seen === 0 || seen === BATCH_SIZE,
        () => `batch ${batch.number} was seen with ${seen} of ${BATCH_SIZE}`,
      )
    const wrong = rows.filter(({ key, digest }) => digest.toString('hex') !== expectedDigest(key, batch.number))
    tally.check(wrong.length === 0, () => `batch ${batch.number}: ${wrong[0]?.key} has another content`)
  }
  return tally.result()
}

export function isWhole(batch: Pick<Batch, 'receipts'>, count: number): boolean {
  return count === BATCH_SIZE || (count === 0 && batch.receipts === undefined)
}

/** What was said to be done with is not wanted again. */
export function checkOffsets(imports: readonly ImportRun[]): CheckResult {
  const tally = new Tally('acknowledged offsets kept')
  for (const { number, offsets } of imports) {
    for (const [at, offset] of offsets.entries()) {
      const before = offsets[at - 1] ?? 0
      tally.check(offset >= before, () => `import ${number} went back from octet ${before} to ${offset}`)
    }
  }
  return tally.result()
}

const DIGEST_EVERY = 50

async function checkImports(db: Database, imports: readonly ImportRun[]): Promise<CheckResult> {
  const tally = new Tally('rows of imports once')
  for (const run of imports) {
    const { number, rows, isFinished, created, failed, acknowledgedRows } = run
    const keys = Array.from({ length: rows }, (_, at) => importedKey(number, at + 1))
    const found = await db.query<{ key: string; digest: Buffer }>(
      'select key, digest from identifier where key = any($1::text[])',
      [keys],
    )
    tally.check(failed === 0, () => `import ${number}: ${failed} rows failed`)
    tally.check(
      found.length >= acknowledgedRows,
      () => `import ${number}: ${found.length} of ${acknowledgedRows} acknowledged rows`,
    )
    tally.check(
      !isFinished || (found.length === rows && created === rows),
      () => `import ${number} is finished with ${found.length} of ${rows} rows, and says it created ${created}`,
    )
    for (const { key, digest } of found.filter((_, at) => at % DIGEST_EVERY === 0))
      tally.check(digest.toString('hex') === expectedDigest(key, number), () => `${key} has another content`)
  }
  return tally.result()
}

/** Nothing was loaded twice: version 1 everywhere, and no past. */
async function checkVersions(db: Database): Promise<CheckResult> {
  const tally = new Tally('version 1 everywhere')
  const [counted] = await db.query<{ all: number; later: number }>(
    `with loaded as (select version, state from identifier where prefix <> $1 and not starts_with(key, '0.na/'))
     select (select count(*) from loaded)::integer as all,
       (select count(*) from loaded where version <> 1 or state <> 1)::integer +
       (select count(*) from identifier_version v where not starts_with(key, $1 || '/') and not starts_with(key, '0.na/'))::integer
         as later`,
    [REWRITTEN_PREFIX],
  )
  const { all, later } = counted!
  for (let at = 0; at < all; at += 1) tally.check(at >= later, () => `${later} identifiers have later versions`)
  return tally.result()
}

/** The change feed names every version of every identifier exactly once, and none that there is not. */
async function checkFeed(db: Database): Promise<CheckResult> {
  const tally = new Tally('feed names each once')
  const rows = await db.query<{ times: number; isThere: boolean; versions: number; example: string }>(
    `with fed as (
       select substr(key, 3) as key, version, count(*) as times from change, unnest(keys, versions) as change_of (key, version)
       where starts_with(key, 'i:') group by 1, 2
     ),
     kept as (select key, version from identifier union all select key, version from identifier_version)
     select coalesce(fed.times, 0)::integer as times, kept.key is not null as "isThere", count(*)::integer as versions,
       min(coalesce(kept.key, fed.key)) as example
     from kept full join fed on fed.key = kept.key and fed.version = kept.version group by 1, 2`,
  )
  for (const { times, isThere, versions, example } of rows) {
    const said = () =>
      `${versions} versions, one of ${example}, ${isThere ? 'are' : 'are not'} there and come up ${times} times`
    for (let at = 0; at < versions; at += 1) tally.check(isThere && times === 1, said)
  }
  return tally.result()
}
