import { describe, expect, test } from 'vitest'
import { EVERYTHING, partsOf, selectValues, visibleValues } from '../../src/record/select.js'
import { PUMP, sampleValue } from './samples.js'

const VALUES = [
  sampleValue(1, 'URL', 'a'),
  sampleValue(2, 'url.mobile', 'b'),
  sampleValue(3, 'HS_SITE', 'c'),
  sampleValue(4, 'HS_SITE.6', 'd'),
  sampleValue(5, 'HS_SITEX', 'e'),
  sampleValue(6, 'ſITE', 'f'),
  sampleValue(7, 'gtin', 'g'),
  sampleValue(2001, 'gtin', 'h'),
  sampleValue(2002, 'brand', 'i'),
]

function selected(selection: Partial<typeof EVERYTHING>): number[] {
  return selectValues(VALUES, { ...EVERYTHING, ...selection }).map(({ index }) => index)
}

describe('a selection', () => {
  test('of nothing in particular is everything, the same array', () => {
    expect(selectValues(VALUES, EVERYTHING)).toBe(VALUES)
  })

  test.each<[string, Partial<typeof EVERYTHING>, number[]]>([
    ['by index', { indexes: [2002, 1] }, [1, 2002]],
    ['by an index that is not there', { indexes: [99] }, []],
    ['by type, whatever its ASCII case', { types: ['uRl'] }, [1]],
    ['by type and its subtypes', { types: ['HS_SITE.'] }, [3, 4]],
    ['by type and its subtypes, in another case', { types: ['hs_site.', 'Url.'] }, [1, 2, 3, 4]],
    ['by subtype', { types: ['HS_SITE.6'] }, [4]],
    ['by type: only ASCII letters fold', { types: ['SITE'] }, []],
    ['by index or type', { indexes: [2002], types: ['URL'] }, [1, 2002]],
    ['by attribute: a free value of that name is none', { attributes: ['gtin'] }, [2001]],
    ['by attribute: case matters', { attributes: ['GTIN'] }, []],
    ['by attribute or type', { attributes: ['brand'], types: ['gtin'] }, [7, 2001, 2002]],
    ['by the empty type', { types: [''] }, []],
    ['by a dot', { types: ['.'] }, []],
  ])('%s', (_name, selection, indexes) => {
    expect(selected(selection)).toEqual(indexes)
  })
})

describe('what a reader may see', () => {
  const all = Array.from({ length: 16 }, (_, permissions) => ({
    ...sampleValue(permissions + 1, 'T', ''),
    permissions,
  }))
  const seen = (reader: 'public' | 'owner') => visibleValues(all, reader).map(({ permissions }) => permissions)

  test('the public: what has the public-read bit', () => {
    expect(seen('public')).toEqual([2, 3, 6, 7, 10, 11, 14, 15])
  })

  test('the owner: that, and what has the admin-read bit', () => {
    expect(seen('owner')).toEqual([2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
  })

  test('is the same array when it is all', () => {
    expect(visibleValues(VALUES, 'public')).toBe(VALUES)
    expect(visibleValues([], 'public')).toEqual([])
  })
})

describe('the parts of a record', () => {
  test('are the attributes, and the free values', () => {
    const { attributes, values } = partsOf(PUMP, PUMP.values)
    expect(attributes.map(({ type }) => type)).toEqual(['name', 'gtin'])
    expect(values.map(({ index }) => index)).toEqual([1, 100])
  })

  test('are free values alone without a template', () => {
    expect(partsOf({ template: '' }, VALUES)).toEqual({ attributes: [], values: VALUES })
  })

  test('are free values alone where no attribute is shown', () => {
    const free = PUMP.values.slice(0, 2)
    expect(partsOf(PUMP, free)).toEqual({ attributes: [], values: free })
  })
})
