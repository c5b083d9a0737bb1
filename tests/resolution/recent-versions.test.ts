import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RecentVersions } from '../../src/resolution/recent-versions.js'

test('what it gives for a key is what was set for it last, or nothing', () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 12 }), fc.nat(100)), { maxLength: 200 })
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 10 }), (sets, maxKeys) => {
      const recent = new RecentVersions(maxKeys)
      const last = new Map<string, number>()
      for (const [key, version] of sets) {
        recent.set(String(key), version)
        last.set(String(key), version)
        for (const [known, value] of last) expect([undefined, value]).toContain(recent.get(known))
        expect(recent.get(String(key))).toBe(version)
      }
    }),
  )
})

test('the half of its keys that were set last are remembered, and no more than all of them', () => {
  const recent = new RecentVersions(100)
  for (let key = 0; key < 1_000; key += 1) {
    recent.set(`k${key}`, key)
    const known = Array.from({ length: key + 1 }, (_, each) => recent.get(`k${each}`)).filter((v) => v !== undefined)
    expect(known.length).toBeLessThanOrEqual(100)
    for (let back = 0; back < Math.min(50, key); back += 1) expect(recent.get(`k${key - back}`)).toBe(key - back)
  }
  recent.clear()
  expect(recent.get('k999')).toBeUndefined()
})
