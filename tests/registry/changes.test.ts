import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Transaction } from '../../src/platform/postgres.js'
import { issueApiKey, revokeApiKey } from '../../src/registry/api-keys.js'
import { appendChange } from '../../src/registry/append-change.js'
import {
  type Change,
  type ChangeCursor,
  type ChangePage,
  formatChangeCursor,
  listChanges,
  parseChangeCursor,
} from '../../src/registry/changes.js'
import { changeEnterprise } from '../../src/registry/enterprises.js'
import { writeIdentifier, writeIdentifiers } from '../../src/registry/identifiers.js'
import { allotPrefix } from '../../src/registry/prefixes.js'
import { feedSettled, type RegistryFixture, registration, registryFixture, withdrawal } from './fixture.js'

let fixture: RegistryFixture
/** Where the feed ends once the fixture is made. */
let start: ChangeCursor
beforeEach(async () => {
  fixture = await registryFixture()
  await feedSettled(fixture.db)
  start = (await list({ limit: 1000 })).next
})
afterEach(() => fixture.close())

test('changes come in order, each once, with what they made, whatever the size of the pages', async () => {
  const { registry, acme } = fixture
  await writeIdentifier(registry, acme, registration('88.118.8/A', 'a'))
  await writeIdentifiers(registry, acme, [registration('88.118.8/b', 'b'), registration('88.118.8/c', 'c')])
  const gone = await writeIdentifier(registry, acme, withdrawal('88.118.8/a'))

  await feedSettled(fixture.db)
  const all = await list({ after: start, limit: 100 })
  expect(all).toMatchObject({ more: false, next: { xid: Number(gone.token), ordinal: 1 } })
  expect(all.changes.map(told)).toEqual([
    '88.118.8/a v1 registered',
    '88.118.8/b v1 registered',
    '88.118.8/c v1 registered',
    '88.118.8/a v2 withdrawn',
  ])
  expect(all.changes[0]).toMatchObject({
    kind: 'identifier',
    identifier: '88.118.8/A',
    prefix: '88.118.8',
    template: '',
    contentSha256: expect.stringMatching(/^[\da-f]{64}$/),
  })
  for (const limit of [1, 2, 3]) expect(await pageThrough({ after: start, limit })).toEqual(all.changes)
  expect(await list({ after: all.next, limit: 10 })).toEqual({ changes: [], next: all.next, more: false })
})

test('a space that a newer process writes to is passed over, and moves the cursor on', async () => {
  const { db, registry, acme } = fixture
  const strange = ['x:88.118.8/a', 'grant:acme', '']
  await db.transaction((tx) =>
    appendChange(
      tx,
      strange.map((key) => ({ key, version: 1 })),
    ),
  )
  const known = await writeIdentifier(registry, acme, registration('88.118.8/known', 'a'))
  await feedSettled(db)
  for (const limit of [1, 2, 100]) {
    expect((await pageThrough({ after: start, limit })).map(told)).toEqual(['88.118.8/known v1 registered'])
  }
  expect(await list({ after: start, limit: 2 })).toMatchObject({ changes: [], more: true, next: { ordinal: 2 } })
  expect((await list({ after: start, limit: 100 })).next.xid).toBe(Number(known.token))
})

test('what commits late is not lost: nothing above a transaction under way is shown', async () => {
  const { db, registry, acme } = fixture
  const slow = transactionOpen()
  await slow.begun
  const quick = await writeIdentifier(registry, acme, registration('88.118.8/quick', 'a'))
  expect((await list({ after: start, limit: 10 })).changes).toEqual([])

  await slow.commit()
  await feedSettled(db)
  const { changes, next } = await list({ after: start, limit: 10 })
  expect(changes.map((change) => change.cursor)).toEqual([`${slow.xid()}.1`, `${quick.token}.1`])
  expect(slow.xid()).toBeLessThan(Number(quick.token))
  expect(next.xid).toBe(Number(quick.token))

  function transactionOpen() {
    let xid = 0
    let release!: () => void
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let begin!: () => void
    const begun = new Promise<void>((resolve) => {
      begin = resolve
    })
    const done = db.transaction(async (tx: Transaction) => {
      xid = (await appendChange(tx, [{ key: 'i:88.118.8/slow', version: 1 }]))!.xid
      begin()
      await held
    })
    const commit = () => {
      release()
      return done
    }
    return { begun, commit, xid: () => xid }
  }
})

test('an enterprise is shown the changes of its prefixes alone, and gets past those of others', async () => {
  const { registry, acme, globex, admin } = fixture
  await allotPrefix(registry, admin, { prefix: '88.10', enterpriseId: 'globex' })
  await writeIdentifier(registry, acme, registration('88.118.8/a', 'a'))
  await writeIdentifier(registry, globex, registration('88.118.9/b', 'b'))
  await writeIdentifiers(
    registry,
    acme,
    Array.from({ length: 1500 }, (_, at) => registration(`88.118.8/many-${at}`, 'a')),
  )
  await writeIdentifier(registry, globex, registration('88.10/c', 'c'))
  await issueApiKey(registry, admin, { enterpriseId: 'globex', scopes: ['read'] })

  await feedSettled(fixture.db)
  const prefixes = ['88.118.9', '88.10']
  expect((await pageThrough({ after: start, limit: 2, prefixes })).map(told)).toEqual([
    'prefix 88.10 active',
    '0.na/88.10 v1 registered',
    '88.118.9/b v1 registered',
    '88.10/c v1 registered',
  ])
  const first = await list({ after: start, limit: 3, prefixes })
  expect(first).toMatchObject({ more: true, changes: [{}, {}, {}] })
  expect((await list({ after: first.next, limit: 2, prefixes: ['88.118.9'] })).changes).toEqual([])
})

test('a suspended enterprise is one row for its prefixes and keys; a revoked key is one', async () => {
  const { registry, admin, acme, globex } = fixture
  await changeEnterprise(registry, admin, { id: 'acme', state: 'suspended' })
  await revokeApiKey(registry, admin, globex.apiKeyId)
  await feedSettled(fixture.db)
  const { changes } = await list({ after: start, limit: 10 })
  expect(changes.map(told)).toEqual([
    'prefix 88.118.8 suspended',
    'prefix urn:oid:1.2.156.3000 suspended',
    `key ${acme.apiKeyId} active`,
    `key ${globex.apiKeyId} revoked`,
  ])
  expect(new Set(changes.slice(0, 3).map(({ cursor }) => cursor.split('.')[0])).size).toBe(1)
})

test('a cursor before the horizon is refused: nobody takes a gap for silence', async () => {
  await fixture.db.query('update change_horizon set xid = $1', [start.xid + 1])
  await expect(list({ after: start, limit: 10 })).rejects.toMatchObject({ code: 'not-found' })
  await list({ limit: 10 })
})

test('a cursor is written as two numbers and read back', () => {
  const cursor = { xid: 123, ordinal: 4 }
  expect(parseChangeCursor(formatChangeCursor(cursor))).toEqual({ ok: true, value: cursor })
  for (const text of ['', '1', '1.', '.1', '1.2.3', '-1.2', '1e3.1', '1.2 ', `${'9'.repeat(16)}.1`]) {
    expect(parseChangeCursor(text)).toMatchObject({ ok: false, reason: expect.stringContaining('two numbers') })
  }
})

function list(page: ChangePage) {
  return listChanges(fixture.db, page)
}

async function pageThrough(page: ChangePage): Promise<readonly Change[]> {
  const { changes, next, more } = await list(page)
  return more ? [...changes, ...(await pageThrough({ ...page, after: next }))] : changes
}

function told(change: Change): string {
  switch (change.kind) {
    case 'identifier':
      return `${change.key} v${change.version} ${change.state}`
    case 'prefix':
      return `prefix ${change.prefix} ${change.state}`
    case 'api-key':
      return `key ${change.apiKeyId} ${change.state}`
  }
}
