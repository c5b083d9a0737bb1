import { expect, test } from 'vitest'
import { parseIdentifier } from '../../src/identifier/parse.js'
import { authorities, type Route, type RouteTable, refuseForeign } from '../../src/resolution/authorities.js'
import { compose, type Query } from '../../src/resolution/resolve.js'

test('the longest known prefix is asked, and only that', async () => {
  const { resolve, asked } = setUp([active('88'), active('88.118'), active('88.118.8')])
  await resolve(query('88.118.8/pump'))
  await resolve(query('88.118.9/pump'))
  await resolve(query('88.7.1/pump'))
  expect(asked).toEqual(['88.118.8', '88.118', '88'])
})

test('the prefix of an OID is its longest known arc, itself included', async () => {
  const { resolve, asked } = setUp([active('urn:oid:1.2.156'), active('urn:oid:1.2.156.7.1')])
  await resolve(query('1.2.156.7.1'))
  await resolve(query('1.2.156.7.2'))
  expect(asked).toEqual(['urn:oid:1.2.156.7.1', 'urn:oid:1.2.156'])
})

test("an unknown prefix is not this node's, which is not the same as absent", async () => {
  const { resolve, asked } = setUp([active('88.118.8')])
  await expect(resolve(query('88.118/pump'))).rejects.toMatchObject({ code: 'prefix-not-served' })
  await expect(resolve(query('10.1000/182'))).rejects.toMatchObject({ code: 'prefix-not-served' })
  expect(asked).toEqual([])
})

test('a suspended prefix does not resolve, and its parent does not answer for it', async () => {
  const { resolve, asked } = setUp([active('88.118'), { prefix: '88.118.8', state: 'suspended' }])
  await expect(resolve(query('88.118.8/pump'))).rejects.toThrow(/suspended/)
  expect(asked).toEqual([])
})

test('a foreign prefix is refused before any tier below is asked, once the routes are at hand', async () => {
  let asked = 0
  const below = async () => {
    asked += 1
    throw new Error('asked')
  }
  const table = new Map([['88.118.8', active('88.118.8')]])
  const guarded = (routes: () => RouteTable | Promise<RouteTable>) => compose([refuseForeign(routes)], below)
  expect(() => guarded(() => table)(query('10.1000/182'))).toThrow(/not this node's prefix/)
  expect(asked).toBe(0)
  await expect(guarded(() => table)(query('88.118.8/pump'))).rejects.toThrow('asked')
  await expect(guarded(async () => table)(query('10.1000/182'))).rejects.toThrow('asked')
})

test('an answer is stamped no later than its route was looked at', async () => {
  const { resolve } = setUp([active('88.118.8')], { markAtRoute: 5, stampOfAnswer: 9 })
  expect(await resolve(query('88.118.8/pump'))).toMatchObject({ stamp: 5 })
})

function active(prefix: string): Route {
  return { prefix, state: 'active' }
}

function query(text: string): Query {
  const parsed = parseIdentifier(text)
  if (!parsed.ok) throw new Error(parsed.message)
  return { identifier: parsed.value }
}

function setUp(routes: readonly Route[], { markAtRoute = 1, stampOfAnswer = 1 } = {}) {
  const asked: string[] = []
  const resolve = authorities({
    routes: () => new Map(routes.map((route) => [route.prefix, route])),
    registry: async ({ key }, prefix) => {
      asked.push(prefix)
      return { kind: 'absent', key, prefix, version: 0, tier: 'registry', stamp: stampOfAnswer }
    },
    mark: () => markAtRoute,
  })
  return { asked, resolve: async (asked: Query) => resolve(asked) }
}
