/** API keys of Handle identities: one for each, of their enterprise, with the standing of every other key. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findPrincipal, issueApiKey, listApiKeys, revokeApiKey } from '../../src/registry/api-keys.js'
import { changeEnterprise } from '../../src/registry/enterprises.js'
import { type ActingIdentity, actingPrincipal } from '../../src/registry/handle-identities.js'
import { writeIdentifier } from '../../src/registry/identifiers.js'
import { feedOf, type RegistryFixture, registration, registryFixture } from './fixture.js'

let fixture: RegistryFixture
beforeAll(async () => {
  fixture = await registryFixture()
})
afterAll(() => fixture.close())

const IDENTITY: ActingIdentity = { handle: '0.na/88.118.8', index: 300, keySha256: 'aa', enterpriseId: 'acme' }

test('an identity acts for its enterprise, by one key, told in the feed, whoever asks first', async () => {
  const { registry, db } = fixture
  const all = await Promise.all(Array.from({ length: 10 }, () => actingPrincipal(registry, IDENTITY)))
  const [principal] = all
  expect(new Set(all.map(({ apiKeyId }) => apiKeyId)).size).toBe(1)
  expect(principal).toEqual({
    kind: 'enterprise',
    enterpriseId: 'acme',
    apiKeyId: principal!.apiKeyId,
    scopes: ['read', 'write'],
  })
  expect(await feedOf(db, `k:${principal!.apiKeyId}`)).toEqual([1])
  const receipt = await writeIdentifier(registry, principal!, registration('88.118.8/by-identity', 'x'))
  expect(receipt.outcome).toBe('created')
  await expect(writeIdentifier(registry, principal!, registration('88.118.9/x', 'x'))).rejects.toMatchObject({
    code: 'prefix-not-held',
  })
})

test('nobody can present its key, though it is listed with what it is', async () => {
  const { registry, db, acme } = fixture
  const { apiKeyId } = await actingPrincipal(registry, IDENTITY)
  const keys = await listApiKeys(registry, acme, { enterpriseId: 'acme', limit: 10 })
  expect(keys.find(({ id }) => id === apiKeyId)).toMatchObject({ label: 'Handle identity 300:0.na/88.118.8' })
  expect(await findPrincipal(db, `jx_${apiKeyId}_${'A'.repeat(43)}`)).toBeUndefined()
})

test('another key, another enterprise or the administrator is another', async () => {
  const { registry } = fixture
  const ids = []
  for (const change of [{}, { keySha256: 'bb' }, { index: 301 }, { enterpriseId: 'globex' }, { enterpriseId: null }]) {
    ids.push((await actingPrincipal(registry, { ...IDENTITY, ...change })).apiKeyId)
  }
  expect(new Set(ids).size).toBe(5)
  expect(await actingPrincipal(registry, { ...IDENTITY, enterpriseId: null })).toMatchObject({ kind: 'administrator' })
})

test('one whose key is revoked gets no other', async () => {
  const { registry, acme } = fixture
  const identity = { ...IDENTITY, index: 400 }
  const { apiKeyId } = await actingPrincipal(registry, identity)
  await revokeApiKey(registry, acme, apiKeyId)
  await expect(actingPrincipal(registry, identity)).rejects.toMatchObject({ code: 'not-authenticated' })
})

test('none acts for an enterprise that is suspended, known or new', async () => {
  const { registry, admin } = fixture
  const known = { ...IDENTITY, index: 500 }
  await actingPrincipal(registry, known)
  await changeEnterprise(registry, admin, { id: 'acme', state: 'suspended' })
  for (const identity of [known, { ...IDENTITY, index: 501 }]) {
    await expect(actingPrincipal(registry, identity)).rejects.toMatchObject({ code: 'not-permitted' })
  }
  await changeEnterprise(registry, admin, { id: 'acme', state: 'active' })
  await actingPrincipal(registry, known)
})

test('an enterprise’s own key may revoke them as far as it reaches itself', async () => {
  const { registry, admin } = fixture
  const { apiKeyId } = await actingPrincipal(registry, { ...IDENTITY, index: 600 })
  const issued = await issueApiKey(registry, admin, { enterpriseId: 'acme', scopes: ['keys'] })
  const limited = (await findPrincipal(fixture.db, issued.apiKey))!
  await expect(revokeApiKey(registry, limited, apiKeyId)).rejects.toMatchObject({ code: 'not-permitted' })
})
