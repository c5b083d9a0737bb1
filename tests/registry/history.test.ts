import { afterAll, beforeAll, expect, test } from 'vitest'
import { findVersion, listVersions } from '../../src/registry/history.js'
import { type Receipt, writeIdentifier } from '../../src/registry/identifiers.js'
import { type RegistryFixture, registration, registryFixture, withdrawal } from './fixture.js'

const KEY = '88.118.8/valve'

let fixture: RegistryFixture
const receipts: Receipt[] = []
beforeAll(async () => {
  fixture = await registryFixture()
  const items = [
    registration('88.118.8/Valve', 'first'),
    registration('88.118.8/VALVE', 'second'),
    withdrawal('88.118.8/valve', { reason: 'recalled' }),
    registration('88.118.8/valve', 'fourth'),
  ]
  for (const item of items) {
    receipts.push(await writeIdentifier(fixture.registry, fixture.acme, item))
    // Times are in milliseconds: versions of one millisecond could not be told apart.
    await new Promise((resolve) => setTimeout(resolve, 3))
  }
})
afterAll(() => fixture.close())

test('every version can be had by its number, as it was', async () => {
  const registeredAtMs = timeOf(0)
  expect(await findVersion(fixture.db, KEY, { version: 1 })).toMatchObject({
    kind: 'found',
    version: 1,
    prefix: '88.118.8',
    record: { spelling: '88.118.8/Valve', values: [{ data: 'first' }], registeredAtMs, recordedAtMs: timeOf(0) },
  })
  expect(await findVersion(fixture.db, KEY, { version: 3 })).toMatchObject({
    kind: 'withdrawn',
    version: 3,
    spelling: '88.118.8/VALVE',
    reason: 'recalled',
    withdrawnAtMs: timeOf(2),
  })
  expect(await findVersion(fixture.db, KEY, { version: 4 })).toMatchObject({
    record: { spelling: KEY, values: [{ data: 'fourth' }], registeredAtMs, recordedAtMs: timeOf(3) },
  })
})

test('a time gives the version that was current, from the millisecond it was recorded in', async () => {
  for (const [place, receipt] of receipts.entries()) {
    const at = timeOf(place)
    expect(await findVersion(fixture.db, KEY, { atMs: at })).toMatchObject({ version: receipt.version })
    expect((await findVersion(fixture.db, KEY, { atMs: at - 1 }))?.version).toBe(place === 0 ? undefined : place)
  }
  expect(await findVersion(fixture.db, KEY, { atMs: Date.UTC(9999, 1) })).toMatchObject({ version: 4 })
})

test('what is no version gives nothing', async () => {
  for (const version of [0, 5, -1, 1.5, Number.NaN, 1e300]) {
    expect(await findVersion(fixture.db, KEY, { version })).toBeUndefined()
  }
  for (const atMs of [Number.NaN, Number.NEGATIVE_INFINITY, -1e18]) {
    expect(await findVersion(fixture.db, KEY, { atMs })).toBeUndefined()
  }
  expect(await findVersion(fixture.db, '88.118.8/none', { version: 1 })).toBeUndefined()
  expect(await findVersion(fixture.db, '88.118.8/\0', { version: 1 })).toBeUndefined()
})

test('versions are listed newest first, page by page', async () => {
  const page = await listVersions(fixture.db, KEY, { limit: 3 })
  expect(page).toEqual([
    summary(3, { state: 'registered' }),
    summary(2, { state: 'withdrawn', reason: 'recalled' }),
    summary(1, { state: 'registered' }),
  ])
  const rest = await listVersions(fixture.db, KEY, { before: page.at(-1)!.version, limit: 3 })
  expect(rest).toEqual([summary(0, { state: 'registered' })])
  expect(await listVersions(fixture.db, KEY, { before: 1, limit: 3 })).toEqual([])
  expect(await listVersions(fixture.db, '88.118.8/none', { limit: 3 })).toEqual([])
})

test('the database itself refuses a version that leaves a gap', async () => {
  const jump = fixture.db.query('update identifier set version = version + 2 where key = $1', [KEY])
  await expect(jump).rejects.toThrow('must go from 4 to 5, not 6')
})

function summary(place: number, more: { state: string; reason?: string }) {
  const { version, recordedAt, contentSha256 } = receipts[place]!
  const common = { version, template: '', recordedAt, recordedBy: fixture.acme.apiKeyId, contentSha256 }
  return { ...common, reason: null, ...more }
}

function timeOf(place: number): number {
  return Date.parse(receipts[place]!.recordedAt)
}
