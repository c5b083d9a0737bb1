import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HeavyHitters } from '../../src/observability/heavy-hitters.js'

/** Few names, some of them often: what purges are made of. */
const names = fc.array(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 50 })), { maxLength: 600 })

test('no count is too large, and none too small by more than the error, which is at most total / (capacity + 1)', () => {
  fc.assert(
    fc.property(names, fc.integer({ min: 1, max: 12 }), (added, capacity) => {
      const hitters = new HeavyHitters(capacity)
      for (const [name, count] of added) hitters.add(`n${name}`, count)
      expectWithinError(hitters, added)
    }),
  )
})

test('the same holds of a sum of several, in whatever order they are merged', () => {
  fc.assert(
    fc.property(names, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 8 }), (added, parts, capacity) => {
      const sum = new HeavyHitters(capacity)
      for (let part = 0; part < parts; part++) {
        const one = new HeavyHitters(capacity)
        for (const [at, [name, count]] of added.entries()) if (at % parts === part) one.add(`n${name}`, count)
        sum.merge(JSON.parse(JSON.stringify(one.state())))
      }
      expectWithinError(sum, added)
    }),
  )
})

test('while there is room every count is exact', () => {
  const hitters = new HeavyHitters(2)
  for (const name of ['a', 'b', 'a', 'c', 'd', 'a']) hitters.add(name)
  expect(hitters.error).toBe(0)
  expect(hitters.top(2)).toEqual([
    { name: 'a', count: 3 },
    { name: 'b', count: 1 },
  ])
})

test('a flood of names that come once cannot push out one that comes often, nor grow', () => {
  const hitters = new HeavyHitters(16)
  for (let at = 0; at < 100_000; at++) {
    hitters.add(`once-${at}`)
    if (at % 5 === 0) hitters.add('often')
  }
  expect(hitters.size).toBeLessThanOrEqual(32)
  const [first] = hitters.top(1)
  expect(first!.name).toBe('often')
  expect(first!.count).toBeGreaterThanOrEqual(20_000 - hitters.error)
})

function expectWithinError(hitters: HeavyHitters, added: readonly (readonly [number, number])[]): void {
  const truth = new Map<string, number>()
  for (const [name, count] of added) truth.set(`n${name}`, (truth.get(`n${name}`) ?? 0) + count)
  const total = [...truth.values()].reduce((sum, count) => sum + count, 0)
  expect(hitters.total).toBe(total)
  expect(hitters.size).toBeLessThanOrEqual(2 * hitters.capacity)
  expect(hitters.error * (hitters.capacity + 1)).toBeLessThanOrEqual(total)
  const counted = new Map(hitters.top(Number.MAX_SAFE_INTEGER).map(({ name, count }) => [name, count]))
  for (const [name, count] of truth) {
    const seen = counted.get(name) ?? 0
    expect(seen).toBeLessThanOrEqual(count)
    expect(seen + hitters.error).toBeGreaterThanOrEqual(count)
  }
}
