import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadDemo } from '../../src/demo/load.js'
import { SAMPLE_MACHINE, SAMPLE_PART, SAMPLE_WITHDRAWN } from '../../src/demo/samples.js'
import { parseIdentifier } from '../../src/identifier/parse.js'
import { systemClock } from '../../src/platform/clock.js'
import { NodeError } from '../../src/platform/errors.js'
import type { Database } from '../../src/platform/postgres.js'
import { ensureAdminKey } from '../../src/registry/authenticate.js'
import { createEnterprise } from '../../src/registry/enterprises.js'
import { writeIdentifier } from '../../src/registry/identifiers.js'
import type { Registry } from '../../src/registry/registry.js'
import type { Administrator } from '../../src/security/principal.js'
import { type TestDatabase, testDatabase } from '../support/database.js'

const PRODUCTS = 6_600
const PARTS = 5_296
const KEYS = PRODUCTS + PARTS
/** Without the records of the prefixes themselves. */
const CATALOGUE = "identifier where not starts_with(key, '0.na/')"

let database: TestDatabase
let registry: Registry

beforeEach(async () => {
  database = await testDatabase()
  registry = registryOn(database.db)
  await ensureAdminKey(database.db)
})
afterEach(() => database.close())

test('the first start loads products, machines and parts under two enterprises and the prefix of the node', async () => {
  expect(await loadDemo(registry)).toEqual({ loaded: true, products: PRODUCTS, parts: PARTS })
  expect(await count(CATALOGUE)).toBe(KEYS)
  expect(await prefixes()).toEqual([
    { name: '88.118', enterprise: null, keys: 0 },
    { name: '88.118.1', enterprise: 'demo-trader', keys: 6_560 },
    { name: '88.118.8', enterprise: 'demo-machines', keys: 5_336 },
  ])
})

test('the sample part has a past, and a valve of its machine builder was called back', async () => {
  await loadDemo(registry)
  expect(await lives()).toEqual({
    [SAMPLE_MACHINE.toLowerCase()]: { version: 1, state: 1, reason: null },
    [SAMPLE_PART.toLowerCase()]: { version: 2, state: 1, reason: null },
    [SAMPLE_WITHDRAWN.toLowerCase()]: { version: 2, state: 2, reason: expect.stringContaining('called back') },
  })
})

test('a second start changes nothing', async () => {
  await loadDemo(registry)
  const before = await feedLength()
  expect(await loadDemo(registry)).toEqual({ loaded: false, products: 0, parts: 0 })
  expect(await feedLength()).toBe(before)
})

test('a registry that somebody uses already stays as it is', async () => {
  await createEnterprise(registry, await administrator(), { id: 'acme', name: 'Acme' })
  expect(await loadDemo(registry)).toMatchObject({ loaded: false })
  expect(await count(CATALOGUE)).toBe(0)
  expect(await count('enterprise')).toBe(1)
})

test.each([1, 3, 6, 12, 18, 21, 22, 23])(
  'a start that dies at write %i is completed by the next one, nothing twice',
  async (write) => {
    await expect(loadDemo(registryOn(dyingAfter(database.db, write)))).rejects.toThrow('died here')
    expect(await loadDemo(registry)).toMatchObject({ loaded: true })

    expect(await count(CATALOGUE)).toBe(KEYS)
    // Of each sample the versions it is meant to have; of all else, one.
    expect(await count('identifier_version')).toBe(2)
    expect(await prefixes()).toHaveLength(3)
    expect(await loadDemo(registry)).toMatchObject({ loaded: false })
  },
)

test('what somebody changed between two attempts is kept', async () => {
  await expect(loadDemo(registryOn(dyingAfter(database.db, 18)))).rejects.toThrow('died here')
  const identifier = parseIdentifier(SAMPLE_MACHINE)
  if (!identifier.ok) throw new Error(identifier.message)
  const values = [{ index: 2000, type: 'name', data: 'Ours', ttlSeconds: 60, permissions: 14, timestampSeconds: 1 }]
  const item = { identifier: identifier.value, intent: 'register', template: 'product', values } as const
  const { version } = await writeIdentifier(registry, await administrator(), item)

  expect(await loadDemo(registry)).toMatchObject({ loaded: true })
  expect((await lives())[SAMPLE_MACHINE.toLowerCase()]).toMatchObject({ version })
})

test('two processes that start at once load it together, once', async () => {
  const second = registryOn(database.db)
  const loaded = await Promise.all([loadDemo(registry), loadDemo(second)])
  expect(loaded.some((one) => one.loaded)).toBe(true)
  expect(await count(CATALOGUE)).toBe(KEYS)
  expect(await lives()).toMatchObject({
    [SAMPLE_PART.toLowerCase()]: { version: 2, state: 1 },
    [SAMPLE_WITHDRAWN.toLowerCase()]: { state: 2 },
  })
  expect(await loadDemo(registry)).toMatchObject({ loaded: false })
})

test('a batch that got no answer is sent again', async () => {
  let failures = 2
  const flaky = wrapped(database.db, (text) => {
    if (!/insert into identifier[\s\S]*smallint\[\]/.test(text) || failures === 0) return
    failures -= 1
    throw new NodeError('authority-unavailable', 'the database gave no answer')
  })
  expect(await loadDemo(registryOn(flaky))).toMatchObject({ loaded: true })
  expect(await count(CATALOGUE)).toBe(KEYS)
})

test('without an administrator key it says what is missing', async () => {
  await database.db.query('delete from api_key')
  await expect(loadDemo(registry)).rejects.toMatchObject({ code: 'internal' })
})

function registryOn(db: Database): Registry {
  return { db, clock: systemClock, committed: () => undefined }
}

/** Lets that many writing statements through, then fails for ever, as a process that was killed does. */
function dyingAfter(db: Database, writes: number): Database {
  let left = writes
  return wrapped(db, (text) => {
    if (!/insert into/.test(text)) return
    if (left === 0) throw new Error('died here')
    left -= 1
  })
}

function wrapped(db: Database, before: (text: string) => void): Database {
  return {
    ...db,
    query: async (text, parameters) => {
      before(text)
      return db.query(text, parameters)
    },
    transaction: (work, options) =>
      db.transaction(
        (tx) =>
          work({
            ...tx,
            query: async (text, parameters) => {
              before(text)
              return tx.query(text, parameters)
            },
          }),
        options,
      ),
  }
}

async function administrator(): Promise<Administrator> {
  const [key] = await database.db.query<{ id: string }>('select id from api_key limit 1')
  return { kind: 'administrator', apiKeyId: key!.id }
}

async function count(table: string): Promise<number> {
  const [row] = await database.db.query<{ count: number }>(`select count(*) from ${table}`)
  return row!.count
}

async function feedLength(): Promise<number> {
  return count('change')
}

async function prefixes() {
  return database.db.query(
    `select name, enterprise_id as enterprise, (select count(*) from identifier i where starts_with(i.key, p.name || '/')) as keys
     from prefix p order by name`,
  )
}

async function lives() {
  const rows = await database.db.query<{ key: string; version: number; state: number; reason: string | null }>(
    'select key, version, state, reason from identifier where key = any($1)',
    [[SAMPLE_PART, SAMPLE_MACHINE, SAMPLE_WITHDRAWN].map((identifier) => identifier.toLowerCase())],
  )
  return Object.fromEntries(rows.map(({ key, ...life }) => [key, life]))
}
