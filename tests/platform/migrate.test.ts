import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { MIGRATIONS_FOLDER, migrate } from '../../src/platform/migrate.js'
import { type Database, openDatabase } from '../../src/platform/postgres.js'
import { runTypeScript } from '../support/child.js'
import { testDatabase } from '../support/database.js'

const NODE = path.join(import.meta.dirname, 'children/migrate.ts')

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (let cleanUp = cleanUps.pop(); cleanUp; cleanUp = cleanUps.pop()) await cleanUp()
})

test('files are applied in order, each once, and new ones later', async () => {
  const { db, folder, write } = await setUp()
  write('0002_second.sql', 'insert into steps values (2);')
  write('0001_first.sql', 'create table steps (n int); insert into steps values (1);')
  write('notes.txt', 'not a migration')
  expect(await migrate(db, folder)).toEqual(['0001_first.sql', '0002_second.sql'])
  expect(await migrate(db, folder)).toEqual([])

  write('0003_third.sql', 'insert into steps values (3);')
  expect(await migrate(db, folder)).toEqual(['0003_third.sql'])
  expect(await stepsIn(db)).toEqual([1, 2, 3])
})

test("the project's own migrations apply to an empty database", async () => {
  const { db } = await setUp()
  expect((await migrate(db, MIGRATIONS_FOLDER)).length).toBeGreaterThan(2)
  expect(await migrate(db, MIGRATIONS_FOLDER)).toEqual([])
})

test('twenty at once, from pools of their own: every file is applied once', async () => {
  const { url, folder, write, db } = await setUp()
  write('0001_first.sql', 'create table steps (n int); insert into steps values (1);')
  write('0002_second.sql', 'insert into steps values (2);')
  const applied = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const own = opened(url)
      return migrate(own, folder)
    }),
  )
  expect(applied.flat().sort()).toEqual(['0001_first.sql', '0002_second.sql'])
  expect(await stepsIn(db)).toEqual([1, 2])
})

test('and from processes of their own', async () => {
  const { url, folder, write, db } = await setUp()
  write('0001_first.sql', 'create table steps (n int); insert into steps values (1);')
  const nodes = Array.from({ length: 4 }, () => runTypeScript(NODE, [url, folder]))
  const lines = await Promise.all(nodes.map((node) => node.line(/^applied/)))
  expect(await Promise.all(nodes.map((node) => node.ended))).toEqual([0, 0, 0, 0])
  expect(lines.filter((line) => line !== 'applied []')).toEqual(['applied ["0001_first.sql"]'])
  expect(await stepsIn(db)).toEqual([1])
})

test('a file changed after it was applied is refused, by name', async () => {
  const { db, folder, write } = await setUp()
  write('0001_first.sql', 'create table steps (n int);')
  await migrate(db, folder)
  write('0001_first.sql', 'create table steps (n bigint);')
  await expect(migrate(db, folder)).rejects.toMatchObject({
    code: 'internal',
    message: expect.stringMatching(/0001_first.sql was changed/),
  })
})

test('an applied file that was renamed or removed is refused; one that only a newer node has is not', async () => {
  const { db, folder, write } = await setUp()
  write('0001_first.sql', 'create table steps (n int);')
  write('0002_second.sql', 'insert into steps values (2);')
  await migrate(db, folder)

  rmSync(path.join(folder, '0002_second.sql'))
  expect(await migrate(db, folder)).toEqual([])
  renameSync(path.join(folder, '0001_first.sql'), path.join(folder, '0001_renamed.sql'))
  await expect(migrate(db, folder)).rejects.toThrow(/0001_first.sql was applied .* its file is gone/)
})

test('two files with one number are refused before anything is applied', async () => {
  const { db, folder, write } = await setUp()
  write('0001_first.sql', 'create table steps (n int);')
  write('0001_other.sql', 'select 1;')
  await expect(migrate(db, folder)).rejects.toThrow('Two migrations have the number 0001')
  expect(await db.query("select to_regclass('steps') as found")).toEqual([{ found: null }])
})

test('one that fails is told by name, leaves nothing of itself, and keeps those before it', async () => {
  const { db, folder, write } = await setUp()
  write('0001_first.sql', 'create table steps (n int);')
  write('0002_broken.sql', 'insert into steps values (2); select 1/0;')
  await expect(migrate(db, folder)).rejects.toThrow('Migration 0002_broken.sql failed: division by zero')
  expect(await stepsIn(db)).toEqual([])

  write('0002_broken.sql', 'insert into steps values (2);')
  expect(await migrate(db, folder)).toEqual(['0002_broken.sql'])
})

test('a change to a table waits for its readers without holding up new ones', async () => {
  const { db, url, folder, write } = await setUp()
  await db.query('create table busy (n int)')
  write('0001_change.sql', 'alter table busy add more int;')
  let changing: Promise<readonly string[]> = Promise.resolve([])

  await db.transaction(async (tx) => {
    await tx.query('select from busy')
    changing = migrate(db, folder)
    await untilWaiting(opened(url))
    const reader = opened(url)
    // Bounded by the statement's own 5 s; without a bound on the lock it would wait as long as this transaction.
    for (let count = 0; count < 20; count++) await reader.query('select from busy')
  })
  expect(await changing).toEqual(['0001_change.sql'])
})

async function setUp() {
  const { db, url, close } = await testDatabase({ migrated: false })
  cleanUps.push(close)
  const folder = mkdtempSync(path.join(os.tmpdir(), 'jiexi-migrations-'))
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
  return { db, url, folder, write: (name: string, sql: string) => writeFileSync(path.join(folder, name), sql) }
}

function opened(url: string): Database {
  const db = openDatabase({ url, maxConnections: 2, statementTimeoutMs: 5_000, connectTimeoutMs: 10_000 })
  cleanUps.push(() => db.close())
  return db
}

async function stepsIn(db: Database): Promise<readonly number[]> {
  return (await db.query<{ n: number }>('select n from steps order by n')).map(({ n }) => n)
}

/** Until some statement waits for the lock on `busy`. */
async function untilWaiting(db: Database): Promise<void> {
  const waiting = "select from pg_locks where relation = 'busy'::regclass and not granted"
  while ((await db.query(waiting)).length === 0);
}
