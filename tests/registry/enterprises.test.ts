import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { changeEnterprise, createEnterprise, findEnterprise, listEnterprises } from '../../src/registry/enterprises.js'
import { allotPrefix, changePrefix, findPrefix, listPrefixes, loadRoutes } from '../../src/registry/prefixes.js'
import { ANONYMOUS } from '../../src/security/principal.js'
import { enterpriseUser, type RegistryFixture, registryFixture } from './fixture.js'

let fixture: RegistryFixture
beforeAll(async () => {
  fixture = await registryFixture()
})
afterAll(() => fixture.close())
beforeEach(() => {
  fixture.committed.length = 0
})

test('an enterprise is created once, with an id of its own or a made-up one', async () => {
  const { registry, admin } = fixture
  expect(await createEnterprise(registry, admin, { id: 'initech', name: ' Initech ' })).toMatchObject({
    id: 'initech',
    name: 'Initech',
    state: 'active',
    version: 1,
  })
  expect((await createEnterprise(registry, admin, { name: '某某公司' })).id).toMatch(/^e-[a-z2-7]{10}$/)
  await expect(createEnterprise(registry, admin, { id: 'initech', name: 'Again' })).rejects.toMatchObject({
    code: 'already-exists',
  })
})

test.each([
  ['id', { id: 'Capital', name: 'x' }],
  ['id', { id: '-x', name: 'x' }],
  ['id', { id: '', name: 'x' }],
  ['name', { name: '  ' }],
  ['name', { name: 'a\0' }],
  ['name', { name: 'x'.repeat(201) }],
])('an enterprise with an %s out of order is refused', async (field, enterprise) => {
  await expect(createEnterprise(fixture.registry, fixture.admin, enterprise)).rejects.toMatchObject({
    code: 'request-malformed',
    faults: [{ field }],
  })
})

test('only the administrator manages enterprises and prefixes; an enterprise sees itself', async () => {
  const { registry, acme, admin } = fixture
  const attempts = [
    () => createEnterprise(registry, acme, { name: 'x' }),
    () => changeEnterprise(registry, acme, { id: 'acme', name: 'x' }),
    () => listEnterprises(registry, acme, { limit: 1 }),
    () => findEnterprise(registry, acme, 'globex'),
    () => allotPrefix(registry, acme, { prefix: '88.1' }),
    () => changePrefix(registry, acme, { prefix: '88.118.8', state: 'suspended' }),
  ]
  for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject({ code: 'not-permitted' })
  await expect(findEnterprise(registry, ANONYMOUS, 'acme')).rejects.toMatchObject({ code: 'not-authenticated' })
  expect(await findEnterprise(registry, acme, 'acme')).toMatchObject({ name: 'Acme' })
  expect(await findEnterprise(registry, admin, 'globex')).toMatchObject({ name: 'Globex' })
  expect(await findEnterprise(registry, admin, 'nobody')).toBeUndefined()
  expect(await findEnterprise(registry, admin, 'no\0body')).toBeUndefined()
})

test('enterprises and prefixes are listed page by page', async () => {
  const { db, registry, admin } = fixture
  const all = await listEnterprises(registry, admin, { limit: 100 })
  const first = await listEnterprises(registry, admin, { limit: 1 })
  const rest = await listEnterprises(registry, admin, { after: first[0]!.id, limit: 100 })
  expect([...first, ...rest]).toEqual(all)

  expect((await listPrefixes(db, { enterpriseId: 'acme', limit: 10 })).map(({ prefix }) => prefix)).toEqual([
    '88.118.8',
    'urn:oid:1.2.156.3000',
  ])
  const after = await listPrefixes(db, { after: '88.118.8', limit: 1 })
  expect(after).toMatchObject([{ prefix: '88.118.9', enterpriseId: 'globex', state: 'active' }])
  await expect(listPrefixes(db, { after: '\0', limit: 1 })).rejects.toMatchObject({ code: 'request-malformed' })
})

test('suspending an enterprise is one change of all its prefixes and keys; what is already so is none', async () => {
  const { db, registry, admin, globex, committed } = fixture
  const second = await enterpriseUser(registry, admin, { enterpriseId: 'globex' })
  committed.length = 0
  await changeEnterprise(registry, admin, { id: 'globex', state: 'suspended' })
  expect(committed).toHaveLength(1)
  expect(new Set(committed[0]!.keys)).toEqual(new Set(['p:88.118.9', `k:${globex.apiKeyId}`, `k:${second.apiKeyId}`]))
  expect(committed[0]!.versions).toEqual([2, 2, 2])
  expect((await loadRoutes(db)).get('88.118.9')).toEqual({
    prefix: '88.118.9',
    state: 'suspended',
    enterpriseId: 'globex',
  })

  await changeEnterprise(registry, admin, { id: 'globex', state: 'suspended' })
  await changeEnterprise(registry, admin, { id: 'globex', name: 'Globex Ltd' })
  expect(committed).toHaveLength(1)

  // What it is given while suspended does not work either.
  await allotPrefix(registry, admin, { prefix: '88.118.99', enterpriseId: 'globex' })
  expect((await loadRoutes(db)).get('88.118.99')?.state).toBe('suspended')
  await changeEnterprise(registry, admin, { id: 'globex', state: 'active' })
  const routes = await loadRoutes(db)
  expect([routes.get('88.118.9')?.state, routes.get('88.118.99')?.state]).toEqual(['active', 'active'])
})

test('a prefix is allotted once, in its canonical form, to an enterprise or to the node itself', async () => {
  const { db, registry, admin, committed } = fixture
  expect(await allotPrefix(registry, admin, { prefix: '88.ABC', enterpriseId: 'acme' })).toMatchObject({
    prefix: '88.abc',
    enterpriseId: 'acme',
    version: 1,
  })
  expect(await allotPrefix(registry, admin, { prefix: 'oid:1.2.156.4000' })).toMatchObject({
    prefix: 'urn:oid:1.2.156.4000',
    enterpriseId: null,
  })
  expect(committed.map(({ keys }) => keys)).toEqual([['p:88.abc', 'i:0.na/88.abc'], ['p:urn:oid:1.2.156.4000']])
  expect((await loadRoutes(db)).get('urn:oid:1.2.156.4000')).toEqual({
    prefix: 'urn:oid:1.2.156.4000',
    state: 'active',
  })

  await expect(allotPrefix(registry, admin, { prefix: '88.abc' })).rejects.toMatchObject({ code: 'already-exists' })
  await expect(allotPrefix(registry, admin, { prefix: '88.2', enterpriseId: 'nobody' })).rejects.toMatchObject({
    code: 'not-found',
  })
  await expect(allotPrefix(registry, admin, { prefix: '88./' })).rejects.toMatchObject({
    code: 'request-malformed',
    faults: [{ field: 'prefix', position: expect.any(Number) }],
  })
  expect(committed).toHaveLength(2)
})

test('a prefix is suspended, moves to another enterprise or to the node; each is one version and one change', async () => {
  const { db, registry, admin, committed } = fixture
  await allotPrefix(registry, admin, { prefix: '88.77', enterpriseId: 'acme' })
  committed.length = 0
  const steps = [
    [{ state: 'suspended' }, { state: 'suspended', enterpriseId: 'acme', version: 2 }],
    [{ enterpriseId: 'globex' }, { state: 'suspended', enterpriseId: 'globex', version: 3 }],
    [
      { enterpriseId: null, state: 'active' },
      { state: 'active', enterpriseId: null, version: 4 },
    ],
    [
      { enterpriseId: null, state: 'active' },
      { state: 'active', enterpriseId: null, version: 4 },
    ],
  ] as const
  for (const [change, expected] of steps) {
    expect(await changePrefix(registry, admin, { prefix: '88.77', ...change })).toMatchObject(expected)
  }
  expect(committed.map(({ versions }) => versions)).toEqual([[2], [3], [4]])
  expect(await findPrefix(db, '88.77')).toMatchObject({ version: 4, enterpriseId: null })
  expect(await findPrefix(db, '88.78')).toBeUndefined()
  await expect(changePrefix(registry, admin, { prefix: '88.78', state: 'active' })).rejects.toMatchObject({
    code: 'not-found',
  })
})

test('a prefix that moves to a suspended enterprise stops working, and works again elsewhere', async () => {
  const { db, registry, admin } = fixture
  await createEnterprise(registry, admin, { id: 'asleep', name: 'Asleep' })
  await changeEnterprise(registry, admin, { id: 'asleep', state: 'suspended' })
  await allotPrefix(registry, admin, { prefix: '88.66', enterpriseId: 'acme' })
  await changePrefix(registry, admin, { prefix: '88.66', enterpriseId: 'asleep' })
  expect((await loadRoutes(db)).get('88.66')?.state).toBe('suspended')
  await changePrefix(registry, admin, { prefix: '88.66', enterpriseId: 'acme' })
  expect((await loadRoutes(db)).get('88.66')?.state).toBe('active')
})
