import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { prefixHandle } from '../../src/identifier/prefix-record.js'
import { systemClock } from '../../src/platform/clock.js'
import type { Database, Transaction } from '../../src/platform/postgres.js'
import type { Value } from '../../src/record/record.js'
import { nativeInterfaces, type ServiceLocation, sitesOf } from '../../src/record/service.js'
import { decodeAdmin, encodeAdmin } from '../../src/record/value-types/hs-admin.js'
import { encodePublicKey } from '../../src/record/value-types/hs-pubkey.js'
import { decodeSite } from '../../src/record/value-types/hs-site.js'
import { encodeValueList } from '../../src/record/value-types/hs-vlist.js'
import { publicKeyRecord } from '../../src/record/value-types/public-key-record.js'
import { changeEnterprise } from '../../src/registry/enterprises.js'
import { findVersion, listVersions } from '../../src/registry/history.js'
import { amendIdentifier, writeIdentifier, writeIdentifiers } from '../../src/registry/identifiers.js'
import { joinWrites } from '../../src/registry/join-writes.js'
import { settleNodeSite } from '../../src/registry/node-site.js'
import { allotPrefix, changePrefix, findPrefix, loadRoutes } from '../../src/registry/prefixes.js'
import type { Registration } from '../../src/registry/registration.js'
import { settlePrefixRecords } from '../../src/registry/settle-prefixes.js'
import { PATIENT } from '../support/patience.js'
import {
  enterpriseUser,
  feedOf,
  type RegistryFixture,
  registration,
  registryFixture,
  version,
  withdrawal,
} from './fixture.js'

const OWN = sitesOf([{ address: '203.0.113.7', interfaces: nativeInterfaces(2641) }], {
  serial: 1,
  protocolVersion: { major: 2, minor: 10 },
})
const SELF_BUILT: ServiceLocation = { handle: '', sites: OWN }
const SITE = { addresses: ['198.51.100.1'], nativePort: 2641, publicKey: new Uint8Array(0) }
const LOG = { info: () => undefined }
const NOW = 1_800_000_000

let fixture: RegistryFixture
let next = 100
/** A prefix that nobody has used yet, of acme. */
let prefix: string

beforeAll(async () => {
  fixture = await registryFixture()
  await settleNodeSite(fixture.registry, SITE)
  await settlePrefixRecords(fixture.registry, LOG)
})
afterAll(() => fixture.close())
beforeEach(() => {
  prefix = `88.118.${next++}`
})

describe('what the node writes', () => {
  test('with a prefix comes its record: where it is served, that it is active, and who may administer it', async () => {
    await allot()
    const values = await valuesOf(prefix)
    expect(values.map(({ index, type }) => [index, type])).toEqual([
      [1, 'HS_SITE'],
      [20, 'HS_NAMESPACE'],
      [100, 'HS_ADMIN'],
    ])
    expect(addressesIn(values)).toEqual(['198.51.100.1'])
    expect(decodeAdmin(values[2]!.data as Uint8Array)).toMatchObject({
      value: { handle: `0.NA/${prefix}`, index: 300, permissions: 0xfff },
    })
    expect(await feedOf(fixture.db, `i:0.na/${prefix}`)).toEqual([1])
    const [versionMade] = await listVersions(fixture.db, `0.na/${prefix}`, { limit: 1 })
    expect(versionMade).toMatchObject({ version: 1, recordedBy: fixture.admin.apiKeyId })
  })

  test('prefix and record are one transaction, with one row in the feed', async () => {
    fixture.committed.length = 0
    await allot()
    expect(fixture.committed.map(({ keys }) => keys)).toEqual([[`p:${prefix}`, `i:0.na/${prefix}`]])
  })

  test('an arc of object identifiers has no record', async () => {
    await allotPrefix(fixture.registry, fixture.admin, { prefix: `urn:oid:1.2.156.${next}` })
    expect(await findVersion(fixture.db, `0.na/urn:oid:1.2.156.${next}`, { version: 1 })).toBeUndefined()
  })

  test('a change of service changes the record, and what is so already makes no version', async () => {
    await allot()
    await change({ service: SELF_BUILT })
    expect(addressesIn(await valuesOf(prefix))).toEqual(['203.0.113.7'])
    await change({ service: SELF_BUILT })
    await change({ state: 'suspended' })
    expect(await feedOf(fixture.db, `i:0.na/${prefix}`)).toEqual([1, 2])
    await change({ service: { handle: '88.118/service', sites: [] } })
    expect((await valuesOf(prefix)).filter(({ type }) => /HS_S/.test(type))).toMatchObject([
      { index: 10, type: 'HS_SERV', data: '88.118/service' },
    ])
    await change({ service: 'hosted' })
    expect(addressesIn(await valuesOf(prefix))).toEqual(['198.51.100.1'])
  })

  test('a value keeps its time while it stays the same', async () => {
    await allot()
    const before = await valuesOf(prefix)
    await fixture.db.query(`update prefix set recorded_site = 0 where name = $1`, [prefix])
    await change({ service: SELF_BUILT })
    const after = await valuesOf(prefix)
    const namespaces = [before, after].map((values) => values.find(({ index }) => index === 20)!)
    expect(namespaces[0]).toEqual(namespaces[1])
  })

  test('a new holder starts with a part of its own: the keys of the one before are good no longer', async () => {
    await allot()
    await put([secretValue()])
    await change({ service: SELF_BUILT })
    await change({ enterpriseId: 'globex' })
    expect((await valuesOf(prefix)).map(({ type }) => type)).toEqual(['HS_SITE', 'HS_NAMESPACE', 'HS_ADMIN'])
    // Nor are its servers asked any more.
    expect(addressesIn(await valuesOf(prefix))).toEqual(['198.51.100.1'])
    expect((await findPrefix(fixture.db, prefix))?.service).toBe('hosted')
  })

  test.each([
    ['0', /administration/],
    ['0.NA', /administration/],
    ['0.SITE', /administration/],
  ])('%s is allotted to nobody', async (reserved, message) => {
    await expect(allotPrefix(fixture.registry, fixture.admin, { prefix: reserved })).rejects.toThrow(message)
  })

  test.each<[string, ServiceLocation, string]>([
    ['nowhere', { handle: '', sites: [] }, 'service'],
    ['in two ways', { handle: '88.118/s', sites: OWN }, 'serviceHandle'],
    ['at nine sites', { handle: '', sites: Array(9).fill(OWN[0]) }, 'sites'],
    ['at no site', { handle: '', sites: [Uint8Array.of(1)] }, 'sites[0]'],
    ['by no handle', { handle: 'service', sites: [] }, 'serviceHandle'],
    ['by a URI', { handle: 'hdl:88.118/s', sites: [] }, 'serviceHandle'],
    ['by a handle of its own', { handle: '88.118.99/s', sites: [] }, 'serviceHandle'],
    ['by a handle below its own', { handle: '88.118.99.1/s', sites: [] }, 'serviceHandle'],
  ])('a prefix served %s is refused', async (_how, service, field) => {
    const allotment = { prefix: '88.118.99', service }
    await expect(allotPrefix(fixture.registry, fixture.admin, allotment)).rejects.toMatchObject({
      code: 'request-malformed',
      faults: [{ field }],
    })
    expect(await findPrefix(fixture.db, '88.118.99')).toBeUndefined()
  })
})

describe('when the site of the node changes', () => {
  test('all records follow, in chunks, once, however many processes start at once', async () => {
    const { registry, db, admin } = fixture
    const names = Array.from({ length: 230 }, (_, at) => `88.9.${at}`)
    for (const name of names) await allotPrefix(registry, admin, { prefix: name })
    await allotPrefix(registry, admin, { prefix: '88.9.self', service: SELF_BUILT })
    const moved = { ...SITE, addresses: ['198.51.100.2'] }
    const starts = Array.from({ length: 3 }, async () => {
      const site = await settleNodeSite(registry, moved)
      await settlePrefixRecords(registry, LOG)
      return site.serial
    })
    const serials = await Promise.all(starts)
    expect(new Set(serials).size).toBe(1)
    for (const name of names) expect(await feedOf(db, `i:0.na/${name}`)).toEqual([1, 2])
    expect(addressesIn(await valuesOf('88.9.7'))).toEqual(['198.51.100.2'])
    const [made] = await listVersions(db, '0.na/88.9.7', { limit: 1 })
    expect(made).toMatchObject({ version: 2, recordedBy: 'node' })
    // Its holder's own servers are where they were.
    expect(await feedOf(db, 'i:0.na/88.9.self')).toEqual([1])
    expect(await settlePrefixRecords(registry, LOG)).toBe(0)
    await settleNodeSite(registry, SITE)
    await settlePrefixRecords(registry, LOG)
  }, 60_000)

  test('prefixes that were allotted before there were records get theirs, and a holder’s part stays', async () => {
    const { db, registry } = fixture
    await db.query('insert into prefix (name, enterprise_id) values ($1, $2)', [prefix, 'acme'])
    expect(await settlePrefixRecords(registry, LOG)).toBe(1)
    expect((await valuesOf(prefix)).map(({ type }) => type)).toEqual(['HS_SITE', 'HS_NAMESPACE', 'HS_ADMIN'])
    await put([secretValue()])
    await db.query('update prefix set recorded_site = 0 where name = $1', [prefix])
    await settlePrefixRecords(registry, LOG)
    expect((await valuesOf(prefix)).map(({ type }) => type)).toEqual(['HS_SITE', 'HS_NAMESPACE', 'HS_SECKEY'])
  })

  test('a prefix that is being allotted meanwhile is not left behind', async () => {
    const { registry, admin, db } = fixture
    let release: () => void = () => undefined
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    // It knows the site already, and is not committed yet.
    const paused = { ...registry, db: pausedBefore(db, 'update prefix set recorded_site', gate) }
    const allotted = allotPrefix(paused, admin, { prefix })
    await vi.waitUntil(async () => (await openTransactions(db)) > 0, PATIENT)
    let isSettled = false
    const moved = { ...SITE, addresses: ['198.51.100.3'] }
    const start = settleNodeSite(registry, moved)
      .then(() => settlePrefixRecords(registry, LOG))
      .finally(() => {
        isSettled = true
      })
    await vi.waitUntil(async () => isSettled || (await waitingForLocks(db)) > 0, PATIENT)
    release()
    await Promise.all([allotted, start])
    expect(addressesIn(await valuesOf(prefix))).toEqual(moved.addresses)
    await settleNodeSite(registry, SITE)
    await settlePrefixRecords(registry, LOG)
  })
})

describe('what the holder writes', () => {
  beforeEach(() => allot())

  test('keys, a group of administrators and rights of his own; the node’s part stays', async () => {
    const group = { ...value(200, 'HS_VLIST'), data: encodeValueList([{ handle: `0.NA/${prefix}`, index: 300 }]) }
    const admin = { permissions: 0x40, handle: `0.NA/${prefix}`, index: 200, hasTail: false }
    const rights = { ...value(101, 'HS_ADMIN'), data: encodeAdmin(admin) }
    const receipt = await put([rights, group, keyValue(), secretValue()])
    expect(receipt).toMatchObject({ outcome: 'replaced', version: 2, key: `0.na/${prefix}` })
    expect(Number(receipt.token)).toBeGreaterThan(0)
    expect((await valuesOf(prefix)).map(({ index }) => index)).toEqual([1, 20, 101, 200, 300, 301])
    expect(await put([rights, group, keyValue(), secretValue()])).toMatchObject({ outcome: 'unchanged', version: 2 })
  })

  test('what is there may be sent along as it is, and nothing of it may be sent otherwise', async () => {
    const there = await valuesOf(prefix)
    expect(await put([...there, keyValue()])).toMatchObject({ outcome: 'replaced', version: 2 })
    const moved = there.map((one) => (one.index === 1 ? { ...one, data: OWN[0]! } : one))
    await expect(put(moved)).rejects.toMatchObject({ code: 'record-invalid', faults: [{ field: 'values[0]' }] })
    await expect(put([value(50, 'URL', 'x')])).rejects.toMatchObject({ code: 'record-invalid' })
    expect(await feedOf(fixture.db, `i:0.na/${prefix}`)).toEqual([1, 2])
  })

  test.each([
    ['a site', 'HS_SITE'],
    ['a site for IPv6', 'hs_site.6'],
    ['a service', 'HS_SERV'],
    ['a service of prefixes', 'HS_SERV.PREFIX'],
    ['a namespace', 'HS_NAMESPACE'],
  ])('no holder sends others elsewhere: %s is the node’s to give', async (_what, type) => {
    await expect(put([{ ...value(400, type), data: type.startsWith('HS_SERV') ? '88.1/x' : OWN[0]! }])).rejects.toThrow(
      /only the node gives/,
    )
  })

  test('no secret that gives itself away, and no template', async () => {
    await expect(put([{ ...secretValue(), permissions: 0b1110 }])).rejects.toMatchObject({ code: 'record-invalid' })
    const templated = { ...write([]), template: 'part' }
    await expect(writeIdentifier(fixture.registry, fixture.acme, templated)).rejects.toMatchObject({
      faults: [{ field: 'template' }],
    })
  })

  test('under conditions, by amendment, in a batch and joined with others, as any record', async () => {
    const { registry, acme } = fixture
    await expect(put([], version(7))).rejects.toMatchObject({ code: 'precondition-failed' })
    expect(await put([secretValue()], version(1))).toMatchObject({ version: 2 })
    const amend = (current: { readonly values: readonly Value[] }) =>
      ({ ok: true, value: { template: '', values: [...current.values, keyValue()] } }) as const
    const amended = await amendIdentifier(registry, acme, { identifier: prefixHandle(prefix), amend })
    expect(amended).toMatchObject({ outcome: 'replaced', version: 3 })
    const batch = [registration(`${prefix}/a`, 'a'), write([keyValue()]), registration(`${prefix}/b`, 'b')]
    expect((await writeIdentifiers(registry, acme, batch)).map(({ ok }) => ok)).toEqual([true, true, true])
    expect(await feedOf(fixture.db, `i:0.na/${prefix}`)).toEqual([1, 2, 3, 4])
    const joined = joinWrites(registry)
    expect(await writeIdentifier(joined, acme, write([secretValue()]))).toMatchObject({ version: 5 })
    const key = { key: 'again', requestSha256: Buffer.alloc(32) }
    const first = await writeIdentifier(joined, acme, write([]), key)
    expect(await writeIdentifier(joined, acme, write([]), key)).toEqual(first)
  })

  test('by nobody else, and not while the prefix is suspended', async () => {
    const { registry, globex, acme, admin } = fixture
    const by = (principal: Parameters<typeof writeIdentifier>[1], at = prefix) =>
      writeIdentifier(registry, principal, write([], at))
    await expect(by(globex)).rejects.toMatchObject({ code: 'prefix-not-held' })
    await expect(by(acme, '88.118.9')).rejects.toMatchObject({ code: 'prefix-not-held' })
    const limited = await enterpriseUser(registry, admin, { enterpriseId: 'acme', prefixes: ['88.118.8'] })
    await expect(by(limited)).rejects.toMatchObject({ code: 'not-permitted' })
    await expect(by({ ...acme, scopes: ['read'] })).rejects.toMatchObject({ code: 'not-permitted' })
    await expect(by(acme, '10.1000')).rejects.toMatchObject({ code: 'prefix-not-served' })
    expect(await by(admin)).toMatchObject({ outcome: 'replaced' })
    await changeEnterprise(registry, admin, { id: 'acme', state: 'suspended' })
    await expect(by(acme)).rejects.toMatchObject({ code: 'not-permitted' })
    await expect(by(admin)).rejects.toMatchObject({ code: 'prefix-suspended' })
    await changeEnterprise(registry, admin, { id: 'acme', state: 'active' })
  })

  test('it is withdrawn by nobody: it stays as long as the prefix does', async () => {
    const { registry, admin, acme } = fixture
    for (const principal of [acme, admin])
      await expect(writeIdentifier(registry, principal, withdrawal(`0.NA/${prefix}`))).rejects.toMatchObject({
        code: 'not-permitted',
      })
    await expect(writeIdentifier(registry, admin, registration(`0.NA/${prefix}/x`, 'a'))).rejects.toThrow(
      /nothing else is registered/,
    )
  })

  test('while the service changes, neither part is lost', async () => {
    const writes = Array.from({ length: 12 }, (_, at) => [
      put([value(100 + at, 'NOTE', String(at))]),
      change({ service: at % 2 === 0 ? SELF_BUILT : 'hosted' }),
    ])
    await Promise.all(writes.flat())
    await change({ service: 'hosted' })
    const values = await valuesOf(prefix)
    expect(addressesIn(values)).toEqual(['198.51.100.1'])
    expect(values.map(({ type }) => type)).toEqual(['HS_SITE', 'HS_NAMESPACE', 'NOTE'])
  })
})

describe('below a self-built prefix', () => {
  beforeEach(() => allot(SELF_BUILT))

  test('nothing is registered here: its own server is the authority', async () => {
    const { registry, acme } = fixture
    const item = registration(`${prefix}/a`, 'a')
    for (const through of [registry, joinWrites(registry)])
      await expect(writeIdentifier(through, acme, item)).rejects.toMatchObject({ code: 'served-elsewhere' })
    const many = await writeIdentifiers(registry, acme, [
      item,
      registration('88.118.8/fine', 'a'),
      withdrawal(`${prefix}/b`),
    ])
    expect(many.map((one) => (one.ok ? 'ok' : one.error.code))).toEqual(['served-elsewhere', 'ok', 'served-elsewhere'])
    const amend = () => ({ ok: true, value: { template: '', values: [] } }) as const
    await expect(amendIdentifier(registry, acme, { identifier: item.identifier, amend })).rejects.toMatchObject({
      code: 'served-elsewhere',
    })
    expect(await fixture.db.query('select from identifier where key like $1', [`${prefix}/%`])).toEqual([])
  })

  test('its own record is the node’s, and its holder’s to write', async () => {
    expect(await put([keyValue()])).toMatchObject({ outcome: 'replaced', version: 2 })
    expect(addressesIn(await valuesOf(prefix))).toEqual(['203.0.113.7'])
  })

  test('routes say so, in the version of the prefix', async () => {
    const routes = await loadRoutes(fixture.db)
    expect(routes.get(prefix)?.selfBuilt).toMatchObject({ version: 1, service: { handle: '' } })
    await change({ service: 'hosted' })
    expect((await loadRoutes(fixture.db)).get(prefix)).not.toHaveProperty('selfBuilt')
  })

  test('no write that began before the change ends after it', async () => {
    await change({ service: 'hosted' })
    const { registry, acme, db } = fixture
    let writing = true
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let count = 0; writing; count += 1)
        await writeIdentifier(registry, acme, registration(`${prefix}/w${writer}-${count}`, 'a')).catch(() => undefined)
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    await change({ service: SELF_BUILT })
    const count = () => db.query('select count(*) from identifier where key like $1', [`${prefix}/%`])
    const before = await count()
    for (let at = 0; at < 8; at += 1)
      await writeIdentifier(registry, acme, registration(`${prefix}/late-${at}`, 'a')).catch(() => undefined)
    writing = false
    await Promise.all(writers)
    expect(await count()).toEqual(before)
  })
})

/** Statements of transactions that hold this text wait for the gate. */
function pausedBefore(db: Database, text: string, gate: Promise<void>): Database {
  const paused = (tx: Transaction): Transaction => ({
    ...tx,
    query: async (statement, parameters) => {
      if (statement.includes(text)) await gate
      return tx.query(statement, parameters)
    },
  })
  return { ...db, transaction: (work, options) => db.transaction((tx) => work(paused(tx)), options) }
}

function openTransactions(db: Database): Promise<number> {
  return sessions(db, "state = 'idle in transaction'")
}

function waitingForLocks(db: Database): Promise<number> {
  return sessions(db, "wait_event_type = 'Lock'")
}

async function sessions(db: Database, which: string): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    `select count(*) as count from pg_stat_activity where datname = current_database() and ${which}`,
  )
  return row!.count
}

function allot(service?: ServiceLocation) {
  const allotment = { prefix, enterpriseId: 'acme', ...(service && { service }) }
  return allotPrefix(fixture.registry, fixture.admin, allotment)
}

function change(wanted: Omit<Parameters<typeof changePrefix>[2], 'prefix'>) {
  return changePrefix(fixture.registry, fixture.admin, { prefix, ...wanted })
}

function write(values: readonly Value[], at = prefix): Registration {
  return { identifier: prefixHandle(at), intent: 'register', template: '', values }
}

function put(values: readonly Value[], precondition?: Registration['precondition']) {
  return writeIdentifier(fixture.registry, fixture.acme, { ...write(values), ...(precondition && { precondition }) })
}

async function valuesOf(name: string): Promise<readonly Value[]> {
  const answer = await findVersion(fixture.db, `0.na/${name}`, { atMs: systemClock.nowMs() + 1_000 })
  if (answer?.kind !== 'found') throw new Error(`0.NA/${name} is ${answer?.kind}`)
  return answer.record.values
}

function addressesIn(values: readonly Value[]): readonly string[] {
  return values.flatMap(({ type, data }) => {
    const site = type.startsWith('HS_SITE') ? decodeSite(data as Uint8Array) : undefined
    return site?.ok ? site.value.servers.map(({ address }) => address) : []
  })
}

function value(index: number, type: string, data: string | Uint8Array = ''): Value {
  return { index, type, data, ttlSeconds: 86_400, permissions: 0b1110, timestampSeconds: NOW }
}

function secretValue(): Value {
  return { ...value(301, 'HS_SECKEY', 'hush'), permissions: 0b1100 }
}

const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })

function keyValue(): Value {
  return value(300, 'HS_PUBKEY', encodePublicKey(publicKeyRecord(publicKey)!))
}
