import { afterAll, beforeAll, expect, test } from 'vitest'
import { issueApiKey, revokeApiKey } from '../../src/registry/api-keys.js'
import { changeEnterprise, createEnterprise } from '../../src/registry/enterprises.js'
import { writeIdentifier, writeIdentifiers } from '../../src/registry/identifiers.js'
import { allotPrefix, changePrefix } from '../../src/registry/prefixes.js'
import { ANONYMOUS, type Principal } from '../../src/security/principal.js'
import { enterpriseUser, type RegistryFixture, registration, registryFixture, withdrawal } from './fixture.js'

let fixture: RegistryFixture
beforeAll(async () => {
  fixture = await registryFixture()
})
afterAll(() => fixture.close())

test('an enterprise writes below its own prefix only, and each refusal has its own code', async () => {
  const { acme, globex } = fixture
  await expect(write(globex, '88.118.8/x')).rejects.toMatchObject({ code: 'prefix-not-held' })
  await expect(write(acme, '88.118.9/x')).rejects.toMatchObject({ code: 'prefix-not-held' })
  await expect(write(acme, '88.118.77/x')).rejects.toMatchObject({ code: 'prefix-not-served' })
  await expect(write(ANONYMOUS, '88.118.8/x')).rejects.toMatchObject({ code: 'not-authenticated' })
  await expect(write({ ...acme, scopes: ['read', 'keys'] }, '88.118.8/x')).rejects.toMatchObject({
    code: 'not-permitted',
  })
  expect(await fixture.db.query(`select from identifier where not starts_with(key, '0.na/')`)).toEqual([])
})

test('another enterprise can neither change nor withdraw what is there', async () => {
  const { acme, globex, registry } = fixture
  await write(acme, '88.118.8/mine')
  await expect(write(globex, '88.118.8/mine')).rejects.toMatchObject({ code: 'prefix-not-held' })
  await expect(writeIdentifier(registry, globex, withdrawal('88.118.8/mine'))).rejects.toMatchObject({
    code: 'prefix-not-held',
  })
})

test('an administrator writes below every prefix of this node, also one that nobody holds', async () => {
  const { admin, registry } = fixture
  await allotPrefix(registry, admin, { prefix: '88.100.1' })
  expect(await write(admin, '88.118.8/by-admin')).toMatchObject({ version: 1 })
  expect(await write(admin, '88.100.1/own')).toMatchObject({ version: 1 })
  await expect(write(fixture.acme, '88.100.1/own')).rejects.toMatchObject({ code: 'prefix-not-held' })
  await expect(write(admin, '88.118.77/x')).rejects.toMatchObject({ code: 'prefix-not-served' })
})

test("a handle's prefix must be allotted as it is; of an object identifier the longest known arc decides", async () => {
  const { admin, acme, globex, registry, db } = fixture
  await allotPrefix(registry, admin, { prefix: '88.55', enterpriseId: 'acme' })
  await expect(write(acme, '88.55.1/x')).rejects.toMatchObject({ code: 'prefix-not-served' })

  await allotPrefix(registry, admin, { prefix: 'urn:oid:1.2.156.3000.5', enterpriseId: 'globex' })
  await write(acme, '1.2.156.3000.4.1')
  await write(globex, '1.2.156.3000.5.1')
  await expect(write(acme, '1.2.156.3000.5.2')).rejects.toMatchObject({ code: 'prefix-not-held' })
  await expect(write(acme, '1.2.156.3001.1')).rejects.toMatchObject({ code: 'prefix-not-served' })
  expect(await db.query(`select key, prefix from identifier where key like 'urn:%' order by key`)).toEqual([
    { key: 'urn:oid:1.2.156.3000.4.1', prefix: 'urn:oid:1.2.156.3000' },
    { key: 'urn:oid:1.2.156.3000.5.1', prefix: 'urn:oid:1.2.156.3000.5' },
  ])
})

test('a key that is limited to prefixes writes below these alone', async () => {
  const { admin, acme, registry } = fixture
  await allotPrefix(registry, admin, { prefix: '88.118.81', enterpriseId: 'acme' })
  const limited = await enterpriseUser(registry, acme, { enterpriseId: 'acme', prefixes: ['88.118.81'] })
  expect(await write(limited, '88.118.81/x')).toMatchObject({ version: 1 })
  await expect(write(limited, '88.118.8/limited')).rejects.toMatchObject({ code: 'not-permitted' })
  await expect(write(limited, '88.118.9/limited')).rejects.toMatchObject({ code: 'prefix-not-held' })
})

test('below a suspended prefix nobody writes until it is active again', async () => {
  const { admin, globex, registry } = fixture
  await changePrefix(registry, admin, { prefix: '88.118.9', state: 'suspended' })
  await expect(write(globex, '88.118.9/x')).rejects.toMatchObject({ code: 'prefix-suspended' })
  await expect(write(admin, '88.118.9/x')).rejects.toMatchObject({ code: 'prefix-suspended' })
  await changePrefix(registry, admin, { prefix: '88.118.9', state: 'active' })
  expect(await write(globex, '88.118.9/x')).toMatchObject({ version: 1 })
})

test('a key revoked, expired or of a suspended enterprise since it was presented writes nothing', async () => {
  const { admin, registry, db } = fixture
  await createEnterprise(registry, admin, { id: 'short', name: 'Short-lived' })
  await allotPrefix(registry, admin, { prefix: '88.7', enterpriseId: 'short' })
  const [revoked, expired, left] = await Promise.all(
    [1, 2, 3].map(() => enterpriseUser(registry, admin, { enterpriseId: 'short' })),
  )
  await revokeApiKey(registry, admin, revoked!.apiKeyId)
  await db.query(`update api_key set expires_at = clock_timestamp() where id = $1`, [expired!.apiKeyId])
  await expect(write(revoked!, '88.7/x')).rejects.toMatchObject({ code: 'not-authenticated' })
  await expect(write(expired!, '88.7/x')).rejects.toMatchObject({ code: 'not-authenticated' })

  await changeEnterprise(registry, admin, { id: 'short', state: 'suspended' })
  await expect(write(left!, '88.7/x')).rejects.toMatchObject({ code: 'not-permitted' })
  await expect(write(admin, '88.7/x')).rejects.toMatchObject({ code: 'prefix-suspended' })
  await expect(write({ ...left!, apiKeyId: 'unknown' }, '88.7/x')).rejects.toMatchObject({ code: 'not-authenticated' })
})

test('once a suspension is acknowledged, no write that began before it is committed any more', async () => {
  const { admin, acme, registry, db } = fixture
  for (const suspend of [
    () => changePrefix(registry, admin, { prefix: '88.118.8', state: 'suspended' }),
    () => changeEnterprise(registry, admin, { id: 'acme', state: 'suspended' }),
  ]) {
    let writing = true
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      for (let count = 0; writing; count += 1) await write(acme, `88.118.8/s${writer}-${count}`).catch(() => undefined)
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    await suspend()
    const [before] = await db.query('select count(*) from identifier')
    await new Promise((resolve) => setTimeout(resolve, 50))
    const [after] = await db.query('select count(*) from identifier')
    writing = false
    await Promise.all(writers)
    expect(after).toEqual(before)
    await changeEnterprise(registry, admin, { id: 'acme', state: 'active' })
    await changePrefix(registry, admin, { prefix: '88.118.8', state: 'active' })
  }
  expect(await write(acme, '88.118.8/after')).toMatchObject({ version: 1 })
})

test('a writer that waits for a suspension under way sees it, although its statement began before', async () => {
  const { acme, db } = fixture
  let release!: () => void
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let suspended!: () => void
  const suspending = new Promise<void>((resolve) => {
    suspended = resolve
  })
  const suspension = db.transaction(async (tx) => {
    await tx.query(`update prefix set holder_state = 'suspended', version = version + 1 where name = '88.118.8'`)
    suspended()
    await held
  })
  await suspending
  const waiting = expect(write(acme, '88.118.8/waits')).rejects.toMatchObject({ code: 'prefix-suspended' })
  const items = [1, 2].map((at) => registration(`88.118.8/waits-${at}`, 'a'))
  const waitingBatch = writeIdentifiers(fixture.registry, acme, items)
  await new Promise((resolve) => setTimeout(resolve, 50))
  release()
  await suspension
  await waiting
  for (const outcome of await waitingBatch) expect(outcome).toMatchObject({ error: { code: 'prefix-suspended' } })
  await db.query(`update prefix set holder_state = 'active', version = version + 1 where name = '88.118.8'`)
})

test('authority is judged per item: the rest of a batch is written', async () => {
  const outcomes = await writeIdentifiers(fixture.registry, fixture.acme, [
    registration('88.118.9/foreign', 'a'),
    registration('88.118.8/own', 'a'),
    registration('88.118.77/nowhere', 'a'),
  ])
  expect(outcomes).toMatchObject([
    { ok: false, error: { code: 'prefix-not-held' } },
    { ok: true, receipt: { version: 1 } },
    { ok: false, error: { code: 'prefix-not-served' } },
  ])
})

test('issuing needs a key that is still good', async () => {
  const { admin, registry } = fixture
  const user = await enterpriseUser(registry, admin, { enterpriseId: 'globex' })
  await revokeApiKey(registry, admin, user.apiKeyId)
  await expect(issueApiKey(registry, user, { enterpriseId: 'globex', scopes: ['read'] })).rejects.toMatchObject({
    code: 'not-authenticated',
  })
})

function write(principal: Principal, text: string) {
  return writeIdentifier(fixture.registry, principal, registration(text, 'a'))
}
