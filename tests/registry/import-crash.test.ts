import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/platform/clock.js'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.js'
import { migrate } from '../../src/platform/migrate.js'
import { type Database, openDatabase } from '../../src/platform/postgres.js'
import { bulkImport } from '../../src/registry/bulk-import.js'
import { openImport, requireImport } from '../../src/registry/import-jobs.js'
import { readImportOptions } from '../../src/registry/import-options.js'
import { runTypeScript } from '../support/child.js'
import { HEADER, holder, type ImportSetUp, importSetUp, PLAIN, PREFIX, piecesOf, productRows } from './import-set-up.js'

const CHILD = path.join(import.meta.dirname, 'children/import.ts')
const ROWS = 20_000

const folder = mkdtempSync(path.join(os.tmpdir(), 'jiexi-import-'))
let s: ImportSetUp

beforeAll(async () => {
  s = await importSetUp()
})
afterAll(async () => {
  await s.close()
  rmSync(folder, { recursive: true, force: true })
})

test('kill -9 of the importing process, several times: every row once, at version 1, and one change for each', async () => {
  const file = path.join(folder, 'products.csv')
  writeFileSync(file, HEADER + productRows(ROWS))
  const job = await s.open()
  let kills = 0
  for (let ended = false; !ended; ) {
    const child = runTypeScript(CHILD, [s.url, job.id, file])
    // Each life is longer than the one before, and ends anywhere within a chunk.
    void child.line(/committed/).then(
      () => setTimeout(kills * 25).then(() => child.process.kill('SIGKILL')),
      () => undefined,
    )
    ended = (await child.ended) === 0
    if (ended) break
    kills += 1
    // All but the first need not wait until the dead one's lease has run out.
    if (kills > 1) await s.db.query('update import set lease_until = clock_timestamp()')
    expect(await countOf(s.db)).toEqual(rowsDone(await requireImport(s.db, s.maker, job.id)))
    expect(kills).toBeLessThan(40)
  }
  expect(kills).toBeGreaterThan(2)
  const done = await requireImport(s.db, s.maker, job.id)
  expect(done).toMatchObject({ state: 'finished', rowsDone: ROWS, counts: { created: ROWS, unchanged: 0, failed: 0 } })
  await expectEachRowOnce(s.db)
}, 120_000)

test('kill -9 of Postgres in the midst: the upload waits, goes on, and every row is there once', async () => {
  const postgres = await startEmbeddedPostgres({ dataFolder: path.join(folder, 'data') })
  const db = openDatabase({ url: postgres.url, statementTimeoutMs: 5_000, connectTimeoutMs: 10_000 })
  try {
    await migrate(db)
    const maker = await holder(db, { enterpriseId: 'maker', apiKeyId: 'makerkey0001', prefix: PREFIX })
    const { job } = await openImport(
      { db, clock: systemClock, committed: () => undefined },
      maker,
      readImportOptions(PLAIN),
    )
    let chunks = 0
    const committed = () => {
      chunks += 1
      const pid = postgres.pid()
      if ((chunks === 3 || chunks === 12) && pid !== undefined) process.kill(pid, 'SIGKILL')
    }
    const receive = bulkImport({ db, clock: systemClock, committed }, { parseJson: JSON.parse, chunkRows: 500 })
    const content = piecesOf(Buffer.from(HEADER + productRows(ROWS)))
    const done = await receive(maker, { importId: job.id, offsetBytes: 0, last: true, content })
    expect(done).toMatchObject({ state: 'finished', rowsDone: ROWS, counts: { created: ROWS, unchanged: 0 } })
    await expectEachRowOnce(db)
  } finally {
    await db.close()
    await postgres.stop()
  }
}, 120_000)

async function expectEachRowOnce(db: Database): Promise<void> {
  expect(await countOf(db)).toBe(ROWS)
  const [identifiers] = await db.query('select max(version) as newest, count(distinct key) as keys from identifier')
  expect(identifiers).toEqual({ newest: 1, keys: ROWS })
  const [feed] = await db.query(
    'select count(*) as keys, count(distinct key) as distinct from change, unnest(keys) as key',
  )
  expect(feed).toEqual({ keys: ROWS, distinct: ROWS })
}

async function countOf(db: Database): Promise<number> {
  const [row] = await db.query<{ count: number }>('select count(*) as count from identifier')
  return row!.count
}

function rowsDone({ rowsDone: done }: { readonly rowsDone: number }): number {
  return done
}
