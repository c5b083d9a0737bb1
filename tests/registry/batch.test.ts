import { afterAll, beforeAll, expect, test } from 'vitest'
import { MAX_ITEMS, writeIdentifiers } from '../../src/registry/identifiers.js'
import {
  ABSENT,
  feedOf,
  PRESENT,
  type RegistryFixture,
  registration,
  registryFixture,
  version,
  withdrawal,
} from './fixture.js'

let fixture: RegistryFixture
beforeAll(async () => {
  fixture = await registryFixture()
})
afterAll(() => fixture.close())

const KINDS = 8

test('2,000 identifiers with every kind of outcome: one statement, one row in the feed, outcomes in order', async () => {
  const places = Array.from({ length: MAX_ITEMS }, (_, place) => place)
  const held = places.filter((place) => [1, 2, 3, 4].includes(place % KINDS))
  await write(held.map((place) => registration(nameOf(place), 'before')))
  const rowsBefore = await countFeedRows()
  const before = fixture.committed.length

  const outcomes = await write(places.map(itemAt))
  const codes = outcomes.map((outcome) => (outcome.ok ? outcome.receipt.outcome : outcome.error.code))
  expect(codes).toEqual(places.map((place) => EXPECTED[place % KINDS]))
  expect(outcomes[1]).toMatchObject({ receipt: { identifier: nameOf(1), version: 2 } })
  expect(outcomes[2]).toMatchObject({ receipt: { identifier: nameOf(2), version: 1 } })

  expect(await countFeedRows()).toBe(rowsBefore + 1)
  expect(fixture.committed).toHaveLength(before + 1)
  const written = fixture.committed.at(-1)!
  expect(written.keys).toHaveLength((MAX_ITEMS / KINDS) * 3)
  const receipts = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.receipt] : []))
  for (const receipt of receipts.filter(({ outcome }) => outcome !== 'unchanged')) {
    expect(Number(receipt.token)).toBe(written.xid)
  }
})

test('an identifier that comes up repeatedly is written repeatedly, in order, in one transaction', async () => {
  const before = await countFeedRows()
  const outcomes = await write([
    registration('88.118.8/twice', 'a', ABSENT),
    registration('88.118.8/once', 'a'),
    registration('88.118.8/TWICE', 'b', version(1)),
    registration('88.118.8/twice', 'c', ABSENT),
    withdrawal('88.118.8/twice', { precondition: version(2) }),
    registration('88.118.8/twice', 'b'),
    registration('88.118.8/twice', 'b'),
  ])
  expect(outcomes).toMatchObject([
    { receipt: { outcome: 'created', version: 1 } },
    { receipt: { outcome: 'created', version: 1 } },
    { receipt: { outcome: 'replaced', version: 2 } },
    { error: { code: 'precondition-failed' } },
    { receipt: { outcome: 'withdrawn', version: 3 } },
    { receipt: { outcome: 'created', version: 4 } },
    { receipt: { outcome: 'unchanged', version: 4 } },
  ])
  const tokens = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.receipt.token] : []))
  expect(new Set(tokens).size).toBe(1)
  expect(await countFeedRows()).toBe(before + 1)
  expect(await feedOf(fixture.db, 'i:88.118.8/twice')).toEqual([1, 2, 3, 4])
  expect(String(fixture.committed.at(-1)!.xid)).toBe(tokens[0])
})

test('the token of what one transaction wrote and found again is the same while older transactions are open', async () => {
  const outcomes = await fixture.db.transaction(async (older) => {
    await older.query('select pg_current_xact_id()')
    return write([
      registration('88.118.8/while-open', 'a'),
      registration('88.118.8/while-open', 'b'),
      registration('88.118.8/while-open', 'b'),
    ])
  })
  expect(outcomes).toMatchObject([{}, { receipt: { version: 2 } }, { receipt: { outcome: 'unchanged', version: 2 } }])
  const tokens = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.receipt.token] : []))
  expect(new Set(tokens)).toEqual(new Set([String(fixture.committed.at(-1)!.xid)]))
})

test('a batch in which nothing is written leaves the feed alone', async () => {
  const before = await countFeedRows()
  await write([withdrawal('88.118.8/nothing'), registration('88.118.9/foreign', 'a')])
  await write([withdrawal('88.118.8/nothing'), withdrawal('88.118.8/nothing')])
  expect(await countFeedRows()).toBe(before)
})

test('an item that cannot be stored fails alone', async () => {
  const outcomes = await write([withdrawal('88.118.8/odd', { reason: '\0' }), registration('88.118.8/even', 'a')])
  expect(outcomes).toMatchObject([{ error: { code: 'request-malformed' } }, { receipt: { version: 1 } }])
})

test('no items give no outcomes; more than 2,000 are too many', async () => {
  expect(await write([])).toEqual([])
  const items = Array.from({ length: MAX_ITEMS + 1 }, (_, at) => registration(`88.118.8/many-${at}`, 'a'))
  await expect(write(items)).rejects.toMatchObject({ code: 'too-large' })
})

test('a batch costs one index probe per identifier and table, whatever is in the tables', async () => {
  await fixture.db.query('analyze')
  const items = Array.from({ length: 500 }, (_, at) => registration(`88.118.8/cost-${at}`, 'a'))
  const before = await scans()
  await write(items)
  await write(items.map((item) => ({ ...item, template: 'product' })))
  const after = await scans()
  expect(after.sequential - before.sequential).toBe(0)
  expect(after.fetched - before.fetched).toBeLessThanOrEqual(4 * items.length)
})

const EXPECTED = [
  'created',
  'replaced',
  'unchanged',
  'precondition-failed',
  'withdrawn',
  'identifier-absent',
  'prefix-not-held',
  'precondition-failed',
]

function itemAt(place: number) {
  const name = nameOf(place)
  switch (place % KINDS) {
    case 1:
      return registration(name, 'after')
    case 2:
      return registration(name, 'before')
    case 3:
      return registration(name, 'after', ABSENT)
    case 4:
      return withdrawal(name)
    case 5:
      return withdrawal(name)
    case 7:
      return registration(name, 'after', PRESENT)
    default:
      return registration(name, 'after')
  }
}

function nameOf(place: number): string {
  return `${place % KINDS === 6 ? '88.118.9' : '88.118.8'}/item-${place}`
}

function write(items: Parameters<typeof writeIdentifiers>[2]) {
  return writeIdentifiers(fixture.registry, fixture.acme, items)
}

async function countFeedRows(): Promise<number> {
  const [row] = await fixture.db.query<{ count: number }>('select count(*) from change')
  return row!.count
}

/** What the server counts, after it has been made to flush its counters on every connection of the pool. */
async function scans(): Promise<{ sequential: number; fetched: number }> {
  await Promise.all(Array.from({ length: 10 }, () => fixture.db.query('select pg_stat_force_next_flush()')))
  const [row] = await fixture.db.query<{ sequential: number; fetched: number }>(
    `select sum(seq_tup_read)::bigint as sequential, sum(idx_tup_fetch)::bigint as fetched
     from pg_stat_user_tables where relname in ('identifier', 'identifier_version')`,
  )
  return row!
}
