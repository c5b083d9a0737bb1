import { afterAll, beforeAll, expect, test } from 'vitest'
import { contentDigest } from '../../src/record/codec.js'
import { listIdentifiers, writeIdentifier } from '../../src/registry/identifiers.js'
import {
  ABSENT,
  feedOf,
  PRESENT,
  type RegistryFixture,
  registration,
  registryFixture,
  urlValue,
  version,
  withdrawal,
} from './fixture.js'

let fixture: RegistryFixture
beforeAll(async () => {
  fixture = await registryFixture()
})
afterAll(() => fixture.close())

test('versions are 1, 2, 3, each with its receipt and its row in the feed', async () => {
  const first = await write(registration('88.118.8/Pump-7', 'https://example.com/1'))
  const second = await write(registration('88.118.8/PUMP-7', 'https://example.com/2'))
  const third = await write(registration('88.118.8/pump-7', 'https://example.com/3'))

  expect(first).toMatchObject({
    identifier: '88.118.8/Pump-7',
    key: '88.118.8/pump-7',
    outcome: 'created',
    version: 1,
    propagation: 'local',
  })
  expect([second, third]).toMatchObject([
    { outcome: 'replaced', version: 2 },
    { outcome: 'replaced', version: 3 },
  ])
  expect(first.contentSha256).toBe(contentDigest('', [urlValue('https://example.com/1')]).toString('hex'))
  expect(await feedOf(fixture.db, 'i:88.118.8/pump-7')).toEqual([1, 2, 3])
  expect(new Date(first.recordedAt).getTime()).toBeLessThanOrEqual(new Date(third.recordedAt).getTime())
})

test('each write is reported once it is committed, under the transaction that its token names', async () => {
  const { committed, db } = fixture
  committed.length = 0
  const receipt = await write(registration('88.118.8/reported', 'a'))
  expect(committed).toEqual([{ keys: ['i:88.118.8/reported'], versions: [1], xid: Number(receipt.token) }])
  expect(await db.query('select keys from change where xid = $1', [receipt.token])).toEqual([
    { keys: ['i:88.118.8/reported'] },
  ])
})

test('the same content again changes nothing, and its receipt names the transaction that wrote it', async () => {
  const first = await write(registration('88.118.8/same', 'a'))
  const item = registration('88.118.8/same', 'a')
  fixture.committed.length = 0
  const again = await write({ ...item, values: [urlValue('a', 1_900_000_000)] })

  expect(again).toEqual({ ...first, outcome: 'unchanged' })
  expect(await feedOf(fixture.db, 'i:88.118.8/same')).toEqual([1])
  expect(fixture.committed).toEqual([])
})

test('a precondition that does not hold refuses the write and says what is there', async () => {
  await write(registration('88.118.8/guarded', 'a', ABSENT))
  await expect(write(registration('88.118.8/guarded', 'b', ABSENT))).rejects.toMatchObject({
    code: 'precondition-failed',
    message: expect.stringContaining('is registered, as version 1'),
  })
  await expect(write(registration('88.118.8/guarded', 'a', ABSENT))).rejects.toMatchObject({
    code: 'precondition-failed',
  })
  await expect(write(registration('88.118.8/guarded', 'b', version(2)))).rejects.toMatchObject({
    code: 'precondition-failed',
  })
  expect(await write(registration('88.118.8/guarded', 'b', version(1)))).toMatchObject({ version: 2 })
  expect(await write(registration('88.118.8/guarded', 'c', PRESENT))).toMatchObject({ version: 3 })
  expect(await write(registration('88.118.8/guarded', 'c', version(3)))).toMatchObject({ outcome: 'unchanged' })
})

test('a write on condition that something is there registers nothing new', async () => {
  await expect(write(registration('88.118.8/never', 'a', PRESENT))).rejects.toMatchObject({
    code: 'precondition-failed',
    message: expect.stringContaining('was never registered'),
  })
  for (const wanted of [1, 2 ** 53, -1, 1.5, Number.NaN]) {
    await expect(write(registration('88.118.8/never', 'a', version(wanted)))).rejects.toMatchObject({
      code: 'precondition-failed',
    })
  }
  expect(await feedOf(fixture.db, 'i:88.118.8/never')).toEqual([])
})

test('a withdrawal is a version, and a registration after it another', async () => {
  await write(registration('88.118.8/Scrapped', 'a'))
  const gone = await write(withdrawal('88.118.8/scrapped', { reason: 'melted down' }))
  expect(gone).toMatchObject({ outcome: 'withdrawn', version: 2, contentSha256: null })

  await expect(write(withdrawal('88.118.8/scrapped'))).rejects.toMatchObject({ code: 'identifier-withdrawn' })
  await expect(write(registration('88.118.8/scrapped', 'a', PRESENT))).rejects.toMatchObject({
    code: 'precondition-failed',
  })
  expect(await write(registration('88.118.8/scrapped', 'a', ABSENT))).toMatchObject({ outcome: 'created', version: 3 })
  expect(await feedOf(fixture.db, 'i:88.118.8/scrapped')).toEqual([1, 2, 3])
})

test('what was never registered cannot be withdrawn; a withdrawal keeps its own preconditions', async () => {
  await expect(write(withdrawal('88.118.8/ghost'))).rejects.toMatchObject({ code: 'identifier-absent' })
  await expect(write(withdrawal('88.118.8/ghost', { precondition: PRESENT }))).rejects.toMatchObject({
    code: 'identifier-absent',
  })
  await write(registration('88.118.8/kept', 'a'))
  await expect(write(withdrawal('88.118.8/kept', { precondition: version(2) }))).rejects.toMatchObject({
    code: 'precondition-failed',
  })
  expect(await write(withdrawal('88.118.8/kept', { precondition: version(1) }))).toMatchObject({ version: 2 })
})

test('a reason that cannot be stored is refused before anything is asked of the database', async () => {
  await write(registration('88.118.8/reasons', 'a'))
  for (const reason of ['a\0b', '\ud800', 'x'.repeat(1001)]) {
    await expect(write(withdrawal('88.118.8/reasons', { reason }))).rejects.toMatchObject({
      code: 'request-malformed',
      faults: [{ field: 'reason' }],
    })
  }
})

test('identifiers are listed by prefix and key, page by page, withdrawn ones included', async () => {
  const { db, registry, globex, acme } = fixture
  for (const name of ['C', 'a', 'b']) await writeIdentifier(registry, globex, registration(`88.118.9/${name}`, name))
  await writeIdentifier(registry, globex, withdrawal('88.118.9/b'))
  await writeIdentifier(registry, acme, registration('1.2.156.3000.7', 'oid'))

  const page = await listIdentifiers(db, { prefix: '88.118.9', limit: 2 })
  expect(page).toMatchObject([
    { key: '88.118.9/a', version: 1, state: 'registered' },
    { key: '88.118.9/b', version: 2, state: 'withdrawn' },
  ])
  const rest = await listIdentifiers(db, { prefix: '88.118.9', after: page.at(-1)!.key, limit: 2 })
  expect(rest).toMatchObject([{ key: '88.118.9/c', identifier: '88.118.9/C' }])
  expect(await listIdentifiers(db, { prefix: '88.118', limit: 2 })).toEqual([])
  expect(await listIdentifiers(db, { prefix: 'urn:oid:1.2.156.3000', limit: 2 })).toMatchObject([
    { key: 'urn:oid:1.2.156.3000.7' },
  ])
  expect(await listIdentifiers(db, { prefix: 'urn:oid:1.2.156.300', limit: 2 })).toEqual([])
})

function write(item: Parameters<typeof writeIdentifier>[2]) {
  return writeIdentifier(fixture.registry, fixture.acme, item)
}
