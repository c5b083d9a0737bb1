import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  type ApiKeyRequest,
  ensureAdminKey,
  findPrincipal,
  issueApiKey,
  listApiKeys,
  revokeApiKey,
} from '../../src/registry/api-keys.js'
import { changeEnterprise, createEnterprise } from '../../src/registry/enterprises.js'
import { ANONYMOUS, type Principal } from '../../src/security/principal.js'
import { testDatabase } from '../support/database.js'
import { enterpriseUser, feedOf, type RegistryFixture, registryFixture } from './fixture.js'

let fixture: RegistryFixture
beforeAll(async () => {
  fixture = await registryFixture()
})
afterAll(() => fixture.close())
beforeEach(() => {
  fixture.committed.length = 0
})

test('an issued key stands for its enterprise, with its scopes and prefixes, and its secret is stored nowhere', async () => {
  const { db, acme, committed } = fixture
  const issued = await issue(acme, { scopes: ['read', 'write', 'read'], prefixes: ['88.118.8'], label: 'line 3' })
  expect(issued).toMatchObject({ enterpriseId: 'acme', scopes: ['read', 'write'], label: 'line 3', version: 1 })
  expect(await findPrincipal(db, issued.apiKey)).toEqual({
    kind: 'enterprise',
    enterpriseId: 'acme',
    apiKeyId: issued.id,
    scopes: ['read', 'write'],
    prefixes: ['88.118.8'],
  })
  expect(committed).toMatchObject([{ keys: [`k:${issued.id}`], versions: [1] }])
  const [{ row }] = (await db.query('select k::text as row from api_key k where id = $1', [issued.id])) as [
    { row: string },
  ]
  expect(row).not.toContain(issued.apiKey.split('_').at(-1))
})

test('what is not exactly a good key stands for nobody', async () => {
  const { db, acme } = fixture
  const { apiKey, id } = await issue(acme, { scopes: ['read'] })
  const other = await issue(acme, { scopes: ['read'] })
  const swapped = `jx_${id}_${other.apiKey.slice(-43)}`
  for (const text of [
    '',
    'x',
    `${apiKey}x`,
    apiKey.slice(0, -1),
    apiKey.toUpperCase(),
    swapped,
    'a\0',
    'x'.repeat(5000),
  ]) {
    expect(await findPrincipal(db, text)).toBeUndefined()
  }
})

test('revoking works at once, for ever, and a second time changes nothing', async () => {
  const { db, registry, acme, committed } = fixture
  const { apiKey, id } = await issue(acme, { scopes: ['read'] })
  const revoked = await revokeApiKey(registry, acme, id)
  expect(revoked.revokedAt).toBeInstanceOf(Date)
  expect(await findPrincipal(db, apiKey)).toBeUndefined()
  expect(await revokeApiKey(registry, acme, id)).toEqual(revoked)
  expect(await feedOf(db, `k:${id}`)).toEqual([1, 2])
  expect(committed).toHaveLength(2)
})

test('a key that has expired, or whose enterprise is suspended, stands for nobody', async () => {
  const { db, registry, admin } = fixture
  await createEnterprise(registry, admin, { id: 'brief', name: 'Brief' })
  const short = await issueApiKey(registry, admin, {
    enterpriseId: 'brief',
    scopes: ['read'],
    expiresAt: new Date(Date.now() + 3_000),
  })
  const long = await issueApiKey(registry, admin, { enterpriseId: 'brief', scopes: ['read'] })
  expect(await findPrincipal(db, short.apiKey)).toBeDefined()
  await expect.poll(() => findPrincipal(db, short.apiKey)).toBeUndefined()

  await changeEnterprise(registry, admin, { id: 'brief', state: 'suspended' })
  expect(await findPrincipal(db, long.apiKey)).toBeUndefined()
  await changeEnterprise(registry, admin, { id: 'brief', state: 'active' })
  expect(await findPrincipal(db, long.apiKey)).toBeDefined()
})

test('nobody gives away more than they have: scopes, prefixes, time, enterprise', async () => {
  const { db, registry, acme, globex, admin } = fixture
  const limited = await enterpriseUser(registry, acme, {
    enterpriseId: 'acme',
    scopes: ['read', 'keys'],
    prefixes: ['88.118.8'],
  })
  const refused = [
    [limited, { scopes: ['write'], prefixes: ['88.118.8'] }],
    [limited, { scopes: ['read'] }],
    [limited, { scopes: ['read'], prefixes: ['urn:oid:1.2.156.3000'] }],
    [globex, { scopes: ['read'] }],
    [globex, { scopes: ['read'], enterpriseId: null }],
    [{ ...acme, scopes: ['read', 'write'] }, { scopes: ['read'] }],
  ] as const
  for (const [principal, request] of refused) {
    await expect(issue(principal, request)).rejects.toMatchObject({ code: 'not-permitted' })
  }
  await expect(issue(ANONYMOUS, { scopes: ['read'] })).rejects.toMatchObject({ code: 'not-authenticated' })
  await expect(issue(acme, { scopes: ['read'], prefixes: ['88.118.9'] })).rejects.toMatchObject({
    code: 'prefix-not-held',
  })
  expect(await issue(limited, { scopes: ['read'], prefixes: ['88.118.8'] })).toMatchObject({ scopes: ['read'] })

  const soon = new Date(Date.now() + 60_000)
  const expiring = await issueApiKey(registry, admin, {
    enterpriseId: 'acme',
    scopes: ['read', 'keys'],
    expiresAt: soon,
  })
  const heir = (await findPrincipal(db, expiring.apiKey))!
  expect((await issue(heir, { scopes: ['read'] })).expiresAt).toEqual(soon)
  const later = new Date(Date.now() + 120_000)
  expect((await issue(heir, { scopes: ['read'], expiresAt: later })).expiresAt).toEqual(soon)
})

test('keys of others cannot be revoked, nor keys that reach further; an own key always can', async () => {
  const { registry, acme, globex, admin } = fixture
  const theirs = await issue(acme, { scopes: ['read'] })
  await expect(revokeApiKey(registry, globex, theirs.id)).rejects.toMatchObject({ code: 'not-found' })
  await expect(revokeApiKey(registry, globex, admin.apiKeyId)).rejects.toMatchObject({ code: 'not-found' })
  await expect(revokeApiKey(registry, globex, 'nosuchkey\0')).rejects.toMatchObject({ code: 'not-found' })

  const clerk = await enterpriseUser(registry, acme, { enterpriseId: 'acme', scopes: ['keys'] })
  await expect(revokeApiKey(registry, clerk, acme.apiKeyId)).rejects.toMatchObject({ code: 'not-permitted' })
  expect((await revokeApiKey(registry, clerk, clerk.apiKeyId)).revokedAt).toBeInstanceOf(Date)
  await expect(revokeApiKey(registry, clerk, clerk.apiKeyId)).rejects.toMatchObject({ code: 'not-authenticated' })
})

test('two that revoke each other at the same time do not hang', async () => {
  const { registry, admin } = fixture
  const tookMs: number[] = []
  for (let round = 0; round < 10; round += 1) {
    const [one, other] = await Promise.all([1, 2].map(() => enterpriseUser(registry, admin, { enterpriseId: 'acme' })))
    const began = performance.now()
    await Promise.allSettled([
      revokeApiKey(registry, one!, other!.apiKeyId),
      revokeApiKey(registry, other!, one!.apiKeyId),
      revokeApiKey(registry, one!, one!.apiKeyId),
    ])
    tookMs.push(performance.now() - began)
  }
  // PostgreSQL sees after a second that two wait for each other. One round may have met a pause of the machine.
  expect(tookMs.filter((ms) => ms >= 900).length).toBeLessThanOrEqual(1)
})

test.each([
  ['scopes', { scopes: [] }],
  ['scopes', { scopes: ['everything'] as never }],
  ['label', { label: 'a\0' }],
  ['label', { label: 'x'.repeat(201) }],
  ['prefixes', { prefixes: [] }],
  ['expiresAt', { expiresAt: new Date(0) }],
  ['expiresAt', { expiresAt: new Date(Number.NaN) }],
])('a request with %s out of order names the field', async (field, part) => {
  await expect(issue(fixture.admin, { scopes: ['read'], ...part })).rejects.toMatchObject({
    code: 'request-malformed',
    faults: [{ field }],
  })
})

test('keys are listed by enterprise, page by page, without their secrets', async () => {
  const { registry, admin, acme, globex } = fixture
  const all = await listApiKeys(registry, admin, { enterpriseId: 'acme', limit: 100 })
  expect(all.length).toBeGreaterThan(3)
  const first = await listApiKeys(registry, acme, { enterpriseId: 'acme', limit: 2 })
  const rest = await listApiKeys(registry, acme, { enterpriseId: 'acme', after: first.at(-1)!.id, limit: 100 })
  expect([...first, ...rest]).toEqual(all)
  expect(JSON.stringify(all)).not.toMatch(/secret/i)
  await expect(listApiKeys(registry, globex, { enterpriseId: 'acme', limit: 1 })).rejects.toMatchObject({
    code: 'not-permitted',
  })
  await expect(listApiKeys(registry, acme, { enterpriseId: null, limit: 1 })).rejects.toMatchObject({
    code: 'not-permitted',
  })
  expect(await listApiKeys(registry, admin, { enterpriseId: null, limit: 9 })).toMatchObject([{ enterpriseId: null }])
})

test('an administrator can have several keys', async () => {
  const { db, admin } = fixture
  const issued = await issue(admin, { enterpriseId: null, scopes: ['read', 'write', 'keys'] })
  expect(await findPrincipal(db, issued.apiKey)).toEqual({ kind: 'administrator', apiKeyId: issued.id })
})

test('the first start makes one key of an administrator, however many processes start; later ones make none', async () => {
  const { db, close } = await testDatabase()
  try {
    const made = (await Promise.all([1, 2, 3, 4].map(() => ensureAdminKey(db)))).filter((text) => text !== undefined)
    expect(made).toHaveLength(1)
    expect(await findPrincipal(db, made[0]!)).toMatchObject({ kind: 'administrator' })
    expect(await ensureAdminKey(db)).toBeUndefined()
  } finally {
    await close()
  }
})

test('a configured key works whatever it looks like; the one configured before works no longer', async () => {
  const { db, close } = await testDatabase()
  try {
    const likeOurs = `jx_abcdefghijkl_${'a'.repeat(43)}`
    for (const configured of ['correct horse battery staple', likeOurs]) {
      expect(await ensureAdminKey(db, configured)).toBeUndefined()
      expect(await ensureAdminKey(db, configured)).toBeUndefined()
      expect(await findPrincipal(db, configured)).toMatchObject({ kind: 'administrator' })
      expect(await findPrincipal(db, `${configured}x`)).toBeUndefined()
    }
    expect(await findPrincipal(db, 'correct horse battery staple')).toBeUndefined()
    expect(await feedOf(db, 'k:configured')).toEqual([1, 2])
    await expect(ensureAdminKey(db, 'too short')).rejects.toMatchObject({ code: 'request-malformed' })
  } finally {
    await close()
  }
})

function issue(principal: Principal, request: Partial<ApiKeyRequest>) {
  return issueApiKey(fixture.registry, principal, { enterpriseId: 'acme', scopes: ['read'], ...request })
}
