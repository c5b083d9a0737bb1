import { describe, expect, test } from 'vitest'
import { findAttribute, findTemplate, TEMPLATES } from '../../src/record/template.js'

test('there is a template for products and one for parts', () => {
  expect(TEMPLATES.map(({ name }) => name)).toEqual(['product', 'part'])
  expect(findTemplate('part')?.label).toEqual({ en: 'Part', zh: '零部件' })
  expect(findTemplate('__proto__')).toBeUndefined()
})

describe.each(TEMPLATES)('template $name', (template) => {
  test('has names and indexes that are unique, the indexes ascending from 2000', () => {
    const names = template.attributes.map(({ name }) => name)
    const indexes = template.attributes.map(({ index }) => index)
    expect(new Set(names).size).toBe(names.length)
    expect(indexes).toEqual([...new Set(indexes)].sort((a, b) => a - b))
    expect(indexes[0]).toBe(2000)
  })

  test('has camelCase names, labels in both languages, and limits that a value can hold', () => {
    for (const { name, label, maxOctets } of template.attributes) {
      expect(name).toMatch(/^[a-z][a-zA-Z]*$/)
      expect(label.en).not.toBe('')
      expect(label.zh).toMatch(/\p{Script=Han}/u)
      expect(maxOctets).toBeLessThanOrEqual(64 * 1024)
    }
  })
})

/** A stored record names its attributes by index: a change here would make every such record say something else. */
test.each([
  [
    'product',
    'name gtin brand model specification manufacturer category productionDate expiryDate picture page netContent origin batch serial description',
    'name',
  ],
  [
    'part',
    'partNumber name manufacturer batch serial parent drawing dataSheet material mass model specification category productionDate description',
    'partNumber name',
  ],
])('the indexes of %s are fixed for ever', (name, names, required) => {
  const { attributes } = findTemplate(name)!
  const ascending = names.split(' ')
  expect(attributes.map((attribute) => [attribute.index, attribute.name])).toEqual(
    ascending.map((attributeName, place) => [2000 + place, attributeName]),
  )
  expect(attributes.filter((attribute) => attribute.required).map((attribute) => attribute.name)).toEqual(
    required.split(' '),
  )
})

test('an attribute is found by its exact name only', () => {
  const product = findTemplate('product')!
  expect(findAttribute(product, 'gtin')?.index).toBe(2001)
  expect(findAttribute(product, 'GTIN')).toBeUndefined()
  expect(findAttribute(product, 'constructor')).toBeUndefined()
})
