/** The audit of bulk loads must be able to fail: on a real database, with rows put there by hand. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { BATCH_SIZE, type Batch } from './batches.js'
import { expectedDigest } from './catalogue.js'
import { type ImportRun, importedKey } from './imports.js'
import { REWRITTEN_PREFIX } from './lab.js'
import { auditLoad } from './load-audit.js'

let database: TestDatabase

beforeEach(async () => {
  database = await testDatabase()
})

afterEach(() => database.close())

test('what was acknowledged and is there breaks nothing; an unacknowledged batch may be whole or not there', async () => {
  await store(batch(1).keys, 1)
  await store(batch(2).keys, 2)
  expect(await brokenBy([batch(1), unacknowledged(batch(2)), unacknowledged(batch(3))])).toEqual([])
})

test('an acknowledged batch that is not there is a loss', async () => {
  expect(await brokenBy([batch(1)])).toEqual(['batches whole or not there'])
})

test('a batch of which a part is there is half-applied, acknowledged or not', async () => {
  await store(batch(1).keys.slice(1), 1)
  expect(await brokenBy([unacknowledged(batch(1))])).toEqual(['batches whole or not there'])
})

test('a part seen in between is a violation, even when all is there at the end', async () => {
  await store(batch(1).keys, 1)
  expect(await brokenBy([{ ...batch(1), seen: new Set([17]) }])).toEqual(['batches whole or not there'])
})

test("another batch's content is a violation", async () => {
  await store(batch(1).keys, 9)
  expect(await brokenBy([batch(1)])).toEqual(['batches whole or not there'])
})

test('a receipt of anything but the first version is a violation', async () => {
  await store(batch(1).keys, 1)
  const [first, ...others] = batch(1).receipts!
  const receipts = [{ ...first!, status: 200, version: 2, outcome: 'replaced' }, ...others]
  expect(await brokenBy([{ ...batch(1), receipts }])).toEqual(['receipts of batches'])
})

test('an identifier with two versions, or twice in the feed, was written twice', async () => {
  await store(batch(1).keys, 1)
  await database.db.query('update identifier set version = 2 where key = $1', [batch(1).keys[0]])
  await database.db.query('insert into change (keys, versions) values ($1, $2)', [[`i:${batch(1).keys[1]}`], [1]])
  expect(await brokenBy([batch(1)])).toEqual(['version 1 everywhere', 'feed names each once'])
})

test('what is written over and over has a version for each change in the feed, no more and no fewer', async () => {
  const key = `${REWRITTEN_PREFIX}/x`
  await store([key], 1)
  await database.db.query('update identifier set version = 2 where key = $1', [key])
  expect(await brokenBy([])).toEqual(['feed names each once'])
  await database.db.query('insert into change (keys, versions) values ($1, $2)', [[`i:${key}`], [2]])
  expect(await brokenBy([])).toEqual([])
  await database.db.query('insert into change (keys, versions) values ($1, $2)', [[`i:${key}`], [3]])
  expect(await brokenBy([])).toEqual(['feed names each once'])
})

test('an identifier that the feed does not name is a violation', async () => {
  await store(batch(1).keys, 1)
  await database.db.query("delete from change where keys <> '{}'")
  expect(await brokenBy([batch(1)])).toEqual(['feed names each once'])
})

test.each<[string, Partial<ImportRun>, string[]]>([
  ['as acknowledged', {}, []],
  ['an acknowledged row missing', { acknowledgedRows: 4 }, ['rows of imports once']],
  ['finished without all rows', { rows: 4 }, ['rows of imports once']],
  ['a row counted as failed', { failed: 1 }, ['rows of imports once']],
  ['an offset that went back', { offsets: [0, 200, 100] }, ['acknowledged offsets kept']],
])('an import: %s', async (_, difference, broken) => {
  await store(
    [1, 2, 3].map((row) => importedKey(1, row)),
    1,
  )
  const run: ImportRun = {
    ...{
      number: 1,
      rows: 3,
      uploads: 1,
      offsets: [0, 100],
      acknowledgedRows: 3,
      created: 3,
      failed: 0,
      isFinished: true,
    },
    ...difference,
  }
  const results = await auditLoad(database.db, { batches: [], imports: [run] })
  expect(results.filter(({ violations }) => violations > 0).map(({ name }) => name)).toEqual(broken)
})

async function brokenBy(batches: readonly Batch[]): Promise<string[]> {
  const results = await auditLoad(database.db, { batches, imports: [] })
  return results.filter(({ violations }) => violations > 0).map(({ name }) => name)
}

function batch(number: number): Batch {
  const keys = Array.from({ length: BATCH_SIZE }, (_, at) => `88.300.1/batch-${number}-${at}`)
  const receipts = keys.map(() => ({ status: 201, version: 1, outcome: 'created' }))
  return { number, keys, tries: 1, seen: new Set(), receipts }
}

function unacknowledged(one: Batch): Batch {
  return { ...one, receipts: undefined }
}

/** As the registry would, in one transaction with its feed row. */
async function store(keys: readonly string[], number: number): Promise<void> {
  const digests = keys.map((key) => Buffer.from(expectedDigest(key, number), 'hex'))
  await database.db.transaction(async (tx) => {
    await tx.query(
      `insert into identifier (key, version, state, prefix, template, body, digest, registered_at, recorded_at, recorded_by)
       select key, 1, 1, split_part(key, '/', 1), 'part', '', digest, now(), now(), 'lab' from unnest($1::text[], $2::bytea[]) as row (key, digest)`,
      [keys, digests],
    )
    await tx.query('insert into change (keys, versions) values ($1, $2)', [
      keys.map((key) => `i:${key}`),
      keys.map(() => 1),
    ])
  })
}
