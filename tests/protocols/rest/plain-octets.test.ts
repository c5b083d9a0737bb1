/** The short way to the plain representation gives what the long way gives, octet by octet, or leaves it to that. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodedOctets } from '../../../src/protocols/rest/plain-json.js'
import { plainOctets } from '../../../src/protocols/rest/plain-octets.js'
import { encodeValues, passValues } from '../../../src/record/codec.js'
import { EncodedRecord } from '../../../src/record/encoded-values.js'
import type { IdentifierRecord, Value } from '../../../src/record/record.js'
import { TEMPLATES } from '../../../src/record/template.js'
import { values as anyValues, text } from '../../record/arbitraries.js'
import { PUMP, sampleValue } from '../../record/samples.js'

const ofTemplate = fc.constantFrom(...TEMPLATES)
const time = fc.oneof(fc.integer({ min: 0, max: 4_000_000_000_000 }), fc.constant(0))
const permissions = fc.constantFrom(0, 2, 10, 14, 15)

/** As registrations make them: attributes of a template by their names, free values below. */
const everyday: fc.Arbitrary<IdentifierRecord> = ofTemplate.chain(({ name: template, attributes }) =>
  fc.record({
    ...about(),
    template: fc.constant(template),
    values: fc
      .tuple(
        fc.uniqueArray(value(fc.integer({ min: 1, max: 1999 }), text), {
          selector: ({ index }) => index,
          maxLength: 3,
        }),
        fc
          .subarray([...attributes])
          .chain((some) => fc.tuple(...some.map(({ index, name }) => value(fc.constant(index), fc.constant(name))))),
      )
      .map(([free, named]) => [...free.sort((a, b) => a.index - b.index), ...named]),
  }),
)

test('everyday records go the short way, whatever their texts are', () => {
  let short = 0
  fc.assert(
    fc.property(everyday, (record) => {
      const octets = plainOctets(encoded(record))
      if (octets !== undefined) short += 1
      expect(octets ?? decodedOctets(record)).toBe(decodedOctets(record))
    }),
    { numRuns: 2_000 },
  )
  // Control characters without a short escape are for the long way.
  expect(short).toBeGreaterThan(500)
})

test('any other record goes one way or the other, to the same octets', () => {
  const any = fc.record({ ...about(), template: fc.oneof(text, fc.constantFrom('', 'part')), values: anyValues })
  fc.assert(
    fc.property(any, (record) => {
      const times = record.values.every(({ timestampSeconds }) => timestampSeconds < 8e12)
      if (!times) return
      expect(plainOctets(encoded(record)) ?? decodedOctets(record)).toBe(decodedOctets(record))
    }),
    { numRuns: 2_000 },
  )
})

test.each<[string, Partial<IdentifierRecord>]>([
  ['a record without values', { values: [] }],
  ['one without a template', { template: '', values: [sampleValue(2000, 'anything', 'at all')] }],
  ['quotes, backslashes and line ends', { values: [sampleValue(1, 'NOTE', 'a 12" pipe\\\r\n\t\b\f')] }],
  ['text beyond ASCII', { values: [sampleValue(1, '备注', '离心泵 🧰 ü')] }],
  ['values that the public may not read', { values: [{ ...sampleValue(1, 'HIDDEN', 'x'), permissions: 12 }] }],
])('%s goes the short way', (_, parts) => {
  const record = { ...PUMP, values: PUMP.values.filter(({ data }) => typeof data === 'string'), ...parts }
  expect(plainOctets(encoded(record))).toBe(decodedOctets(record))
})

test.each<[string, readonly Value[], string?]>([
  ['octets', [sampleValue(1, 'KEY', Uint8Array.of(1, 2))]],
  ['references', [{ ...sampleValue(1, 'URL', 'x'), references: [{ handle: '88.1/a', index: 1 }] }]],
  ['a control character', [sampleValue(1, 'URL', 'a\u0001')]],
  ['an attribute by another name', [sampleValue(2000, 'title', 'x')]],
  ['an attribute the template has not', [sampleValue(2999, 'more', 'x')]],
  ['values out of order', [sampleValue(2, 'B', 'x'), sampleValue(1, 'A', 'x')]],
  ['an unknown template', [sampleValue(2000, 'name', 'x')], 'of-tomorrow'],
  ['so much that it has no room', [sampleValue(1, 'URL', 'x'.repeat(200_000))]],
])('%s takes the long way', (_, list, template = 'product') => {
  expect(plainOctets(encoded({ ...PUMP, template, values: list }))).toBeUndefined()
})

test('malformed text takes the long way, which refuses it', () => {
  const bytes = Buffer.from(encodeValues([sampleValue(1, 'NOTE', 'ab')]))
  bytes[bytes.indexOf('ab')] = 0xff
  const { values: _, ...rest } = PUMP
  const record = new EncodedRecord(rest, passValues(bytes)!)
  expect(plainOctets(record)).toBeUndefined()
  expect(() => decodedOctets(record)).toThrow('UTF-8')
})

function about() {
  return { key: text, spelling: text, prefix: text, version: fc.nat(), registeredAtMs: time, recordedAtMs: time }
}

function value(index: fc.Arbitrary<number>, type: fc.Arbitrary<string>): fc.Arbitrary<Value> {
  const ttlSeconds = fc.nat(0x7fff_ffff)
  const timestampSeconds = fc.nat(4_000_000_000)
  return fc.record({ index, type, data: fc.oneof(text, fc.string()), ttlSeconds, permissions, timestampSeconds })
}

function encoded({ values, ...rest }: IdentifierRecord): EncodedRecord {
  return new EncodedRecord(rest, passValues(encodeValues(values))!)
}
