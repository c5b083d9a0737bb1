/** The little country in small: everything is right from everywhere, with all nodes up and with each of them stopped in turn. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { takeCensus, untilAllFound } from './census.js'
import { type Country, type Place, type PlaceName, startCountry } from './country.js'
import { catalogue, type Good, registerGoods } from './goods.js'
import { readOptions } from './options.js'
import { wayOf } from './ways.js'

const timeout = 180_000
const GOODS = 80
const databases: TestDatabase[] = []
let country: Country
let goods: readonly Good[]

beforeAll(async () => {
  const database = async () => {
    const made = await testDatabase({ migrated: false })
    databases.push(made)
    return made.url
  }
  country = await startCountry({ database })
  goods = await registerGoods(country.places, (await catalogue()).slice(0, GOODS))
}, timeout)

afterAll(async () => {
  await country.end()
  for (const database of databases) await database.close()
}, timeout)

function place(name: PlaceName): Place {
  return country.places.find((one) => one.name === name)!
}

test(
  'whatever is registered anywhere is found from everywhere, at first and past what is remembered',
  async () => {
    const { places } = country
    for (const authoritative of [false, true]) {
      const census = await takeCensus({ places, goods, authoritative })
      expect(census.wrong).toEqual([])
      expect(census).toMatchObject({ asked: places.length * GOODS, right: places.length * GOODS })
    }
  },
  timeout,
)

test.each(['--identifiers=abc', '--identifiers=0', '--identifiers=99999', '--nope', 'more'])(
  'a command line with %s is refused, and told why',
  (argument) => {
    expect(() => readOptions([argument], 11_856)).toThrow(/from 8 to 11856|--nope|more/)
  },
)

test('the way of a look-up names each node that was asked', async () => {
  const good = goods.find(({ owner }) => owner === 'works')!
  const way = await wayOf(place('recursive'), good, country.places)
  expect(way).toMatch(/^recursive → .*works \(Handle, tcp\): answered.* → found, from upstream after [\d.]+ ms$/)
})

test(
  'the national node is told of what is registered at the secondary nodes, and the secondary one of what the works have',
  async () => {
    const states = async ({ node }: Place, { identifier }: Good) => {
      const response = await fetch(`${node.url}/v1/identifiers/${identifier}?explain=1`)
      return ((await response.json()) as { propagation?: { state: string } }).propagation?.state
    }
    for (const name of ['heilongjiang', 'guangdong', 'works'] as const)
      for (const good of goods.filter(({ owner }) => owner === name))
        await expect.poll(() => states(place(name), good), { timeout: 30_000 }).toBe('acknowledged')
  },
  timeout,
)

test('a recursive node registers nothing and says who would', async () => {
  const { node } = place('recursive')
  const response = await fetch(`${node.url}/v1/prefixes`, {
    method: 'POST',
    headers: { authorization: `Bearer ${node.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ prefix: '88.7' }),
  })
  expect([response.status, await response.json()]).toMatchObject([
    403,
    { code: 'not-permitted', detail: expect.stringContaining('it asks others') },
  ])
})

describe.each(['national', 'heilongjiang', 'guangdong', 'works', 'recursive'] as const)('with %s stopped', (name) => {
  test(
    'what it owns is marked or clearly unreachable, all else is right, and after its return everything is',
    async () => {
      const { places } = country
      await place(name).node.stop()
      const census = await takeCensus({ places, goods, authoritative: true })
      await place(name).node.start()
      await untilAllFound(places, goods)
      expect(census.wrong).toEqual([])
      const own = goods.filter(({ owner }) => owner === name).length
      const others = places.length - 1
      expect(census.stale + census.unreachable).toBe(own * others)
      expect(census.right).toBe((GOODS - own) * others)
    },
    timeout,
  )
})
