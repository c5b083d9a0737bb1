import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeIdentifiers } from '../../src/registry/identifiers.js'
import { type RegisteredBelow, registeredBelow } from '../../src/registry/registered-below.js'
import { type RegistryFixture, registration, registryFixture, withdrawal } from './fixture.js'

let fixture: RegistryFixture
let below: RegisteredBelow
beforeAll(async () => {
  fixture = await registryFixture()
  below = registeredBelow(fixture.db)
  const { registry, acme, globex } = fixture
  const names = ['C', 'a', 'b', 'd', 'e/f']
  await writeIdentifiers(
    registry,
    acme,
    names.map((name) => registration(`88.118.8/${name}`, 'https://x.example/')),
  )
  await writeIdentifiers(registry, acme, [withdrawal('88.118.8/b')])
  await writeIdentifiers(registry, globex, [registration('88.118.9/a', 'https://x.example/')])
})
afterAll(() => fixture?.close())

test('what is registered is counted, and what was withdrawn, or lies below another prefix, is not', async () => {
  expect(await below.count('88.118.8')).toBe(4)
  expect(await below.count('88.118.9')).toBe(1)
  expect(await below.count('88.118')).toBe(0)
})

test('each stands at its place in the order of keys, and behind the last there is none', async () => {
  const keys = []
  for (let place = 0; place < 5; place++) keys.push(await below.keyAt('88.118.8', place))
  expect(keys).toEqual(['88.118.8/a', '88.118.8/c', '88.118.8/d', '88.118.8/e/f', undefined])
})

test('below what can be no prefix there is nothing', async () => {
  expect([await below.count('a\0b'), await below.keyAt('a\0b', 0)]).toEqual([0, undefined])
})
