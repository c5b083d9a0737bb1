/** What a node told of a former history goes, once it has told everything of its present one. */
import { expect, test } from 'vitest'
import { sweepDelegates } from '../../src/federation/upward/delegate-sweep.js'
import type { UpwardBatch } from '../../src/protocols/rest/upward.js'
import { eachUntold, fixture, part, receiver } from './upward-fixture.js'

eachUntold()

const names = (count: number) => Array.from({ length: count }, (_, place) => `n${String(place).padStart(3, '0')}`)

function tell(epoch: string, walk: UpwardBatch['walk'], changes: readonly unknown[]) {
  return receiver.receive(fixture.acme, { epoch, after: '10.1', through: '10.1', ...(walk && { walk }), changes })
}
const everything = (epoch: string, told: readonly string[]) =>
  tell(
    epoch,
    { after: '', through: null },
    told.map((name) => part(name)),
  )
const sweep = (portionRows: number) => sweepDelegates(fixture.db, undefined, portionRows)
const kept = async () => {
  const rows = await fixture.db.query<{ key: string }>('select key from delegate_identifier order by key')
  return rows.map(({ key }) => key.slice('88.118.8/'.length))
}

test.each([1, 7, 25, 1_000])('in portions of %i rows, whichever of them is still told of', async (portionRows) => {
  await everything('one', names(25))
  await tell('one', undefined, [{ kind: 'prefix', prefix: '88.118.8', version: 1, state: 'active' }])
  const still = names(25).filter((_, place) => place % 3 === 1)
  await everything('two', still)
  expect(await sweep(portionRows)).toBe(25 - still.length)
  expect(await kept()).toEqual(still)
  expect(await receiver.nodes(fixture.admin)).toMatchObject([{ registered: still.length }])
  expect(await sweep(portionRows)).toBe(0)
  await everything('three', [])
  expect(await sweep(portionRows)).toBe(still.length)
  expect(await kept()).toEqual([])
  expect(await fixture.db.query('select from delegate_prefix')).toEqual([])
})

test('nothing goes while everything is being told, nor of a node with one history, nor of another node', async () => {
  await everything('one', names(5))
  expect(await sweep(2)).toBe(0)
  await tell(
    'two',
    { after: '', through: 'i:88.118.8/n001' },
    names(2).map((name) => part(name)),
  )
  expect(await sweep(2)).toBe(0)
  expect(await kept()).toEqual(names(5))
  const theirs = { ...part('x'), identifier: '88.118.9/x', key: '88.118.9/x' }
  const batch = { after: '1.1', through: '1.1', walk: { after: '', through: null } }
  await receiver.receive(fixture.globex, { ...batch, epoch: 'other', changes: [theirs] })
  await tell('two', { after: 'i:88.118.8/n001', through: null }, [])
  expect(await sweep(2)).toBe(3)
  expect((await kept()).length).toBe(3)
})

test('a sweep that was stopped is begun again by the next one', async () => {
  await everything('one', names(10))
  await everything('two', [])
  const stopping = new AbortController()
  stopping.abort()
  expect(await sweepDelegates(fixture.db, stopping.signal, 3)).toBe(0)
  expect(await sweep(3)).toBe(10)
})
