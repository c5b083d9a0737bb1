import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../src/platform/clock.js'
import type { Role } from '../../src/platform/roles.js'
import { ensureAdminKey, firstAdministrator } from '../../src/registry/authenticate.js'
import { allotPrefix, listPrefixes } from '../../src/registry/prefixes.js'
import type { Registry } from '../../src/registry/registry.js'
import { holdsBy, settleRole } from '../../src/registry/role.js'
import { testDatabase } from '../support/database.js'

const cleanUps: (() => Promise<void>)[] = []
afterEach(async () => {
  for (let cleanUp = cleanUps.pop(); cleanUp; cleanUp = cleanUps.pop()) await cleanUp()
})

async function nodeOf(role: Role) {
  const database = await testDatabase()
  cleanUps.push(() => database.close())
  await ensureAdminKey(database.db)
  const settings = { role, nodePrefix: '88.118.9', enterprise: 'works' }
  const registry: Registry = {
    db: database.db,
    clock: systemClock,
    holds: holdsBy(settings),
    committed: () => undefined,
  }
  const allot = async (prefix: string) => allotPrefix(registry, await firstAdministrator(database.db), { prefix })
  return { registry, settings, allot }
}

test('an enterprise node holds its prefix from its first start on, however often and at once it starts', async () => {
  const { registry, settings } = await nodeOf('enterprise')
  await Promise.all([settleRole(registry, settings), settleRole(registry, settings)])
  await settleRole(registry, settings)
  expect(await listPrefixes(registry.db, { limit: 10 })).toMatchObject([
    { prefix: '88.118.9', enterpriseId: 'works', service: 'hosted' },
  ])
})

test('what lies below its prefix may be allotted there, and nothing else', async () => {
  const { allot } = await nodeOf('enterprise')
  expect(await allot('88.118.9.1')).toMatchObject({ prefix: '88.118.9.1' })
  for (const other of ['88.118.90', '88.118', '88.118.8'])
    await expect(allot(other)).rejects.toMatchObject({
      code: 'not-permitted',
      message: expect.stringMatching(/holds 88\.118\.9 .*The secondary node above it allots other prefixes\.$/),
    })
})

test('a recursive node holds nothing', async () => {
  const { registry, settings, allot } = await nodeOf('recursive')
  await settleRole(registry, settings)
  await expect(allot('88.118.9')).rejects.toMatchObject({
    code: 'not-permitted',
    message: expect.stringContaining('it asks others'),
  })
  expect(await listPrefixes(registry.db, { limit: 10 })).toEqual([])
})

test.each(['enterprise', 'recursive'] as const)(
  'a database with other prefixes is none for the role %s',
  async (role) => {
    const { registry, allot } = await nodeOf('secondary')
    await allot('88.118.8')
    const settings = { role, nodePrefix: '88.118.9', enterprise: 'works' }
    await expect(settleRole(registry, settings)).rejects.toMatchObject({
      code: 'request-malformed',
      message: expect.stringMatching(new RegExp(`JIEXI_ROLE=${role} .*88\\.118\\.8\\. Set `)),
    })
  },
)

test('a secondary node holds what its administrator allots', async () => {
  const { registry, settings, allot } = await nodeOf('secondary')
  await settleRole(registry, settings)
  expect(await allot('99.1')).toMatchObject({ prefix: '99.1' })
})
