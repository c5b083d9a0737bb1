import { expect, test } from 'vitest'
import { drawKind, KINDS, type Kind, mixOf, SHARES } from '../../bench/workload/mix.js'
import { pathOf } from '../../bench/workload/requests.js'

const DRAWS = 20_000

test('a mix holds its kinds in their shares, each with the status that is right for it', () => {
  const mix = mixOf(options())
  const counts = new Map<Kind, number>()
  for (let draw = 0; draw < DRAWS; draw += 1) {
    const request = mix.next()
    const kind = mix.kindOf(request)
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
    expect(mix.expectedStatus(request)).toBe(kind === 'negative' ? 404 : 200)
  }
  for (const kind of KINDS) expect(counts.get(kind)! / DRAWS).toBeCloseTo(SHARES[kind], 2)
})

test('the same seed gives the same requests; writes never repeat themselves', () => {
  const take = (seed: number) => {
    const mix = mixOf({ ...options(), seed })
    return Array.from({ length: 500 }, () => mix.next().toString())
  }
  expect(take(1)).toEqual(take(1))
  expect(take(1)).not.toEqual(take(2))
  const writes = take(1).filter((request) => request.startsWith('PUT'))
  expect(writes.length).toBeGreaterThan(5)
  expect(new Set(writes).size).toBe(writes.length)
})

test('without a kind the others keep their proportions', () => {
  const mix = mixOf({ ...options(), without: ['write'] })
  for (let draw = 0; draw < 1_000; draw += 1) expect(mix.kindOf(mix.next())).not.toBe('write')
  const others = KINDS.filter((kind) => kind !== 'write')
  expect([0, 0.78, 0.79, 0.99, 0.999_999].map((draw) => drawKind(others, draw))).toEqual([
    'hit',
    'hit',
    'miss',
    'batch',
    'batch',
  ])
})

test('frequent and rare records are different ones', () => {
  const mix = mixOf(options())
  const paths: Record<string, Set<string>> = { hit: new Set(), miss: new Set() }
  for (let draw = 0; draw < DRAWS; draw += 1) {
    const request = mix.next()
    paths[mix.kindOf(request)]?.add(pathOf(request))
  }
  expect([...paths['hit']!].filter((found) => paths['miss']!.has(found))).toEqual([])
  expect(paths['hit']!.size).toBeGreaterThan(50)
})

function options() {
  let revision = 0
  return { seed: 1, records: 2_000, hotRecords: 200, apiKey: 'key', nextRevision: () => (revision += 1) }
}
