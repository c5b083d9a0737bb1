import { afterAll, beforeAll, expect, test } from 'vitest'
import { nodeSecret } from '../../src/registry/secrets.js'
import { type TestDatabase, testDatabase } from '../support/database.js'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

test('whoever comes first makes the secret, and all have the same', async () => {
  const { db } = database
  const secrets = await Promise.all([1, 2, 3, 4, 5].map(() => nodeSecret(db, 'mac')))
  for (const secret of secrets) expect(secret).toEqual(secrets[0])
  expect(secrets[0]).toHaveLength(32)
  expect(await nodeSecret(db, 'mac')).toEqual(secrets[0])
  expect(await nodeSecret(db, 'other')).not.toEqual(secrets[0])
})

test('a configured secret is the same everywhere, and is not kept in the database', async () => {
  const { db } = database
  const secret = await nodeSecret(db, 'configured', 'a text of any length')
  expect(secret).toHaveLength(32)
  expect(await nodeSecret(db, 'configured', 'a text of any length')).toEqual(secret)
  expect(await nodeSecret(db, 'configured', 'another')).not.toEqual(secret)
  expect(await nodeSecret(db, 'another name', 'a text of any length')).not.toEqual(secret)
  expect(await db.query(`select from node_secret where name = 'configured'`)).toEqual([])
})
