import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/platform/postgres.js'
import { revokeApiKey } from '../../src/registry/api-keys.js'
import { changeEnterprise, createEnterprise } from '../../src/registry/enterprises.js'
import { type Receipt, type Registration, writeIdentifier } from '../../src/registry/identifiers.js'
import {
  joinWrites,
  MAX_ITEMS_PER_STATEMENT,
  MAX_STATEMENTS_IN_FLIGHT,
  MAX_WAITING_WRITES,
} from '../../src/registry/join-writes.js'
import { allotPrefix, changePrefix } from '../../src/registry/prefixes.js'
import type { Registry } from '../../src/registry/registry.js'
import {
  ABSENT,
  enterpriseUser,
  feedOf,
  type RegistryFixture,
  registration,
  registryFixture,
  version,
  withdrawal,
} from './fixture.js'

let fixture: RegistryFixture
let joined: Registry
beforeAll(async () => {
  fixture = await registryFixture()
  joined = joinWrites(fixture.registry)
})
afterAll(() => fixture.close())
beforeEach(() => {
  fixture.committed.length = 0
})

test('writes of one turn are one transaction, and each gets its own receipt', async () => {
  const names = Array.from({ length: 50 }, (_, at) => `88.118.8/turn-${at}`)
  const receipts = await Promise.all(names.map((name) => write(registration(name, name))))
  expect(receipts.map(({ identifier }) => identifier)).toEqual(names)
  expect(new Set(receipts.map(({ token }) => token)).size).toBe(1)
  expect(fixture.committed).toMatchObject([{ xid: Number(receipts[0]!.token) }])
  expect(fixture.committed[0]!.keys.toSorted()).toEqual(names.map((name) => `i:${name}`).toSorted())
})

test('each succeeds or is refused alone', async () => {
  await write(registration('88.118.8/there', 'a'))
  const results = await Promise.allSettled([
    write(registration('88.118.8/new', 'a', ABSENT)),
    write(registration('88.118.8/there', 'b', ABSENT)),
    write(registration('88.118.9/foreign', 'a')),
    write(withdrawal('88.118.8/absent')),
    write(withdrawal('88.118.8/odd', { reason: '\0' })),
    write(registration('88.118.8/another', 'a')),
  ])
  expect(results.map((result) => (result.status === 'fulfilled' ? result.value.outcome : result.reason.code))).toEqual([
    'created',
    'precondition-failed',
    'prefix-not-held',
    'identifier-absent',
    'request-malformed',
    'created',
  ])
})

test('writes of the same identifier follow each other', async () => {
  const results = await Promise.allSettled([
    write(registration('88.118.8/same', 'a', ABSENT)),
    write(registration('88.118.8/same', 'b', ABSENT)),
    write(registration('88.118.8/same', 'c', version(1))),
  ])
  expect(results.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(1)
  expect(await feedOf(fixture.db, 'i:88.118.8/same')).toEqual(results[2]?.status === 'fulfilled' ? [1, 2] : [1])
})

describe('writes of different API keys', () => {
  test('share a statement, each in the name of its own key', async () => {
    const [ours, theirs, administrators] = await Promise.all([
      write(registration('88.118.8/ours', 'a')),
      writeIdentifier(joined, fixture.globex, registration('88.118.9/theirs', 'a')),
      writeIdentifier(joined, fixture.admin, registration('88.118.9/administrators', 'a')),
    ])
    expect(new Set([ours, theirs, administrators].map(({ token }) => token)).size).toBe(1)
    expect(fixture.committed).toHaveLength(1)
    const authors = await fixture.db.query<{ key: string; author: string }>(
      `select key, recorded_by as author from identifier where key = any ($1) order by key`,
      [[ours!.key, theirs!.key, administrators!.key]],
    )
    expect(authors.map(({ author }) => author)).toEqual([
      fixture.acme.apiKeyId,
      fixture.admin.apiKeyId,
      fixture.globex.apiKeyId,
    ])
  })

  test('may in company what they may alone, and no more', async () => {
    const { registry, admin, acme, globex } = fixture
    await createEnterprise(registry, admin, { id: 'short', name: 'Short-lived' })
    await allotPrefix(registry, admin, { prefix: '88.7', enterpriseId: 'short' })
    await allotPrefix(registry, admin, { prefix: '88.118.81', enterpriseId: 'acme' })
    await allotPrefix(registry, admin, { prefix: '88.118.82', enterpriseId: 'acme' })
    await changePrefix(registry, admin, { prefix: '88.118.82', state: 'suspended' })
    const limited = await enterpriseUser(registry, acme, { enterpriseId: 'acme', prefixes: ['88.118.81'] })
    const revoked = await enterpriseUser(registry, acme, { enterpriseId: 'acme' })
    const expired = await enterpriseUser(registry, acme, { enterpriseId: 'acme' })
    const suspended = await enterpriseUser(registry, admin, { enterpriseId: 'short' })
    await revokeApiKey(registry, admin, revoked.apiKeyId)
    await fixture.db.query(`update api_key set expires_at = clock_timestamp() where id = $1`, [expired.apiKeyId])
    await changeEnterprise(registry, admin, { id: 'short', state: 'suspended' })
    const unknown = { ...globex, apiKeyId: 'unknown' }

    const principals = { admin, acme, globex, limited, revoked, expired, suspended, unknown }
    const prefixes = ['88.118.8', '88.118.9', '88.118.81', '88.118.82', '88.7', '88.118.77']
    const cases = Object.entries(principals).flatMap(([who, principal]) =>
      prefixes.map((prefix) => ({ principal, name: `${prefix}/by-${who}` })),
    )
    const outcomes = async (on: Registry, suffix: string) => {
      const writes = cases.map(({ principal, name }) =>
        writeIdentifier(on, principal, registration(`${name}-${suffix}`, 'a')),
      )
      return (await Promise.allSettled(writes)).map((result, at) => [
        cases[at]!.name,
        result.status === 'fulfilled' ? result.value.outcome : result.reason.code,
      ])
    }
    const alone = await outcomes(registry, 'alone')
    expect(await outcomes(joined, 'together')).toEqual(alone)
    const written = await fixture.db.query(`select from identifier where key like '%-together'`)
    expect(written).toHaveLength(alone.filter(([, outcome]) => outcome === 'created').length)
    expect(new Set(alone.map(([, outcome]) => outcome)).size).toBeGreaterThan(5)
  })

  test('a scope that the key has not is missed in company too', async () => {
    const readOnly = { ...fixture.acme, scopes: ['read'] as const }
    const [refused, good] = await Promise.allSettled([
      writeIdentifier(joined, readOnly, registration('88.118.8/x', 'a')),
      writeIdentifier(joined, fixture.globex, registration('88.118.9/scope', 'a')),
    ])
    expect(refused).toMatchObject({ reason: { code: 'not-permitted' } })
    expect(good).toMatchObject({ value: { outcome: 'created' } })
  })

  test('one that the database cannot take is no harm to the others', async () => {
    const bad = registration('88.118.8/bad', 'a')
    const unstorable = { ...bad, identifier: { ...bad.identifier, key: '88.118.8/worse\0' } }
    const [refused, ...good] = await Promise.allSettled([
      write(unstorable),
      write(registration('88.118.8/beside', 'a')),
      writeIdentifier(joined, fixture.globex, registration('88.118.9/beside', 'a')),
    ])
    expect(refused?.status).toBe('rejected')
    expect(good.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
  })

  test('one that waits for a lock does not make the others wait, then or later', async () => {
    await write(registration('88.118.8/held', 'a'))
    const registry = joinWrites(fixture.registry)
    const held = () => writeIdentifier(registry, fixture.acme, registration('88.118.8/held', 'b'))
    const free = (name: string) => writeIdentifier(registry, fixture.globex, registration(`88.118.9/${name}`, 'b'))
    let settled = false
    let waiting: Promise<unknown> = Promise.resolve()
    await fixture.db.transaction(async (tx) => {
      await tx.query(`select from identifier where key = '88.118.8/held' for update`)
      waiting = held().finally(() => {
        settled = true
      })
      const startedAtMs = performance.now()
      expect(await free('first')).toMatchObject({ outcome: 'created' })
      // Not even a shared statement's moment: by now the key that waits shares none.
      const more = held().catch(() => undefined)
      waiting = Promise.all([waiting, more])
      const seen = fixture.committed.length
      expect(await free('second')).toMatchObject({ outcome: 'created' })
      expect(fixture.committed.length).toBe(seen + 1)
      // By then the statement that waits would have been given up itself.
      expect(performance.now() - startedAtMs).toBeLessThan(8_000)
      expect(settled).toBe(false)
    })
    await waiting
    expect(await feedOf(fixture.db, 'i:88.118.8/held')).toEqual([1, 2])
  })

  test('one key that floods does not keep another waiting behind all it has', async () => {
    const flood = Array.from({ length: 1_000 }, (_, at) => write(registration(`88.118.8/rush-${at}`, 'a')))
    const receipt = await writeIdentifier(joined, fixture.globex, registration('88.118.9/calm', 'a'))
    const before = fixture.committed.findIndex(({ xid }) => String(xid) === receipt.token)
    expect(before).toBeLessThan(MAX_STATEMENTS_IN_FLIGHT * 2)
    await Promise.all(flood)
  })
})

test('a write that the database cannot take fails alone', async () => {
  const good = Array.from({ length: 5 }, (_, at) => registration(`88.118.8/good-${at}`, 'a'))
  const bad = registration('88.118.8/bad', 'a')
  const unstorable = { ...bad, identifier: { ...bad.identifier, key: '88.118.8/bad\0' } }
  const results = await Promise.allSettled([...good, unstorable].map(write))
  expect(results.map(({ status }) => status)).toEqual([...good.map(() => 'fulfilled'), 'rejected'])
})

test('a write that waits too long for a lock does not take its company down', async () => {
  await write(registration('88.118.8/locked', 'a'))
  const impatient = openDatabase({ url: fixture.url, statementTimeoutMs: 1_000, connectTimeoutMs: 10_000 })
  const registry = joinWrites({ ...fixture.registry, db: impatient })
  const results = await fixture.db.transaction(async (tx) => {
    await tx.query(`select from identifier where key = '88.118.8/locked' for update`)
    return Promise.allSettled([
      writeIdentifier(registry, fixture.acme, registration('88.118.8/locked', 'b')),
      writeIdentifier(registry, fixture.acme, registration('88.118.8/free', 'b')),
    ])
  })
  expect(results).toMatchObject([
    { status: 'rejected', reason: { code: 'authority-unavailable' } },
    { status: 'fulfilled', value: { outcome: 'created' } },
  ])
  await impatient.close()
})

test('more writes than can wait are refused at once', async () => {
  const items = Array.from({ length: MAX_WAITING_WRITES + 5 }, (_, at) => registration(`88.118.8/flood-${at}`, 'a'))
  const results = await Promise.allSettled(items.map(write))
  const refused = results.filter((result) => result.status === 'rejected')
  expect(refused).toHaveLength(5)
  for (const result of refused) expect(result).toMatchObject({ reason: { code: 'overloaded' } })
  expect(fixture.committed.length).toBeGreaterThanOrEqual(MAX_WAITING_WRITES / MAX_ITEMS_PER_STATEMENT)
  expect(fixture.committed.length).toBeLessThanOrEqual(
    MAX_WAITING_WRITES / MAX_ITEMS_PER_STATEMENT + MAX_STATEMENTS_IN_FLIGHT,
  )
})

function write(item: Registration): Promise<Receipt> {
  return writeIdentifier(joined, fixture.acme, item)
}
