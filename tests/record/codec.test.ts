import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contentDigest, decodeValues, encodeValues, RecordCodecError } from '../../src/record/codec.js'
import { text, values } from './arbitraries.js'
import { PUMP, sampleValue } from './samples.js'

describe('values as bytes', () => {
  test('come back as they were', () => {
    fc.assert(
      fc.property(values, (list) => {
        expect(decodeValues(encodeValues(list))).toEqual(list)
      }),
      { numRuns: 500 },
    )
  })

  test('text and octets of the same content stay apart', () => {
    const [asText, asOctets] = decodeValues(
      encodeValues([sampleValue(1, 'T', 'abc'), sampleValue(2, 'T', Buffer.from('abc'))]),
    )
    expect(asText!.data).toBe('abc')
    expect(asOctets!.data).toEqual(Uint8Array.of(97, 98, 99))
  })

  test('empty text and no octets stay apart', () => {
    const decoded = decodeValues(encodeValues([sampleValue(1, 'T', ''), sampleValue(2, 'T', new Uint8Array(0))]))
    expect(decoded.map(({ data }) => data)).toEqual(['', new Uint8Array(0)])
  })

  test('a byte order mark and U+FFFD are kept', () => {
    const data = '\uFEFFa\uFFFDb'
    expect(decodeValues(encodeValues([sampleValue(1, 'T', data)]))[0]!.data).toBe(data)
  })

  test('of many sizes around the limits of their length fields are whole', () => {
    for (const length of [0, 1, 39, 40, 41, 100, 126, 127, 128, 129, 16_383, 16_384, 65_536, 300_000, 2_000_000]) {
      for (const letter of ['a', 'é', '泵', '😀']) {
        const repeated = letter.repeat(length)
        const [asText, asOctets] = decodeValues(
          encodeValues([sampleValue(1, 'T', repeated), sampleValue(2, 'U', Buffer.from(repeated))]),
        )
        expect(asText!.data === repeated).toBe(true)
        expect(Buffer.from(repeated).equals(asOctets!.data as Uint8Array)).toBe(true)
      }
    }
  })

  test('decoded octets do not share the memory they were read from', () => {
    const bytes = encodeValues([sampleValue(1, 'T', Uint8Array.of(1, 2, 3))])
    const [decoded] = decodeValues(bytes)
    bytes.fill(0xff)
    expect(decoded!.data).toEqual(Uint8Array.of(1, 2, 3))
  })

  test('an empty list of references is the same as none', () => {
    const list = [{ ...sampleValue(1, 'T', 'x'), references: [] }]
    expect(decodeValues(encodeValues(list))).toEqual([sampleValue(1, 'T', 'x')])
  })

  test('any Uint8Array can be read, also a part of a larger buffer', () => {
    const bytes = encodeValues(PUMP.values)
    const large = new Uint8Array(bytes.length + 20).fill(0xff)
    large.set(bytes, 7)
    expect(decodeValues(large.subarray(7, 7 + bytes.length))).toEqual(PUMP.values)
  })
})

describe('what has no bytes is refused', () => {
  test.each([
    ['half a character', sampleValue(1, 'T', 'a\uD83D')],
    ['half a character in a long text', sampleValue(1, 'T', `${'a'.repeat(100)}\uDE00`)],
    ['half a character in the type', sampleValue(1, '\uD83D', 'a')],
    ['index 0', sampleValue(0, 'T', 'a')],
    ['an index of 33 bits', sampleValue(2 ** 32, 'T', 'a')],
    ['a broken index', sampleValue(1.5, 'T', 'a')],
    ['an index that is no number', sampleValue(Number.NaN, 'T', 'a')],
    ['a TTL of 32 bits', { ...sampleValue(1, 'T', 'a'), ttlSeconds: 2 ** 31 }],
    ['a negative TTL', { ...sampleValue(1, 'T', 'a'), ttlSeconds: -1 }],
    ['permissions of five bits', { ...sampleValue(1, 'T', 'a'), permissions: 16 }],
    ['a timestamp beyond 2^53', { ...sampleValue(1, 'T', 'a'), timestampSeconds: 2 ** 53 }],
    [
      'a reference with an index of 33 bits',
      { ...sampleValue(1, 'T', 'a'), references: [{ handle: 'a/b', index: 2 ** 32 }] },
    ],
  ])('%s', (_name, wrong) => {
    expect(() => encodeValues([wrong])).toThrow(RecordCodecError)
    // A failed message leaves nothing behind for the next one.
    expect(decodeValues(encodeValues(PUMP.values))).toEqual(PUMP.values)
  })
})

describe('the digest of a content', () => {
  test('is 32 octets, and the same whatever the order and the timestamps of the values', () => {
    fc.assert(
      fc.property(text, values, fc.nat(), (template, list, seconds) => {
        const other = list.map((value) => ({ ...value, timestampSeconds: seconds })).reverse()
        const digest = contentDigest(template, list)
        expect(digest).toHaveLength(32)
        expect(contentDigest(template, other)).toEqual(digest)
      }),
    )
  })

  test('differs where anything else differs', () => {
    const contents = [
      ['', [sampleValue(1, 'T', 'a')]],
      ['product', [sampleValue(1, 'T', 'a')]],
      ['', []],
      ['product', []],
      ['', [sampleValue(2, 'T', 'a')]],
      ['', [sampleValue(1, 'Ta', '')]],
      ['', [sampleValue(1, '', 'Ta')]],
      ['', [sampleValue(1, 'T', Buffer.from('a'))]],
      ['', [sampleValue(1, 'T', '')]],
      ['', [sampleValue(1, 'T', new Uint8Array(0))]],
      ['', [{ ...sampleValue(1, 'T', 'a'), ttlSeconds: 60 }]],
      ['', [{ ...sampleValue(1, 'T', 'a'), permissions: 12 }]],
      ['', [{ ...sampleValue(1, 'T', 'a'), references: [{ handle: 'a/b', index: 0 }] }]],
      ['', [{ ...sampleValue(1, 'T', 'a'), references: [{ handle: 'a/b', index: 1 }] }]],
      ['', [sampleValue(1, 'T', 'a'), sampleValue(2, 'T', 'a')]],
    ] as const
    const digests = contents.map(([template, list]) => contentDigest(template, list).toString('hex'))
    expect(new Set(digests).size).toBe(contents.length)
  })

  test('differs for any two contents that differ', () => {
    fc.assert(
      fc.property(fc.tuple(text, values), fc.tuple(text, values), ([templateA, a], [templateB, b]) => {
        const timeless = (list: typeof a) => list.map((value) => ({ ...value, timestampSeconds: 0 }))
        const isSame = templateA === templateB && isEqual(timeless(a), timeless(b))
        expect(contentDigest(templateA, a).equals(contentDigest(templateB, b))).toBe(isSame)
      }),
    )
  })
})

function isEqual(a: unknown, b: unknown): boolean {
  try {
    expect(a).toStrictEqual(b)
    return true
  } catch {
    return false
  }
}
