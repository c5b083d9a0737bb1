import { describe, expect, test } from 'vitest'
import { draftOfRow } from '../../src/record/draft.js'
import { findTemplate } from '../../src/record/template.js'
import { NOW_SECONDS, sampleValue } from './samples.js'

const PRODUCT = findTemplate('product')!

function faultsOf(cells: Record<string, string>) {
  const result = draftOfRow(PRODUCT, cells, NOW_SECONDS)
  if (result.ok) throw new Error('was accepted')
  expect(result.code).toBe('record-invalid')
  return result.faults
}

test('a row gives attributes by column name and free values by index and type', () => {
  const cells = {
    'value:7:EMAIL': 'a@b.example',
    gtin: '6901234567892',
    name: 'Pump',
    'value:1:URL': 'https://a.example/',
  }
  expect(draftOfRow(PRODUCT, cells, NOW_SECONDS)).toEqual({
    ok: true,
    value: {
      template: 'product',
      values: [
        sampleValue(1, 'URL', 'https://a.example/'),
        sampleValue(7, 'EMAIL', 'a@b.example'),
        sampleValue(2000, 'name', 'Pump'),
        sampleValue(2001, 'gtin', '6901234567892'),
      ],
    },
  })
})

test('an empty cell is no value', () => {
  const draft = draftOfRow(PRODUCT, { name: 'Pump', brand: '', 'value:1:URL': '' }, NOW_SECONDS)
  expect(draft.ok && draft.value.values).toEqual([sampleValue(2000, 'name', 'Pump')])
})

test('a cell is kept exactly: white space, quotes, formulas', () => {
  const draft = draftOfRow(PRODUCT, { name: ' =1+1 "x", \t', 'value:1:N': ' ' }, NOW_SECONDS)
  expect(draft.ok && draft.value.values.map(({ data }) => data)).toEqual([' ', ' =1+1 "x", \t'])
})

test('a type may hold a colon', () => {
  const draft = draftOfRow(PRODUCT, { name: 'Pump', 'value:1:urn:x:y': 'z' }, NOW_SECONDS)
  expect(draft.ok && draft.value.values[0]).toEqual(sampleValue(1, 'urn:x:y', 'z'))
})

describe('refused, the field named by its column', () => {
  test.each<[string, Record<string, string>, [string, number | undefined, string][]]>([
    ['a missing attribute', { brand: 'Acme' }, [['name', undefined, 'is missing']]],
    ['an empty required attribute', { name: '' }, [['name', undefined, 'is missing']]],
    ['a wrong attribute', { name: 'Pump', gtin: '6901234567893' }, [['gtin', 12, 'it is 2, not 3']]],
    ['an unknown column', { name: 'Pump', gtni: '1' }, [['gtni', undefined, 'did you mean gtin?']]],
    [
      "a column with the name of JavaScript's own",
      JSON.parse('{"name": "Pump", "__proto__": "x"}'),
      [['__proto__', undefined, 'is no attribute']],
    ],
    ['index 0', { name: 'Pump', 'value:0:A': 'x' }, [['value:0:A', undefined, '1 to 4294967295']]],
    ['index 2^32', { name: 'Pump', 'value:4294967296:A': 'x' }, [['value:4294967296:A', undefined, '1 to 4294967295']]],
    ['a reserved index', { name: 'Pump', 'value:1000:A': 'x' }, [['value:1000:A', undefined, 'reserved']]],
    ["the template's index", { name: 'Pump', 'value:2001:A': 'x' }, [['value:2001:A', undefined, 'attributes.gtin']]],
    [
      'an index twice',
      { name: 'Pump', 'value:1:A': 'x', 'value:01:B': 'y' },
      [['value:01:B', undefined, 'which column value:1:A has already']],
    ],
    ['no type', { name: 'Pump', 'value:1:': 'x' }, [['value:1:', undefined, 'is no attribute']]],
    [
      'a type with a control character',
      { name: 'Pump', 'value:1:A\u0007': 'x' },
      [['value:1:A\ufffd', 1, 'control character']],
    ],
    ['data with NUL', { name: 'Pump', 'value:1:A': 'x\0' }, [['value:1:A', 1, 'NUL']]],
    [
      'everything at once',
      { gtin: 'x', productionDate: 'y', z: 'w' },
      [
        ['gtin', 0, 'digits only'],
        ['productionDate', undefined, '2026-03-01'],
        ['z', undefined, 'known are'],
        ['name', undefined, 'is missing'],
      ],
    ],
  ])('%s', (_name, cells, expected) => {
    const faults = faultsOf(cells)
    expect(faults.map(({ field, position }) => [field, position])).toEqual(expected.map(([field, at]) => [field, at]))
    for (const [place, [, , reason]] of expected.entries()) expect(faults[place]!.reason).toContain(reason)
  })
})
