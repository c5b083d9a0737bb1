import { expect, test } from 'vitest'
import { nameAdvice, nearestName } from '../../src/record/nearest.js'
import { findTemplate } from '../../src/record/template.js'

const NAMES = findTemplate('part')!.attributes.map(({ name }) => name)

test.each([
  ['part_number', 'partNumber'],
  ['PARTNUMBER', 'partNumber'],
  ['Part Number', 'partNumber'],
  ['partNumbr', 'partNumber'],
  ['nmae', 'name'],
  ['names', 'name'],
  ['datasheet', 'dataSheet'],
  ['manufacterer', 'manufacturer'],
  ['production date', 'productionDate'],
  ['colour', undefined],
  ['', undefined],
  ['x'.repeat(10_000), undefined],
])('%s', (misspelt, meant) => {
  expect(nearestName(misspelt, NAMES)).toBe(meant)
})

test('the advice is the nearest name, else all of them', () => {
  expect(nameAdvice('nmae', ['name', 'mass'])).toBe('did you mean name?')
  expect(nameAdvice('colour', ['name', 'mass'])).toBe('known are: name, mass')
})
