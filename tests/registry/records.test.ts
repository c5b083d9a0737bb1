import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/platform/clock.js'
import { NodeError } from '../../src/platform/errors.js'
import type { ColumnReader, KeyedReads } from '../../src/platform/keyed-reads.js'
import type { Database } from '../../src/platform/postgres.js'
import { writeIdentifiers } from '../../src/registry/identifiers.js'
import {
  MAX_KEYS_PER_QUERY,
  MAX_QUERIES_IN_FLIGHT,
  MAX_WAITING_KEYS,
  registryLookup,
} from '../../src/registry/records.js'
import { manualClock } from '../support/manual-clock.js'
import { identifierOf, type RegistryFixture, registration, registryFixture, withdrawal } from './fixture.js'

const PREFIX = '88.118.8'

let fixture: RegistryFixture
beforeAll(async () => {
  fixture = await registryFixture()
  const items = Array.from({ length: 1000 }, (_, at) => registration(`88.118.8/Item-${at}`, `data ${at}`))
  const gone = [registration('88.118.8/Gone', 'a'), withdrawal('88.118.8/gone', { reason: 'recalled' })]
  await writeIdentifiers(fixture.registry, fixture.acme, [...items, ...gone])
  await fixture.db.query('analyze identifier')
})
afterAll(() => fixture.close())

test('an identifier is found, withdrawn or absent', async () => {
  const lookup = registryLookup(fixture.db, () => 77, systemClock)
  expect(await lookup(identifierOf('88.118.8/item-5'), PREFIX)).toMatchObject({
    kind: 'found',
    key: '88.118.8/item-5',
    prefix: PREFIX,
    version: 1,
    tier: 'registry',
    stamp: 77,
    record: { key: '88.118.8/item-5', spelling: '88.118.8/Item-5', version: 1, values: [{ data: 'data 5' }] },
  })
  expect(await lookup(identifierOf('88.118.8/gone'), PREFIX)).toMatchObject({
    kind: 'withdrawn',
    version: 2,
    spelling: '88.118.8/Gone',
    reason: 'recalled',
    stamp: 77,
  })
  expect(await lookup(identifierOf('88.118.8/none'), PREFIX)).toEqual({
    kind: 'absent',
    key: '88.118.8/none',
    prefix: PREFIX,
    version: 0,
    tier: 'registry',
    stamp: 77,
  })
})

test('look-ups of one tick share one query, which reads one row for each', async () => {
  const { db, counts, close } = counting(fixture.db)
  const lookup = registryLookup(db, () => 1, manualClock())
  const names = Array.from({ length: 200 }, (_, at) => `88.118.8/item-${at}`)
  const before = await fetchedRows()
  const answers = await Promise.all([...names, ...names].map((name) => lookup(identifierOf(name), PREFIX)))

  expect(answers.map((answer) => answer.key)).toEqual([...names, ...names])
  expect(counts).toEqual({ queries: 1, rows: 200, keys: 200, inFlight: 0, mostInFlight: 1 })
  // A backend tells the statistics what it read when it ends.
  await close()
  await expect.poll(fetchedRows).toBe(before + 200)
})

test('a query takes 256 keys at most, and four are under way at most', async () => {
  const { db, counts } = counting(fixture.db)
  const lookup = registryLookup(db, () => 1, manualClock())
  const names = Array.from({ length: MAX_KEYS_PER_QUERY * 7 }, (_, at) => `88.118.8/item-${at}`)
  const answers = await Promise.all(names.map((name) => lookup(identifierOf(name), PREFIX)))
  expect(answers.filter(({ kind }) => kind === 'found')).toHaveLength(1000)
  expect(counts).toMatchObject({ queries: 7, keys: names.length, mostInFlight: MAX_QUERIES_IN_FLIGHT })
})

test('the stamp is the mark known just before the query is sent, and not one known later', async () => {
  let mark = 1
  const { db, release } = held(fixture.db)
  const lookup = registryLookup(db, () => mark, systemClock)
  const answer = lookup(identifierOf('88.118.8/item-1'), PREFIX)
  mark = 2
  await new Promise((resolve) => setImmediate(resolve))
  mark = 3
  release()
  expect(await answer).toMatchObject({ stamp: 2 })
})

test('more look-ups than can wait are refused at once; those that waited too long are not sent any more', async () => {
  const clock = manualClock()
  const { db, release } = held(fixture.db)
  const lookup = registryLookup(db, () => 1, clock)
  const sent = Array.from({ length: MAX_KEYS_PER_QUERY * MAX_QUERIES_IN_FLIGHT }, (_, at) =>
    lookup(identifierOf(`88.118.8/sent-${at}`), PREFIX),
  )
  await new Promise((resolve) => setImmediate(resolve))
  const waiting = Array.from({ length: MAX_WAITING_KEYS }, (_, at) =>
    lookup(identifierOf(`88.118.8/waiting-${at}`), PREFIX),
  )
  const results = Promise.allSettled(waiting)
  await expect(lookup(identifierOf('88.118.8/too-many'), PREFIX)).rejects.toMatchObject({ code: 'overloaded' })

  clock.advanceMs(501)
  release()
  expect(await Promise.all(sent)).toHaveLength(sent.length)
  for (const result of await results)
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'overloaded' } })
  expect(await lookup(identifierOf('88.118.8/item-1'), PREFIX)).toMatchObject({ kind: 'found' })
})

test('a failure reaches everybody who shared the query, and the next query is sent again', async () => {
  let down = true
  const db = reading(fixture.db, (read) =>
    down ? Promise.reject(new NodeError('authority-unavailable', 'down')) : read(),
  )
  const lookup = registryLookup(db, () => 1, systemClock)
  const results = await Promise.allSettled([1, 2, 3].map((at) => lookup(identifierOf(`88.118.8/item-${at}`), PREFIX)))
  for (const result of results) expect(result).toMatchObject({ reason: { code: 'authority-unavailable' } })
  down = false
  expect(await lookup(identifierOf('88.118.8/item-1'), PREFIX)).toMatchObject({ kind: 'found' })
})

test('a record that cannot be read fails alone', async () => {
  await fixture.db.query(`update identifier set version = 2, body = '\\xff' where key = '88.118.8/item-999'`)
  const lookup = registryLookup(fixture.db, () => 1, systemClock)
  const [broken, whole] = await Promise.allSettled([
    lookup(identifierOf('88.118.8/item-999'), PREFIX),
    lookup(identifierOf('88.118.8/item-998'), PREFIX),
  ])
  expect([broken?.status, whole?.status]).toEqual(['rejected', 'fulfilled'])
})

test('look-ups of one identifier by different routes get each the answer of its own', async () => {
  const lookup = registryLookup(fixture.db, () => 1, systemClock)
  const item = identifierOf('88.118.8/item-7')
  const answers = await Promise.all([lookup(item, PREFIX), lookup(item, '88.118'), lookup(item, PREFIX)])
  expect(answers.map(({ prefix }) => prefix)).toEqual([PREFIX, '88.118', PREFIX])
  expect(answers.map((answer) => answer.kind === 'found' && answer.record.prefix)).toEqual([PREFIX, '88.118', PREFIX])
})

type Read = () => Promise<readonly ColumnReader[]>

interface Reading extends Pick<Database, 'keyedReads'> {
  close(): Promise<void>
}

/** The database with something around each of its reads. */
function reading(
  db: Database,
  around: (read: Read, keys: readonly string[]) => Promise<readonly ColumnReader[]>,
): Reading {
  const opened: KeyedReads[] = []
  return {
    keyedReads(text, connections) {
      const reads = db.keyedReads(text, connections)
      opened.push(reads)
      return { read: (keys) => around(() => reads.read(keys), keys), close: reads.close }
    },
    close: async () => {
      for (const reads of opened) await reads.close()
    },
  }
}

function counting(db: Database) {
  const counts = { queries: 0, rows: 0, keys: 0, inFlight: 0, mostInFlight: 0 }
  const counted = reading(db, async (read, keys) => {
    counts.queries += 1
    counts.inFlight += 1
    counts.mostInFlight = Math.max(counts.mostInFlight, counts.inFlight)
    counts.keys += keys.length
    const rows = await read()
    counts.inFlight -= 1
    counts.rows += rows.length
    return rows
  })
  return { db: counted, counts, close: counted.close }
}

/** A database whose queries are sent, but come back only after the release. */
function held(db: Database) {
  let release!: () => void
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const waiting = reading(db, async (read) => {
    const rows = await read()
    await gate
    return rows
  })
  return { db: waiting, release }
}

async function fetchedRows(): Promise<number> {
  await Promise.all(Array.from({ length: 10 }, () => fixture.db.query('select pg_stat_force_next_flush()')))
  const [row] = await fixture.db.query<{ rows: number }>(
    `select seq_tup_read + idx_tup_fetch as rows from pg_stat_user_tables where relname = 'identifier'`,
  )
  return row!.rows
}
