/** The public messages, against proto/resolution.proto as any other program reads it: with protobufjs. */
import fc from 'fast-check'
import protobuf from 'protobufjs'
import { describe, expect, test } from 'vitest'
import { NodeError } from '../../../src/platform/errors.js'
import {
  decodeRecordMessage,
  decodeResolveRequest,
  decodeResolveResults,
  encodeRecordMessage,
  encodeResolveRequest,
  encodeResolveResults,
  type ResolveFreshness,
  type ResolveResult,
} from '../../../src/protocols/protobuf/messages.js'
import { RecordCodecError } from '../../../src/record/codec.js'
import type { IdentifierRecord, Value } from '../../../src/record/record.js'
import { partsOf } from '../../../src/record/select.js'
import { answer, text } from '../../record/arbitraries.js'
import { PUMP, sampleValue } from '../../record/samples.js'

const root = protobuf.loadSync(new URL('../../../proto/resolution.proto', import.meta.url).pathname)
const type = (name: string) => root.lookupType(`jiexi.v1.${name}`)
const SHOWN_PUMP = { record: PUMP, ...partsOf(PUMP, PUMP.values) }

/** As a stranger sees it. */
function read(name: string, bytes: Uint8Array): Record<string, unknown> {
  return type(name).toObject(type(name).decode(bytes), { longs: Number, enums: String, bytes: Buffer })
}

const records: fc.Arbitrary<IdentifierRecord> = answer
  .filter((given) => given.kind === 'found')
  .map((found) => found.record)

describe('a record', () => {
  test('is read by others as it was written', () => {
    expect(read('Record', encodeRecordMessage(SHOWN_PUMP))).toEqual({
      identifier: '88.118.8/JXDY2106023',
      key: '88.118.8/jxdy2106023',
      prefix: '88.118.8',
      state: 'STATE_REGISTERED',
      version: 3,
      template: 'product',
      attributes: { name: '离心泵 P-7', gtin: '06901234567892' },
      values: [
        {
          index: 1,
          type: 'URL',
          text: 'https://www.example.com/pump',
          ttlSeconds: 86_400,
          permissions: 14,
          timestampSeconds: 1_790_000_000,
        },
        {
          index: 100,
          type: 'HS_ADMIN',
          octets: Buffer.of(0x07, 0xf3),
          ttlSeconds: 86_400,
          permissions: 14,
          timestampSeconds: 1_790_000_000,
        },
      ],
      registeredAtMs: 1_780_000_000_000,
      recordedAtMs: 1_790_000_000_000,
    })
  })

  test('comes back as it was, whatever it holds', () => {
    fc.assert(
      fc.property(records, (record) => {
        const { attributes, values } = partsOf(record, record.values)
        const texts = new Map(attributes.flatMap(({ type, data }) => (typeof data === 'string' ? [[type, data]] : [])))
        const octets = attributes.filter(({ data }) => typeof data !== 'string')
        const { spelling, key, prefix, version, template, registeredAtMs, recordedAtMs } = record
        expect(decodeRecordMessage(encodeRecordMessage({ record, attributes, values }))).toEqual({
          identifier: spelling,
          key,
          prefix,
          state: 'registered',
          version,
          template,
          attributes: texts,
          values: [...values, ...octets],
          registeredAtMs,
          recordedAtMs,
        })
      }),
    )
  })

  test('is read as others write it', () => {
    fc.assert(
      fc.property(records, (record) => {
        const shown = { record, ...partsOf(record, record.values) }
        const ours = encodeRecordMessage(shown)
        const theirs = type('Record').encode(type('Record').decode(ours)).finish()
        expect(decodeRecordMessage(theirs)).toEqual(decodeRecordMessage(ours))
      }),
    )
  })

  test('shows the parts it is given, and no others', () => {
    const bytes = encodeRecordMessage({ record: PUMP, attributes: [], values: [PUMP.values[0]!] })
    expect(decodeRecordMessage(bytes)).toMatchObject({ attributes: new Map(), values: [PUMP.values[0]] })
  })

  test('shows octets at the index of an attribute as a value, once', () => {
    const odd: Value = sampleValue(2002, 'brand', Uint8Array.of(1))
    const record = { ...PUMP, values: [odd] }
    const expected = { attributes: new Map(), values: [odd] }
    expect(decodeRecordMessage(encodeRecordMessage({ record, attributes: [odd], values: [] }))).toMatchObject(expected)
    expect(decodeRecordMessage(encodeRecordMessage({ record, attributes: [odd], values: [odd] }))).toMatchObject(
      expected,
    )
  })

  test("may have an attribute with a name of JavaScript's own", () => {
    const record = { ...PUMP, values: [sampleValue(2000, '__proto__', 'x')] }
    const bytes = encodeRecordMessage({ record, ...partsOf(record, record.values) })
    expect(decodeRecordMessage(bytes).attributes.get('__proto__')).toBe('x')
  })

  test('in a state of a later version is of no known state', () => {
    expect(decodeRecordMessage(Uint8Array.of(0x20, 9)).state).toBe('unspecified')
  })
})

describe('a request to resolve', () => {
  test('comes back as it was, and is what others write', () => {
    fc.assert(
      fc.property(fc.array(text), (identifiers) => {
        const bytes = encodeResolveRequest(identifiers)
        expect(decodeResolveRequest(bytes)).toEqual(identifiers)
        expect(bytes).toEqual(type('ResolveRequest').encode({ identifiers }).finish())
      }),
    )
  })

  test.each([
    ['JSON', Buffer.from('{"identifiers": ["88.118.8/a"]}')],
    ['a cut', encodeResolveRequest(['88.118.8/a']).subarray(0, -1)],
    ['no UTF-8', Uint8Array.of(0x0a, 1, 0xff)],
    ['a group', Uint8Array.of(0x0b, 0x0c)],
  ])('that is malformed is told so: %s', (_name, bytes) => {
    expect(() => decodeResolveRequest(bytes)).toThrow(
      expect.objectContaining({ code: 'request-malformed', faults: [expect.objectContaining({ field: 'body' })] }),
    )
  })

  test('of any octets is a request or malformed, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          decodeResolveRequest(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(NodeError)
          expect(error).toMatchObject({ code: 'request-malformed' })
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('results', () => {
  const faults = [
    { field: 'identifier', position: 0, reason: 'no slash' },
    { field: 'identifier', reason: 'too long' },
  ]
  const results: readonly ResolveResult[] = [
    { identifier: '88.118.8/JXDY2106023', status: 200, record: SHOWN_PUMP },
    { identifier: '88.118.8/JXDY2106023', status: 200, record: encodeRecordMessage(SHOWN_PUMP) },
    {
      identifier: '88.118.8/none',
      status: 404,
      problem: { code: 'identifier-absent', detail: 'Nothing is registered.' },
    },
    { identifier: '', status: 400, problem: { code: 'identifier-malformed', detail: 'x'.repeat(300), faults } },
  ]
  const fresh: ResolveFreshness = { version: 3, tier: 'memory', ageSeconds: 0 }
  const stale: ResolveFreshness = {
    ...{ version: 0, tier: 'redis', ageSeconds: 90 },
    stale: { reason: 'authority-unavailable', asOfMs: 1_790_000_000_000 },
  }

  test('come back as they were, in order', () => {
    const record = decodeRecordMessage(encodeRecordMessage(SHOWN_PUMP))
    expect(decodeResolveResults(encodeResolveResults(results))).toEqual([
      { identifier: '88.118.8/JXDY2106023', status: 200, record },
      { identifier: '88.118.8/JXDY2106023', status: 200, record },
      results[2],
      results[3],
    ])
  })

  test('are the same octets whether a record was encoded before or not', () => {
    expect(encodeResolveResults([results[0]!])).toEqual(encodeResolveResults([results[1]!]))
  })

  test('are read by others as they were written', () => {
    const { results: theirs } = read('ResolveResults', encodeResolveResults(results)) as { results: unknown[] }
    expect(theirs).toHaveLength(4)
    expect(theirs[0]).toEqual({
      identifier: '88.118.8/JXDY2106023',
      status: 200,
      record: read('Record', encodeRecordMessage(SHOWN_PUMP)),
    })
    expect(theirs[3]).toEqual({
      status: 400,
      problem: { code: 'identifier-malformed', detail: 'x'.repeat(300), faults },
    })
  })

  test('tell their freshness, to us and to others', () => {
    const told = [
      { ...results[1]!, freshness: fresh },
      { ...results[2]!, freshness: stale },
    ]
    const bytes = encodeResolveResults(told)
    expect(decodeResolveResults(bytes).map(({ freshness }) => freshness)).toEqual([fresh, stale])
    const { results: theirs } = read('ResolveResults', bytes) as { results: { freshness: unknown }[] }
    expect(theirs.map(({ freshness }) => freshness)).toEqual([
      { version: 3, tier: 'TIER_MEMORY' },
      { tier: 'TIER_REDIS', ageSeconds: 90, stale: { reason: 'authority-unavailable', asOfMs: 1_790_000_000_000 } },
    ])
    const reencoded = type('ResolveResults').encode(type('ResolveResults').decode(bytes)).finish()
    expect(Buffer.from(bytes)).toEqual(Buffer.from(reencoded))
  })

  test('without an outcome, and cut ones, are refused', () => {
    expect(() => decodeResolveResults(Uint8Array.of(0x0a, 0))).toThrow(RecordCodecError)
    const bytes = encodeResolveResults(results.slice(0, 1))
    for (let length = 1; length < bytes.length; length++) {
      expect(() => decodeResolveResults(bytes.subarray(0, length))).toThrow(RecordCodecError)
    }
  })

  test('of a thousand records are whole', () => {
    const many = Array.from({ length: 1_000 }, (_, place) => ({
      identifier: `88.118.8/${place}`,
      status: 200,
      record: SHOWN_PUMP,
    }))
    const decoded = decodeResolveResults(encodeResolveResults(many))
    expect(decoded.map(({ identifier }) => identifier)).toEqual(many.map(({ identifier }) => identifier))
  })
})
