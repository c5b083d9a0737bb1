import { expect, test } from 'vitest'
import { absentIdentifierAt, FOREIGN_PREFIX, identifierAt, recordAt } from '../../bench/workload/dataset.js'
import { drawKeys, spreadRank } from '../../bench/workload/keys.js'
import { isGtin } from '../../src/identifier/check-digits.js'
import { parseIdentifier } from '../../src/identifier/parse.js'
import { readDraft } from '../../src/record/draft.js'

const SOME = Array.from({ length: 2_000 }, (_, n) => n * 4_999)

test('every record is one the node accepts, under an identifier that is its own canonical key', () => {
  for (const index of SOME) {
    const { identifier, ...body } = recordAt(1, index)
    const parsed = parseIdentifier(identifier)
    expect(parsed.ok && parsed.value.key).toBe(identifier)
    expect(readDraft(body, 1_750_000_000)).toMatchObject({ ok: true })
  }
})

test('products carry a GTIN with its check digit, parts name a product of the data set', () => {
  const product = recordAt(1, 400)
  expect(isGtin(product.attributes['gtin']!)).toBe(true)
  expect(product.identifier.endsWith(`/${product.attributes['gtin']}`)).toBe(true)
  expect(recordAt(1, 402).attributes['parent']).toBe(product.identifier)
})

test('a record follows from seed and number; another seed changes records, never identifiers', () => {
  expect(recordAt(5, 1_234)).toEqual(recordAt(5, 1_234))
  expect(recordAt(6, 1_234)).not.toEqual(recordAt(5, 1_234))
  expect(recordAt(6, 1_234).identifier).toBe(recordAt(5, 1_234).identifier)
})

test('no two of 300,000 records share an identifier, and none is one of the absent or foreign ones', () => {
  const identifiers = new Set(Array.from({ length: 300_000 }, (_, index) => identifierAt(index)))
  expect(identifiers.size).toBe(300_000)
  for (let n = 0; n < 2_000; n += 1) expect(identifiers.has(absentIdentifierAt(n))).toBe(false)
  for (const identifier of identifiers) if (identifier.startsWith(FOREIGN_PREFIX)) throw new Error(identifier)
})

test('a record takes about 600 octets as JSON', () => {
  const octets = SOME.map((index) => Buffer.byteLength(JSON.stringify(recordAt(1, index))))
  const mean = octets.reduce((sum, one) => sum + one, 0) / octets.length
  expect(mean).toBeGreaterThan(350)
  expect(mean).toBeLessThan(700)
})

test('Zipf keys name few records often and reach over the whole set, uniform ones name all alike', () => {
  const options = { count: 100_000, length: 50_000, seed: 9 }
  const zipf = drawKeys('zipf', options)
  const uniform = drawKeys('uniform', options)
  expect(shareOfMostFrequent(zipf)).toBeGreaterThan(0.06)
  expect(shareOfMostFrequent(uniform)).toBeLessThan(0.001)
  for (const keys of [zipf, uniform]) {
    expect(Math.max(...keys)).toBeGreaterThan(95_000)
    expect(Math.max(...keys)).toBeLessThan(100_000)
    expect(Math.min(...keys)).toBeLessThan(5_000)
  }
  expect(drawKeys('zipf', options)).toEqual(zipf)
})

test('the ranks are spread over the set without two on one record', () => {
  for (const count of [1, 2, 10, 1_024, 99_999]) {
    expect(new Set(Array.from({ length: count }, (_, rank) => spreadRank(rank, count))).size).toBe(count)
  }
})

function shareOfMostFrequent(keys: Uint32Array): number {
  const counts = new Map<number, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  return Math.max(...counts.values()) / keys.length
}
