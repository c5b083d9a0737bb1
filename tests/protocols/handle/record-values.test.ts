import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader } from '../../../src/platform/byte-reader.js'
import { READERS } from '../../../src/protocols/handle/codec-body.js'
import {
  encodeRecordValues,
  handleValuesOf,
  recordValuesOf,
  withRelativeTtl,
} from '../../../src/protocols/handle/codec-record.js'
import { ABSOLUTE_TTL, encodeValues, type HandleValue } from '../../../src/protocols/handle/codec-value.js'
import type { Value } from '../../../src/record/record.js'
import { recordData } from '../../../src/record/value-types/value-types.js'
import { values as recordValues } from '../../record/arbitraries.js'
import { PUMP } from '../../record/samples.js'
import { handleValue } from './arbitraries.js'

/** As the wire has it: a record that was read from a handle's values. */
function readBack(values: readonly Value[]): readonly Value[] {
  const bytes = Buffer.concat([Buffer.alloc(4), encodeRecordValues(values)])
  const reader = new ByteReader(bytes)
  const body = READERS['handle-values'](reader, { major: 2, minor: 11 })
  expect(reader.fault()).toBeUndefined()
  const read = recordValuesOf(body.values)
  if (!read.ok) throw new Error(read.message)
  return read.value
}

/** Times that the wire can hold. */
const wireValues = recordValues.map((values) =>
  values.map((value) => ({ ...value, timestampSeconds: value.timestampSeconds % 2 ** 32 })),
)

/** What the wire doesn't tell: whether octets that are text were meant as octets. */
function normal(value: Value): Value {
  const octets = typeof value.data === 'string' ? Buffer.from(value.data) : value.data
  const data = recordData(value.type, octets)
  return { ...value, data: typeof data === 'string' ? data : new Uint8Array(data) }
}

test('a record comes back as it was, attributes of its template included', () => {
  expect(readBack(PUMP.values)).toEqual(PUMP.values)
  expect(handleValuesOf(PUMP.values).map(({ index, type }) => [index, type])).toContainEqual([2001, 'gtin'])
})

test('any record comes back as it was, octets that are text as text', () => {
  fc.assert(
    fc.property(wireValues, (values) => {
      const back = readBack(values)
      expect(back).toEqual(values.map(normal))
      // And from then on nothing changes any more.
      expect(readBack(back)).toEqual(back)
    }),
    { numRuns: 500 },
  )
})

test('any values of a handle come back octet for octet, or are refused', () => {
  const soft = handleValue.map((value) => ({
    ...value,
    ttlType: value.ttlType % 2,
    permissions: value.permissions % 16,
  }))
  let accepted = 0
  fc.assert(
    fc.property(fc.array(fc.oneof(handleValue, soft), { maxLength: 5 }), (values) => {
      const record = recordValuesOf(values)
      if (!record.ok) {
        expect(values[record.place]).toBeDefined()
        return
      }
      accepted++
      const ascending = values.toSorted((a, b) => a.index - b.index)
      expect(encodeRecordValues(record.value)).toEqual(encodeValues(ascending))
    }),
    { numRuns: 1000 },
  )
  expect(accepted).toBeGreaterThan(100)
})

test('both ways to a record’s octets give the same', () => {
  fc.assert(
    fc.property(wireValues, (values) => {
      expect(encodeRecordValues(values)).toEqual(encodeValues(handleValuesOf(values)))
    }),
    { numRuns: 300 },
  )
})

describe('what a record can’t hold is refused, with the value', () => {
  const good: HandleValue = {
    index: 1,
    timestampSeconds: 0,
    ttlType: 0,
    ttl: 60,
    permissions: 14,
    type: 'URL',
    data: Buffer.from('x'),
    references: [],
  }
  test.each<[string, Partial<HandleValue>, string]>([
    ['index 0', { index: 0 }, 'index'],
    ['an index twice', {}, 'index-taken'],
    ['a time to live that ends at a time', { index: 2, ttlType: ABSOLUTE_TTL }, 'absolute-ttl'],
    ['a time to live of no known kind', { index: 2, ttlType: 7 }, 'ttl'],
    ['a time to live of 32 bits', { index: 2, ttl: 2 ** 31 }, 'ttl'],
    ['permissions of five bits', { index: 2, permissions: 16 }, 'permissions'],
  ])('%s', (_name, change, reason) => {
    expect(recordValuesOf([good])).toMatchObject({ ok: true })
    expect(recordValuesOf([good, { ...good, ...change }])).toMatchObject({ ok: false, reason, place: 1 })
  })

  test.each([
    [1000, 400, 600],
    [1000, 1001, 0],
    [0xffff_ffff, 0, 0x7fff_ffff],
  ])('but a value that ends at %i has, at %i, %i seconds left', (ttl, nowSeconds, left) => {
    const value = { ...good, ttlType: ABSOLUTE_TTL, ttl }
    expect(withRelativeTtl(value, nowSeconds)).toEqual({ ...good, ttl: left })
    expect(withRelativeTtl(good, nowSeconds)).toBe(good)
  })
})
