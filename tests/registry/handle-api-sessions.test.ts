import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { handleApiSessions } from '../../src/registry/handle-api-sessions.js'
import { type TestDatabase, testDatabase } from '../support/database.js'

const WHO = { handle: '0.NA/88.118.8', index: 300, keySha256: 'ab' }

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database?.close())

test('a session is begun once, found by every process, and ended for good', async () => {
  const [here, there] = [handleApiSessions(database.db, 60), handleApiSessions(database.db, 60)]
  expect(await there.find('one')).toBeUndefined()
  expect(await here.begin('one', WHO)).toBe(true)
  expect(await there.find('one')).toEqual(WHO)
  expect(await there.begin('one', WHO)).toBe(true)
  expect(await there.begin('one', { ...WHO, index: 301 })).toBe(false)
  expect(await here.find('one')).toEqual(WHO)
  await there.end('one')
  expect(await here.find('one')).toBeUndefined()
  expect(await here.begin('one', WHO)).toBe(false)
})

test('of many that begin the same session at once, one identity has it', async () => {
  const sessions = handleApiSessions(database.db, 60)
  const outcomes = await Promise.all(
    Array.from({ length: 10 }, (_, index) => sessions.begin('raced', { ...WHO, index })),
  )
  expect(outcomes.filter((begun) => begun)).toHaveLength(1)
})

test('an identity has so many, and no more: the oldest are over', async () => {
  const sessions = handleApiSessions(database.db, 60)
  const who = { ...WHO, handle: '0.NA/88.118.9' }
  for (let place = 0; place < 103; place++) expect(await sessions.begin(`many ${place}`, who)).toBe(true)
  const left = await Promise.all(Array.from({ length: 103 }, (_, place) => sessions.find(`many ${place}`)))
  expect(left.map((found) => found !== undefined)).toEqual([...Array(3).fill(false), ...Array(100).fill(true)])
})

test('one whose time is over is found no more, and forgotten', async () => {
  const sessions = handleApiSessions(database.db, 0)
  await sessions.begin('short', { ...WHO, index: 7 })
  await delay(5)
  expect(await sessions.find('short')).toBeUndefined()
  await sessions.begin('next', { ...WHO, index: 8 })
  const rows = await database.db.query('select from handle_api_session where value_index = 7')
  expect(rows).toHaveLength(0)
})

test('the table holds no session’s id', async () => {
  await handleApiSessions(database.db, 60).begin('the id itself', WHO)
  const rows = await database.db.query('select * from handle_api_session')
  expect(JSON.stringify(rows)).not.toContain('the id itself')
  expect(rows.some((row) => String(row['id_sha256']).includes('the id itself'))).toBe(false)
})
