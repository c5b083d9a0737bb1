import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openDatabase } from '../../src/platform/postgres.js'
import { type Receipt, type Registration, writeIdentifier } from '../../src/registry/identifiers.js'
import {
  joinWrites,
  MAX_ITEMS_PER_STATEMENT,
  MAX_STATEMENTS_IN_FLIGHT,
  MAX_WAITING_WRITES,
} from '../../src/registry/join-writes.js'
import type { Registry } from '../../src/registry/registry.js'
import { ABSENT, feedOf, type RegistryFixture, registration, registryFixture, version, withdrawal } from './fixture.js'

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

test('different API keys share no statement, and what a key may not do it may not do in company', async () => {
  const [ours, theirs, foreign] = await Promise.allSettled([
    write(registration('88.118.8/ours', 'a')),
    writeIdentifier(joined, fixture.globex, registration('88.118.9/theirs', 'a')),
    writeIdentifier(joined, fixture.globex, registration('88.118.8/theirs', 'a')),
  ])
  expect(foreign).toMatchObject({ reason: { code: 'prefix-not-held' } })
  const [one, other] = [ours, theirs].map((result) => (result as PromiseFulfilledResult<Receipt>).value)
  expect(one!.token).not.toBe(other!.token)
  const readOnly = { ...fixture.acme, scopes: ['read'] as const }
  await expect(writeIdentifier(joined, readOnly, registration('88.118.8/x', 'a'))).rejects.toMatchObject({
    code: 'not-permitted',
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
  const impatient = openDatabase({ url: fixture.url, statementTimeoutMs: 200 })
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
