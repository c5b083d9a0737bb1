import { expect, test } from 'vitest'
import { parseIdentifier } from '../../src/identifier/parse.js'
import type { ServiceLocation } from '../../src/record/service.js'
import {
  authorities,
  authorityOf,
  type Route,
  type RouteTable,
  referOrRefuse,
} from '../../src/resolution/authorities.js'
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
  const guarded = (routes: () => RouteTable | Promise<RouteTable>) =>
    compose([referOrRefuse({ routes, mark: () => 1 })], below)
  expect(() => guarded(() => table)(query('10.1000/182'))).toThrow(/not this node's prefix/)
  expect(asked).toBe(0)
  await expect(guarded(() => table)(query('88.118.8/pump'))).rejects.toThrow('asked')
  await expect(guarded(async () => table)(query('10.1000/182'))).rejects.toThrow('asked')
})

test('an answer is stamped no later than its route was looked at', async () => {
  const { resolve } = setUp([active('88.118.8')], { markAtRoute: 5, stampOfAnswer: 9 })
  expect(await resolve(query('88.118.8/pump'))).toMatchObject({ stamp: 5 })
})

const SERVICE: ServiceLocation = { handle: '88.118/service', sites: [] }

test('below a self-built prefix the answer is where its own server is, in the version of the prefix', async () => {
  const { resolve, asked } = setUp([active('88.118'), selfBuilt('88.118.9', 4)], { markAtRoute: 5 })
  expect(await resolve(query('88.118.9/Pump'))).toEqual({
    kind: 'referral',
    key: '88.118.9/pump',
    prefix: '88.118.9',
    version: 4,
    tier: 'registry',
    stamp: 5,
    service: SERVICE,
  })
  expect(asked).toEqual([])
})

test('the longest prefix wins, whoever serves it', async () => {
  const { resolve, asked } = setUp([active('88.118'), selfBuilt('88.118.9'), active('88.118.9.1')])
  await resolve(query('88.118.9.1/pump'))
  expect(asked).toEqual(['88.118.9.1'])
  expect(await resolve(query('88.118.9.2/pump'))).toMatchObject({ kind: 'referral', prefix: '88.118.9' })
})

test('the record of a prefix is this node’s own to answer, whoever serves what lies below it', async () => {
  const { resolve, asked } = setUp([active('88.118'), selfBuilt('88.118.9')])
  await resolve(query('0.NA/88.118.9'))
  await resolve(query('0.NA/88.118'))
  expect(asked).toEqual(['88.118.9', '88.118'])
  // A prefix that the holder of a self-built one has given on is for the holder's server to know.
  expect(await resolve(query('0.NA/88.118.9.5'))).toMatchObject({ kind: 'referral', prefix: '88.118.9' })
  await expect(resolve(query('0.NA/10.1000'))).rejects.toMatchObject({ code: 'prefix-not-served', why: 'foreign' })
  await expect(resolve(query('0.NA/88.118.9/x'))).rejects.toMatchObject({ why: 'foreign' })
})

test('a suspended prefix has no record, and refers to nobody', async () => {
  const { resolve } = setUp([{ ...selfBuilt('88.118.9'), state: 'suspended' }])
  for (const text of ['88.118.9/pump', '0.NA/88.118.9'])
    await expect(resolve(query(text))).rejects.toMatchObject({ why: 'suspended', service: undefined })
})

test('for a foreign prefix the parent is named, where it is known', async () => {
  const parent: ServiceLocation = { handle: '0.NA/88', sites: [] }
  const { resolve } = setUp([active('88.118')], { parent })
  await expect(resolve(query('10.1000/1'))).rejects.toMatchObject({
    code: 'prefix-not-served',
    why: 'foreign',
    service: parent,
    message: expect.stringContaining('hdl:0.NA/88'),
  })
})

test('a referral needs no tier below, once the routes are at hand', () => {
  const table = new Map([['88.118.9', selfBuilt('88.118.9')]])
  const resolve = compose([referOrRefuse({ routes: () => table, mark: () => 3 })], () => {
    throw new Error('asked')
  })
  expect(resolve(query('88.118.9/pump'))).toMatchObject({ kind: 'referral', stamp: 3 })
})

test.each([
  ['88.118/x', 'registry'],
  ['88.118.9/x', 'self-built'],
  ['0.NA/88.118.9', 'registry'],
  ['88.118.7/x', 'suspended'],
  ['10.1000/1', 'foreign'],
])('%s is for: %s', (text, kind) => {
  const routes = [active('88.118'), selfBuilt('88.118.9'), { prefix: '88.118.7', state: 'suspended' } as const]
  const table = new Map(routes.map((route) => [route.prefix, route]))
  expect(authorityOf(table, query(text).identifier).kind).toBe(kind)
})

function selfBuilt(prefix: string, version = 1): Route {
  return { prefix, state: 'active', selfBuilt: { service: SERVICE, version } }
}

function active(prefix: string): Route {
  return { prefix, state: 'active' }
}

function query(text: string): Query {
  const parsed = parseIdentifier(text)
  if (!parsed.ok) throw new Error(parsed.message)
  return { identifier: parsed.value }
}

interface SetUp {
  readonly markAtRoute?: number
  readonly stampOfAnswer?: number
  readonly parent?: ServiceLocation
}

function setUp(routes: readonly Route[], { markAtRoute = 1, stampOfAnswer = 1, parent }: SetUp = {}) {
  const asked: string[] = []
  const resolve = authorities({
    routes: () => new Map(routes.map((route) => [route.prefix, route])),
    registry: async ({ key }, prefix) => {
      asked.push(prefix)
      return { kind: 'absent', key, prefix, version: 0, tier: 'registry', stamp: stampOfAnswer }
    },
    mark: () => markAtRoute,
    parent,
  })
  return { asked, resolve: async (asked: Query) => resolve(asked) }
}
