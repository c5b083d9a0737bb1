import { describe, expect, test } from 'vitest'
import { mergeDraft, readDraft } from '../../src/record/draft.js'
import type { IdentifierRecord, Value } from '../../src/record/record.js'
import { NOW_SECONDS, PUMP, sampleValue } from './samples.js'

const LATER = NOW_SECONDS + 1_000

function merged(patch: unknown, current: IdentifierRecord = PUMP) {
  const result = mergeDraft(current, patch, LATER)
  if (!result.ok) throw new Error(JSON.stringify(result.faults))
  return result.value
}

function refusal(patch: unknown, current: IdentifierRecord = PUMP) {
  const result = mergeDraft(current, patch, LATER)
  if (result.ok) throw new Error('was accepted')
  return result
}

const valueAt = (values: readonly Value[], index: number) => values.find((value) => value.index === index)

describe('a patch (RFC 7396)', () => {
  test('that says nothing changes nothing, not even a timestamp', () => {
    expect(merged({})).toEqual({ template: 'product', values: PUMP.values })
  })

  test('sets an attribute, and leaves all else as it was', () => {
    const { values } = merged({ attributes: { brand: 'Acme' } })
    expect(values).toEqual([...PUMP.values, { ...sampleValue(2002, 'brand', 'Acme'), timestampSeconds: LATER }])
  })

  test('sets an attribute to what it was: the timestamp stays', () => {
    expect(merged({ attributes: { name: '离心泵 P-7' } }).values).toEqual(PUMP.values)
  })

  test('keeps the permissions and the TTL of an attribute whose text it changes', () => {
    const name = { ...sampleValue(2000, 'name', 'Pump'), permissions: 12, ttlSeconds: 60 }
    const { values } = merged({ attributes: { name: 'Pump 2' } }, { ...PUMP, values: [name] })
    expect(values).toEqual([{ ...name, data: 'Pump 2', timestampSeconds: LATER }])
  })

  test('removes an attribute by null', () => {
    const { values } = merged({ attributes: { gtin: null } })
    expect(values.map(({ index }) => index)).toEqual([1, 100, 2000])
  })

  test('removes what is not there', () => {
    expect(merged({ attributes: { brand: null } }).values).toEqual(PUMP.values)
  })

  test('removes all attributes by null, if the template requires none', () => {
    expect(refusal({ attributes: null }).faults.map(({ field }) => field)).toEqual(['attributes.name'])
    expect(merged({ attributes: null, template: null }).values).toEqual(PUMP.values.slice(0, 2))
  })

  test('replaces all free values: an array is one thing', () => {
    const { values } = merged({ values: [{ index: 7, type: 'EMAIL', data: 'a@b.example' }] })
    expect(values).toEqual([
      { ...sampleValue(7, 'EMAIL', 'a@b.example'), timestampSeconds: LATER },
      ...PUMP.values.slice(2),
    ])
  })

  test('that repeats a free value as it was keeps its timestamp', () => {
    const { values } = merged({
      values: [
        { index: 1, type: 'URL', data: 'https://www.example.com/pump' },
        { index: 100, type: 'HS_ADMIN', data: { format: 'hex', value: '07f4' } },
      ],
    })
    expect(valueAt(values, 1)!.timestampSeconds).toBe(NOW_SECONDS)
    expect(valueAt(values, 100)).toEqual({
      ...sampleValue(100, 'HS_ADMIN', Uint8Array.of(7, 0xf4)),
      timestampSeconds: LATER,
    })
  })

  test.each([
    ['type', { type: 'Url' }],
    ['data', { data: 'https://www.example.com/pump2' }],
    [
      'data as octets',
      { data: { format: 'base64', value: Buffer.from('https://www.example.com/pump').toString('base64') } },
    ],
    ['TTL', { ttlSeconds: 60 }],
    ['permissions', { permissions: '1100' }],
    ['references', { references: [{ handle: 'a/b', index: 1 }] }],
  ])('that changes the %s of a free value dates it anew', (_name, change) => {
    const { values } = merged({ values: [{ index: 1, type: 'URL', data: 'https://www.example.com/pump', ...change }] })
    expect(valueAt(values, 1)!.timestampSeconds).toBe(LATER)
  })

  test('removes all free values by null', () => {
    expect(merged({ values: null }).values).toEqual(PUMP.values.slice(2))
  })

  test('with what a GET gives passes over what can not be changed', () => {
    expect(merged({ identifier: 'x', key: 'x', prefix: 'x', state: 'x', version: 9, recordedAt: 'x' }).values).toEqual(
      PUMP.values,
    )
  })

  test('gives what a PUT of the merged document gives', () => {
    const patch = {
      attributes: { brand: 'Acme', gtin: null },
      values: [{ index: 3, type: 'URL', data: 'https://a.example/' }],
    }
    const put = readDraft(
      { template: 'product', attributes: { name: '离心泵 P-7', brand: 'Acme' }, values: patch.values },
      LATER,
    )
    const timeless = (values: readonly Value[]) => values.map((value) => ({ ...value, timestampSeconds: 0 }))
    expect(put.ok && timeless(put.value.values)).toEqual(timeless(merged(patch).values))
  })
})

describe('another template', () => {
  const seal = { template: 'part', attributes: { partNumber: 'S-1', gtin: null } }

  test('finds every attribute its place anew', () => {
    const { template, values } = merged(seal)
    expect(template).toBe('part')
    expect(values.slice(2).map(({ index, type, data }) => [index, type, data])).toEqual([
      [2000, 'partNumber', 'S-1'],
      [2001, 'name', '离心泵 P-7'],
    ])
  })

  test('refuses attributes that it does not have', () => {
    expect(refusal({ template: 'part', attributes: { partNumber: 'S-1' } }).faults).toEqual([
      { field: 'attributes.gtin', reason: 'is no attribute of template part: remove it with null' },
    ])
  })

  test('refuses free values where its attributes belong', () => {
    const free = { ...PUMP, template: '', values: [sampleValue(1, 'A', 'x'), sampleValue(2005, 'B', 'y')] }
    const { faults } = refusal({ template: 'product', attributes: { name: 'Pump' } }, free)
    expect(faults).toEqual([{ field: 'values', reason: expect.stringContaining('hold index 2005') }])
    expect(merged({ template: 'product', attributes: { name: 'Pump' }, values: null }, free).values).toHaveLength(1)
  })

  test('that is unknown is refused', () => {
    expect(refusal({ template: 'pump' })).toMatchObject({ code: 'template-unknown', faults: [{ field: 'template' }] })
  })

  test('none at all leaves no place for attributes', () => {
    expect(refusal({ template: null }).faults.map(({ field }) => field)).toEqual(['attributes'])
    expect(merged({ template: '', attributes: { name: null, gtin: null } })).toEqual({
      template: '',
      values: PUMP.values.slice(0, 2),
    })
  })
})

describe('what a record holds beside its template', () => {
  const odd = [
    sampleValue(2000, 'name', 'Pump'),
    sampleValue(2001, 'gtin', Uint8Array.of(1)),
    sampleValue(2900, 'X', 'y'),
  ]
  const current = { ...PUMP, values: odd }

  test('stays while the patch does not touch it', () => {
    expect(merged({ attributes: { brand: 'Acme' } }, current).values).toEqual(
      expect.arrayContaining([odd[1], odd[2], expect.objectContaining({ index: 2002 })]),
    )
  })

  test('of a template that this node does not know can not be amended', () => {
    expect(refusal({ values: null }, { ...PUMP, template: 'vehicle' }).code).toBe('template-unknown')
  })
})

describe('refused', () => {
  test.each<[string, unknown, string[]]>([
    ['null', null, ['body']],
    ['an array', [], ['body']],
    ['an unknown member', { atributes: {} }, ['atributes']],
    ['a TTL for all', { ttlSeconds: 60 }, ['ttlSeconds']],
    ['attributes that are an array', { attributes: [] }, ['attributes', 'attributes.name']],
    ['an attribute that is an object', { attributes: { name: {} } }, ['attributes.name']],
    ['an unknown attribute', { attributes: { gtni: '1' } }, ['attributes.gtni']],
    ['removing an attribute that no template has', { attributes: { gtni: null } }, ['attributes.gtni']],
    ['removing a required attribute', { attributes: { name: null } }, ['attributes.name']],
    [
      'a wrong GTIN and a wrong value',
      { attributes: { gtin: '1' }, values: [{}] },
      ['attributes.gtin', 'values[0].index', 'values[0].type', 'values[0].data'],
    ],
    [
      "names of JavaScript's own",
      JSON.parse('{"__proto__": {}, "attributes": {"__proto__": "x", "constructor": null}}'),
      ['__proto__', 'attributes.constructor', 'attributes.__proto__'],
    ],
    ['a free value among the attributes', { values: [{ index: 2002, type: 'brand', data: 'x' }] }, ['values[0].index']],
    [
      'too many values',
      { values: Array.from({ length: 199 }, (_, place) => ({ index: place + 1, type: 'T', data: 'x' })) },
      ['values'],
    ],
  ])('%s', (_name, patch, fields) => {
    expect(refusal(patch).faults.map(({ field }) => field)).toEqual(fields)
  })
})
