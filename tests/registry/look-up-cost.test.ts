/** What a look-up costs the database, counted by the database: the same whatever the size of the table. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { registryLookup } from '../../src/registry/records.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { manualClock } from '../support/manual-clock.js'
import { identifierOf } from './fixture.js'

const PREFIX = '88.118.8'
const WANTED = 100

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

interface Cost {
  readonly scans: number
  readonly probes: number
  readonly rows: number
}

test('one index probe and one row for each identifier, in a table of hundreds and of tens of thousands, analysed or not', async () => {
  const { db } = database
  for (const size of [200, 2_000, 50_000]) {
    await db.query(
      `insert into identifier (key, version, state, prefix, template, body, registered_at, recorded_at, recorded_by)
       select '${PREFIX}/part-' || n, 1, 1, '${PREFIX}', '', '', now(), now(), 'test' from generate_series(0, $1::int - 1) n
       on conflict do nothing`,
      [size],
    )
    const expected = { scans: 0, probes: WANTED, rows: WANTED }
    expect(await costOfLookingUp(size)).toEqual(expected)
    await db.query('analyze identifier')
    expect(await costOfLookingUp(size)).toEqual(expected)
  }
})

test('an identifier that is not there costs a probe and no row', async () => {
  expect(await costOfLookingUp(0)).toEqual({ scans: 0, probes: WANTED, rows: 0 })
})

/** `size`: of the table; keys are drawn from all of it, or, of none, beside it. */
async function costOfLookingUp(size: number): Promise<Cost> {
  const before = await counted()
  const reads: { close(): Promise<void> }[] = []
  const keyedReads: typeof database.db.keyedReads = (text, connections) => {
    const opened = database.db.keyedReads(text, connections)
    reads.push(opened)
    return opened
  }
  const lookup = registryLookup({ keyedReads }, () => 1, manualClock())
  const step = size / WANTED
  const names = Array.from({ length: WANTED }, (_, at) => (size > 0 ? `part-${at * step}` : `none-${at}`))
  const answers = await Promise.all(names.map((name) => lookup(identifierOf(`${PREFIX}/${name}`), PREFIX)))
  expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set([size > 0 ? 'found' : 'absent']))

  // A backend tells the statistics what it did when it ends.
  for (const opened of reads) await opened.close()
  await expect
    .poll(async () => (await counted()).probes + (await counted()).scans)
    .toBeGreaterThan(before.probes + before.scans)
  const after = await counted()
  return {
    scans: after.scans - before.scans,
    probes: after.probes - before.probes,
    rows: after.rows - before.rows,
  }
}

/** So far, of the table; what this test's own connections did besides is told first. */
async function counted(): Promise<Cost> {
  await Promise.all(Array.from({ length: 10 }, () => database.db.query('select pg_stat_force_next_flush()')))
  const [cost] = await database.db.query<Cost>(
    `select seq_scan as scans, idx_scan as probes, seq_tup_read + idx_tup_fetch as rows
     from pg_stat_user_tables where relname = 'identifier'`,
  )
  return cost!
}
