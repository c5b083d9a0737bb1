import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pruneReceipts } from '../../src/registry/idempotency.js'
import {
  amendIdentifier,
  type Idempotency,
  type Registration,
  writeIdentifier,
  writeIdentifiers,
} from '../../src/registry/identifiers.js'
import {
  ABSENT,
  enterpriseUser,
  feedOf,
  identifierOf,
  type RegistryFixture,
  registration,
  registryFixture,
  urlValue,
  withdrawal,
} from './fixture.js'

let fixture: RegistryFixture
beforeAll(async () => {
  fixture = await registryFixture()
})
afterAll(() => fixture.close())

test('a retry gets the receipt of the first try and writes nothing', async () => {
  const item = registration('88.118.8/once', 'a', ABSENT)
  const first = await write(item, keyed('one', 'body'))
  await write(registration('88.118.8/once', 'b'))
  fixture.committed.length = 0

  expect(await write(item, keyed('one', 'body'))).toEqual(first)
  expect(fixture.committed).toEqual([])
  expect(await feedOf(fixture.db, 'i:88.118.8/once')).toEqual([1, 2])
  expect(first.token).toMatch(/^\d+$/)
})

test('of retries at the same time one writes and all get its receipt', async () => {
  for (let round = 0; round < 20; round += 1) {
    const item = registration(`88.118.8/at-once-${round}`, 'a', ABSENT)
    const receipts = await Promise.all([1, 2, 3, 4].map(() => write(item, keyed(`round ${round}`, 'body'))))
    for (const receipt of receipts) expect(receipt).toEqual(receipts[0])
    expect(receipts[0]).toMatchObject({ outcome: 'created', version: 1 })
    expect(await feedOf(fixture.db, `i:88.118.8/at-once-${round}`)).toEqual([1])
  }
})

test('the same key with another request is refused and writes nothing', async () => {
  await write(registration('88.118.8/original', 'a'), keyed('reused', 'body'))
  await expect(write(registration('88.118.8/other', 'a'), keyed('reused', 'other body'))).rejects.toMatchObject({
    code: 'idempotency-key-reused',
  })
  expect(await feedOf(fixture.db, 'i:88.118.8/other')).toEqual([])
})

test('each API key has idempotency keys of its own', async () => {
  const { registry, acme } = fixture
  const colleague = await enterpriseUser(registry, acme, { enterpriseId: 'acme' })
  await write(registration('88.118.8/mine', 'a'), keyed('shared word', 'a'))
  const theirs = await writeIdentifier(
    registry,
    colleague,
    registration('88.118.8/theirs', 'a'),
    keyed('shared word', 'b'),
  )
  expect(theirs).toMatchObject({ outcome: 'created' })
})

test('a write that fails leaves no trace: the same key can be used for a better one', async () => {
  await expect(write(withdrawal('88.118.8/later'), keyed('early', 'body'))).rejects.toMatchObject({
    code: 'identifier-absent',
  })
  await expect(write(registration('88.118.9/foreign', 'a'), keyed('early', 'body'))).rejects.toMatchObject({
    code: 'prefix-not-held',
  })
  expect(await fixture.db.query(`select from idempotency where idempotency_key = 'early'`)).toEqual([])
  expect(await write(registration('88.118.8/later', 'a'), keyed('early', 'another body'))).toMatchObject({ version: 1 })
})

test('a batch is remembered with its refusals', async () => {
  const items = [registration('88.118.8/part', 'a', ABSENT), withdrawal('88.118.8/part-absent')]
  const first = await writeIdentifiers(fixture.registry, fixture.acme, items, keyed('batch', 'body'))
  const again = await writeIdentifiers(fixture.registry, fixture.acme, items, keyed('batch', 'body'))
  expect(first).toMatchObject([{ receipt: { version: 1 } }, { error: { code: 'identifier-absent' } }])
  expect(again[0]).toEqual(first[0])
  expect(again[1]).toMatchObject({ ok: false, error: { code: 'identifier-absent', faults: [] } })
})

test('an amendment that is retried is carried out once', async () => {
  await write(registration('88.118.8/amended', '1'))
  const amend = () =>
    amendIdentifier(
      fixture.registry,
      fixture.acme,
      {
        identifier: identifierOf('88.118.8/amended'),
        amend: ({ values }) => ({ ok: true, value: { template: '', values: [urlValue(`${values[0]!.data}1`)] } }),
      },
      keyed('amend', 'patch'),
    )
  const [first, second] = await Promise.all([amend(), amend()])
  expect(first).toMatchObject({ outcome: 'replaced', version: 2 })
  expect(second).toEqual(first)
})

test('an idempotency key that is empty, too long or not storable is refused', async () => {
  for (const key of ['', 'x'.repeat(256), 'a\0']) {
    await expect(write(registration('88.118.8/bad-key', 'a'), keyed(key, 'body'))).rejects.toMatchObject({
      code: 'request-malformed',
    })
  }
})

test('receipts older than asked for are forgotten', async () => {
  await write(registration('88.118.8/old', 'a'), keyed('old', 'body'))
  await fixture.db.query(
    `update idempotency set recorded_at = recorded_at - interval '25 hours' where idempotency_key = 'old'`,
  )
  expect(await pruneReceipts(fixture.db, 24)).toBe(1)
  expect(await pruneReceipts(fixture.db, 24)).toBe(0)
})

function keyed(key: string, body: string): Idempotency {
  return { key, requestSha256: createHash('sha256').update(body).digest() }
}

function write(item: Registration, idempotency?: Idempotency) {
  return writeIdentifier(fixture.registry, fixture.acme, item, idempotency)
}
