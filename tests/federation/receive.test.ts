/** The side that is told: each change once, in order, of the node's own prefixes only. */
import { expect, test } from 'vitest'
import { upwardReceiver } from '../../src/federation/upward/receive.js'
import { openDatabase } from '../../src/platform/postgres.js'
import type { UpwardBatch } from '../../src/protocols/rest/upward.js'
import { nativeInterfaces, sitesOf } from '../../src/record/service.js'
import { changePrefix, findPrefix, loadRoutes } from '../../src/registry/prefixes.js'
import { ANONYMOUS } from '../../src/security/principal.js'
import { enterpriseUser } from '../registry/fixture.js'
import { eachUntold, fixture, part, receiver } from './upward-fixture.js'

eachUntold()

const PART = part('Pump')

const batch = (more: Partial<UpwardBatch>): UpwardBatch => ({
  epoch: 'one',
  after: '10.1',
  through: '10.1',
  changes: [],
  ...more,
})
const everything = (changes: readonly unknown[] = [], more: Partial<UpwardBatch> = {}) =>
  batch({ walk: { after: '', through: null }, changes, ...more })
const tell = (told: UpwardBatch) => receiver.receive(fixture.acme, told)

test('a node that tells everything, and then its changes, is followed', async () => {
  expect(await receiver.position(fixture.acme)).toBeNull()
  expect(await tell(everything([PART]))).toEqual({
    epoch: 'one',
    position: '10.1',
    walk: null,
    applied: 1,
    repeated: 0,
    refused: [],
  })
  expect(await tell(batch({ through: '12.3', changes: [part('valve')] }))).toMatchObject({
    position: '12.3',
    applied: 1,
  })
  expect(await receiver.position(fixture.acme)).toEqual({ epoch: 'one', position: '12.3', walk: null })
  expect(await nodes()).toMatchObject([{ node: 'acme', registered: 2, applied: 2, repeated: 0, refused: 0 }])
})

test('what is told again has no second effect, whole or in another division', async () => {
  await tell(everything())
  const [one, two, three] = [part('a'), part('b'), part('a', { version: 2, state: 'withdrawn', contentSha256: null })]
  const told = batch({ through: '12.1', changes: [one, two] })
  expect(await tell(told)).toMatchObject({ applied: 2, repeated: 0 })
  expect(await tell(told)).toMatchObject({ applied: 0, repeated: 2, position: '12.1' })
  const longer = batch({ through: '13.1', changes: [one, two, three] })
  expect(await tell(longer)).toMatchObject({ applied: 1, repeated: 2, position: '13.1' })
  expect(await tell(told)).toMatchObject({ applied: 0, repeated: 2, position: '13.1' })
  expect(await nodes()).toMatchObject([{ registered: 1, applied: 3, repeated: 6 }])
})

test('of several versions the highest counts, in whatever order they come', async () => {
  await tell(everything())
  const [v1, v2, v3] = [1, 2, 3].map((version) => part('c', { version, contentSha256: `${version}`.repeat(64) }))
  expect(await tell(batch({ through: '12.1', changes: [v2, v1] }))).toMatchObject({ applied: 2 })
  expect(await tell(batch({ after: '12.1', through: '13.1', changes: [v3, v1] }))).toMatchObject({
    applied: 1,
    repeated: 1,
  })
  expect(await rows('select version, encode(content_sha256, $$hex$$) as digest from delegate_identifier')).toEqual([
    { version: 3, digest: '3'.repeat(64) },
  ])
  expect(await nodes()).toMatchObject([{ registered: 1 }])
})

test.each<[string, Partial<UpwardBatch>]>([
  ['begins behind what was told', { after: '12.2', through: '14.1' }],
  ['begins behind it within a transaction', { after: '12.9', through: '12.10' }],
  ['is of another history', { epoch: 'two' }],
  [
    'goes on with everything, of which nothing was told',
    { after: '13.1', through: '13.1', walk: { after: 'i:x', through: null } },
  ],
])('a batch that %s is refused, and changes nothing', async (_, more) => {
  await tell(everything())
  await tell(batch({ through: '12.1' }))
  await expect(tell(batch({ changes: [PART], ...more }))).rejects.toMatchObject({
    code: 'sequence-gap',
    message: expect.stringMatching(/history one was told up to 12\.1.*GET \/v1\/upward\/changes/s),
  })
  expect(await receiver.position(fixture.acme)).toEqual({ epoch: 'one', position: '12.1', walk: null })
  expect(await nodes()).toMatchObject([{ registered: 0, applied: 0 }])
})

test('whoever has told nothing begins with everything', async () => {
  await expect(tell(batch({ changes: [PART] }))).rejects.toMatchObject({ code: 'sequence-gap' })
})

test('everything is told in parts, which follow each other by key', async () => {
  const part1 = everything([part('a')], { walk: { after: '', through: 'i:88.118.8/a' } })
  const part2 = batch({ walk: { after: 'i:88.118.8/a', through: 'p:' }, changes: [part('b')] })
  const last = batch({
    walk: { after: 'p:', through: null },
    changes: [{ kind: 'prefix', prefix: '88.118.8.1', version: 1, state: 'active' }],
  })
  expect(await tell(part1)).toMatchObject({ walk: 'i:88.118.8/a' })
  await expect(tell(last)).rejects.toMatchObject({ code: 'sequence-gap' })
  await expect(tell(batch({ changes: [PART] }))).rejects.toMatchObject({ code: 'sequence-gap' })
  expect(await tell(part2)).toMatchObject({ walk: 'p:', applied: 1 })
  expect(await tell(part2)).toMatchObject({ walk: 'p:', repeated: 1 })
  expect(await tell(last)).toMatchObject({ walk: null, position: '10.1', applied: 1 })
  expect(await tell(last)).toMatchObject({ walk: null, repeated: 1 })
  expect(await tell(batch({ through: '11.1', changes: [part('c')] }))).toMatchObject({ position: '11.1' })
})

test('with another history versions count from anew, and so do the registered', async () => {
  await tell(everything([part('a', { version: 7 }), part('lost')]))
  expect(await tell(everything([part('a', { version: 3 })], { epoch: 'two' }))).toMatchObject({
    epoch: 'two',
    applied: 1,
  })
  expect(await nodes()).toMatchObject([{ registered: 1, epoch: 'two' }])
  expect(await tell(batch({ epoch: 'two', through: '11.1', changes: [part('lost')] }))).toMatchObject({ applied: 1 })
  expect(await nodes()).toMatchObject([{ registered: 2 }])
})

test.each<[string, unknown, string, RegExp]>([
  [
    'below no prefix of the node',
    { ...PART, identifier: '88.118.9/x', key: '88.118.9/x' },
    'prefix-not-held',
    /88\.118\.9 .*88\.118\.8/,
  ],
  [
    'below a longer name that only looks alike',
    { ...PART, identifier: '88.118.80/x', key: '88.118.80/x' },
    'prefix-not-held',
    /88\.118\.80/,
  ],
  [
    'of the prefix above',
    { kind: 'prefix', prefix: '88.118', version: 1, state: 'active' },
    'prefix-not-held',
    /88\.118 /,
  ],
  ['that is no identifier', { ...PART, identifier: 'nonsense', key: 'nonsense' }, 'identifier-malformed', /./],
  ['with a key that is not its own', { ...PART, key: '88.118.8/other' }, 'request-malformed', /canonical/],
  ['without a version', { ...PART, version: 0 }, 'request-malformed', /version/],
  ['in no state', { ...PART, state: 'gone' }, 'request-malformed', /state/],
  ['with a digest that is none', { ...PART, contentSha256: 'x' }, 'request-malformed', /contentSha256/],
  ['at no time', { ...PART, at: 'yesterday' }, 'request-malformed', /at is/],
  ['at a day that there is not', { ...PART, at: '2026-13-31T12:00:00Z' }, 'request-malformed', /at is/],
  ['at a day that its month has not', { ...PART, at: '2026-02-30T12:00:00Z' }, 'request-malformed', /at is/],
  ['in a year that there was not', { ...PART, at: '0000-01-31T12:00:00Z' }, 'request-malformed', /at is/],
  ['with a template that cannot be stored', { ...PART, template: 'a\0' }, 'request-malformed', /template/],
  ['of an unknown kind', { ...PART, kind: 'grant' }, 'request-malformed', /kind/],
  ['that is null', null, 'request-malformed', /object/],
  ['that is a number', 7, 'request-malformed', /object/],
])('a change %s is refused alone, with its place and the reason', async (_, change, code, reason) => {
  const outcome = await tell(everything([part('before'), change, part('behind')]))
  expect(outcome).toMatchObject({ applied: 2, refused: [{ place: 1, code, reason: expect.stringMatching(reason) }] })
  expect(await nodes()).toMatchObject([{ registered: 2, refused: 1 }])
})

test('below a suspended prefix nothing is taken until it is active again', async () => {
  const suspend = (state: 'active' | 'suspended') =>
    changePrefix(fixture.registry, fixture.admin, { prefix: '88.118.8', state })
  await suspend('suspended')
  expect(await tell(everything([PART]))).toMatchObject({
    applied: 0,
    refused: [{ place: 0, code: 'prefix-suspended' }],
  })
  await suspend('active')
  expect(await tell(batch({ changes: [PART] }))).toMatchObject({ applied: 1, refused: [] })
})

test('nodes do not see each other: each has its own position and its own identifiers', async () => {
  await tell(everything([PART]))
  expect(await receiver.position(fixture.globex)).toBeNull()
  const theirs = everything([PART, { ...PART, identifier: '88.118.9/x', key: '88.118.9/x' }], { epoch: 'other' })
  expect(await receiver.receive(fixture.globex, theirs)).toMatchObject({
    applied: 1,
    refused: [{ place: 0, code: 'prefix-not-held' }],
  })
  expect(await nodes()).toMatchObject([
    { node: 'acme', registered: 1 },
    { node: 'globex', registered: 1 },
  ])
  await expect(receiver.nodes(fixture.acme)).rejects.toMatchObject({ code: 'not-permitted' })
})

test('only the key of a node that may write and holds a prefix tells anything', async () => {
  const { admin, registry } = fixture
  const reader = await enterpriseUser(registry, admin, { enterpriseId: 'acme', scopes: ['read'] })
  for (const [principal, code] of [
    [ANONYMOUS, 'not-authenticated'],
    [admin, 'not-permitted'],
    [reader, 'not-permitted'],
  ] as const) {
    await expect(receiver.receive(principal, everything([PART]))).rejects.toMatchObject({ code })
    await expect(receiver.position(principal)).rejects.toMatchObject({ code })
  }
  await fixture.db.query(`insert into enterprise (id, name) values ('landless', 'Landless') on conflict do nothing`)
  const landless = await enterpriseUser(registry, admin, { enterpriseId: 'landless' })
  await expect(receiver.receive(landless, everything([PART]))).rejects.toMatchObject({ code: 'prefix-not-held' })
  await fixture.db.query('update api_key set revoked_at = clock_timestamp() where id = $1', [landless.apiKeyId])
  await expect(receiver.receive(landless, everything([PART]))).rejects.toMatchObject({ code: 'not-authenticated' })
})

test('a key that reaches one prefix only tells of that one only', async () => {
  const { admin, registry } = fixture
  const narrow = await enterpriseUser(registry, admin, { enterpriseId: 'acme', prefixes: ['urn:oid:1.2.156.3000'] })
  const oid = { ...PART, identifier: 'urn:oid:1.2.156.3000.7', key: 'urn:oid:1.2.156.3000.7' }
  expect(await receiver.receive(narrow, everything([PART, oid]))).toMatchObject({
    applied: 1,
    refused: [{ place: 0, code: 'prefix-not-held' }],
  })
})

test('a batch costs the same however much was told before, also while the database has no statistics of it', async () => {
  const parts = (from: number, count: number) => Array.from({ length: count }, (_, place) => part(`c${from + place}`))
  const db = openDatabase({ url: fixture.url, maxConnections: 1, statementTimeoutMs: 20_000 })
  const lone = upwardReceiver({ ...fixture.registry, db })
  const rowsRead = async () => {
    await db.query('select pg_stat_force_next_flush()')
    const [row] = await db.query<{ count: number }>(
      `select (seq_tup_read + idx_tup_fetch)::bigint as count from pg_stat_user_tables where relname = 'delegate_identifier'`,
    )
    return row!.count
  }
  await lone.receive(fixture.acme, everything(parts(0, 2_000)))
  await lone.receive(fixture.acme, batch({ through: '11.1', changes: parts(2_000, 2_000) }))
  const before = await rowsRead()
  await lone.receive(fixture.acme, batch({ after: '11.1', through: '12.1', changes: parts(100, 20) }))
  expect((await rowsRead()) - before).toBeLessThan(200)
  await db.close()
})

test.each<[string, Partial<UpwardBatch>]>([
  ['ends before it begins', { after: '12.1', through: '11.9' }],
  ['moves in the feed while everything is told', { walk: { after: '', through: null }, through: '11.1' }],
  ['has a history that cannot be stored', { walk: { after: '', through: null }, epoch: 'a\0b' }],
  ['says a site that is none', { walk: { after: '', through: null }, sites: ['AAAA'] }],
  ['says a site that is not base64', { walk: { after: '', through: null }, sites: ['?'] }],
])('a batch that %s is malformed', async (_, more) => {
  await expect(tell(batch(more))).rejects.toMatchObject({ code: 'request-malformed', faults: [expect.anything()] })
  expect(await nodes()).toEqual([])
})

test('where a node answers becomes the route and the record of its prefixes, and changes only when it does', async () => {
  const { db, globex } = fixture
  const siteAt = (address: string) =>
    sitesOf([{ address, interfaces: nativeInterfaces(2641) }], { serial: 1, protocolVersion: { major: 2, minor: 11 } })
  const sayWhere = (address: string) => {
    const sites = siteAt(address).map((site) => Buffer.from(site).toString('base64'))
    return receiver.receive(globex, everything([], { sites }))
  }
  await sayWhere('198.51.100.7')
  const first = await findPrefix(db, '88.118.9')
  expect(first).toMatchObject({ service: 'self-built', enterpriseId: 'globex' })
  expect((await loadRoutes(db)).get('88.118.9')?.selfBuilt?.service.sites).toEqual(siteAt('198.51.100.7'))
  const [record] = await rows<{ body: Buffer }>(`select body from identifier where key = '0.na/88.118.9'`)
  expect(record!.body.includes(Buffer.from(siteAt('198.51.100.7')[0]!))).toBe(true)

  await sayWhere('198.51.100.7')
  expect((await findPrefix(db, '88.118.9'))?.version).toBe(first!.version)
  fixture.committed.length = 0
  await sayWhere('198.51.100.8')
  expect((await findPrefix(db, '88.118.9'))?.version).toBe(first!.version + 1)
  expect(fixture.committed.flatMap(({ keys }) => keys).sort()).toEqual(['i:0.na/88.118.9', 'p:88.118.9'])
  expect((await findPrefix(db, '88.118.8'))?.service).toBe('hosted')
})

test('of holders whose prefixes are hosted here, a secondary node takes no changes and no sites', async () => {
  const { db, registry, admin, acme } = fixture
  const secondary = upwardReceiver(registry, 'self-built')
  const sitesAt = (address: string) =>
    sitesOf([{ address, interfaces: nativeInterfaces(2641) }], { serial: 1, protocolVersion: { major: 2, minor: 11 } })
  const told = everything([PART], {
    sites: sitesAt('198.51.100.9').map((site) => Buffer.from(site).toString('base64')),
  })
  await expect(secondary.receive(acme, told)).rejects.toMatchObject({
    code: 'prefix-not-held',
    message: expect.stringContaining('self-built'),
  })
  expect((await findPrefix(db, '88.118.8'))?.service).toBe('hosted')

  const service = { handle: '', sites: sitesAt('198.51.100.1') }
  await changePrefix(registry, admin, { prefix: '88.118.8', service })
  expect(await secondary.receive(acme, told)).toMatchObject({ applied: 1, refused: [] })
  expect((await loadRoutes(db)).get('88.118.8')?.selfBuilt?.service.sites).toEqual(sitesAt('198.51.100.9'))
  await changePrefix(registry, admin, { prefix: '88.118.8', service: 'hosted' })
})

const nodes = () => receiver.nodes(fixture.admin)
const rows = <Row extends object>(sql: string) => fixture.db.query<Row>(sql)
