import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Database } from '../../src/platform/postgres.js'
import { listChanges, pruneChanges } from '../../src/registry/changes.js'
import { testDatabase } from '../support/database.js'
import { feedSettled } from './fixture.js'

let db: Database
let close: () => Promise<void>
beforeEach(async () => {
  ;({ db, close } = await testDatabase())
})
afterEach(() => close())

test('rows older than asked for go, the horizon moves with them, younger ones stay', async () => {
  await appendRows(5, 3)
  await appendRows(4, 1)
  // The first migration's empty row is as young as the database.
  await db.query(`update change set at = at - interval '3 hours' where cardinality(keys) = 0`)
  await feedSettled(db)
  expect(await pruneChanges(db, 2)).toBe(6)
  expect(await rows()).toHaveLength(4)
  expect(await horizon()).toBe((await rows())[0])
  expect(await pruneChanges(db, 2)).toBe(0)
})

test('the newest row stays however old it is, so that a quiet node has a mark', async () => {
  await appendRows(3, 100)
  const newest = (await rows()).at(-1)
  await db.query(`update change set at = at - interval '100 hours'`)
  await feedSettled(db)
  await pruneChanges(db, 1)
  expect(await rows()).toEqual([newest])
  expect(await horizon()).toBe(newest)
})

test('of the rows below a transaction under way the newest stays, for only there is a mark to be had', async () => {
  await appendRows(3, 100)
  await db.query(`update change set at = at - interval '100 hours'`)
  await feedSettled(db)
  const settled = (await rows()).at(-1)
  await db.transaction(async (tx) => {
    await tx.query('select pg_current_xact_id()')
    await appendRows(3, 100)
    await pruneChanges(db, 1)
  })
  expect((await rows())[0]).toBe(settled)
  expect(await rows()).toHaveLength(4)
})

test('a registered consumer is never passed', async () => {
  await appendRows(6, 10)
  await feedSettled(db)
  const all = await rows()
  await db.query(`update change set at = at - interval '100 hours'`)
  await db.query('insert into change_consumer (name, xid, ordinal) values ($1, $2, 1)', ['upward sync', all[3]])
  await pruneChanges(db, 1)
  expect(await rows()).toEqual(all.slice(3))
  await listChanges(db, { after: { xid: all[3]!, ordinal: 1 }, limit: 10 })

  await db.query('delete from change_consumer')
  await pruneChanges(db, 1)
  expect(await rows()).toEqual(all.slice(-1))
})

test('a row that is still young keeps all rows after it, whatever their age', async () => {
  await appendRows(2, 10)
  await appendRows(1, 0)
  await appendRows(2, 10)
  await feedSettled(db)
  const all = await rows()
  await db.query(`update change set at = at - interval '100 hours' where xid = $1`, [all[0]])
  await pruneChanges(db, 1)
  expect(await rows()).toEqual(all.slice(3))
})

test('many rows go in chunks', async () => {
  // Several rows share an id here, for there are not so many ids yet in a young cluster.
  await db.query(
    `insert into change (xid, keys, versions, at)
     select n / 20, '{}', '{}', clock_timestamp() - interval '9 hours' from generate_series(1, 12000) n`,
  )
  await feedSettled(db)
  expect(await pruneChanges(db, 1)).toBe(12_000)
  expect(await horizon()).toBe((await rows())[0])
})

/** Rows written so many hours ago, each by a transaction of its own. */
async function appendRows(count: number, hoursAgo: number): Promise<void> {
  for (let at = 0; at < count; at += 1) {
    await db.query(
      `insert into change (keys, versions, at) values ('{i:x}', '{1}', clock_timestamp() - make_interval(hours => $1))`,
      [hoursAgo],
    )
  }
}

async function rows(): Promise<readonly number[]> {
  return (await db.query<{ xid: number }>('select xid from change order by xid')).map(({ xid }) => xid)
}

async function horizon(): Promise<number> {
  return (await db.query<{ xid: number }>('select xid from change_horizon'))[0]!.xid
}
