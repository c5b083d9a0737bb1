import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { beforeAll, expect, test } from 'vitest'
import { type DemoRow, factory, MACHINE_BUILDER, productRows, TRADER } from '../../src/demo/catalogue.js'
import { DEMO_SAMPLES, SAMPLE_MACHINE, SAMPLE_PART, SAMPLE_PRODUCT, SAMPLE_WITHDRAWN } from '../../src/demo/samples.js'
import { isGtin } from '../../src/identifier/check-digits.js'
import { parseIdentifier } from '../../src/identifier/parse.js'
import { draftOfRow } from '../../src/record/draft.js'
import { findTemplate } from '../../src/record/template.js'

const DEMO_FOLDER = path.resolve(import.meta.dirname, '../../src/demo')
let csv = ''
let products: readonly DemoRow[] = []
const { machines, parts } = factory()

beforeAll(async () => {
  csv = gunzipSync(await readFile(path.join(DEMO_FOLDER, 'products.csv.gz'))).toString()
  products = productRows(csv)
})

test('all real products are there, each under its GTIN, with a name and without line breaks', () => {
  expect(products).toHaveLength(6_560)
  for (const { identifier, cells } of products) {
    expect(identifier).toBe(`${TRADER.prefix}/${cells['gtin']}`)
    expect(isGtin(cells['gtin']!)).toBe(true)
    expect(cells['name']).not.toBe('')
    for (const text of Object.values(cells)) expect(text).toMatch(/^\S(?:[^\s]| (?! ))*$/)
  }
})

test('a product whose contributor named only a brand goes by that brand', () => {
  const [row] = productRows('gtin,brand,name,size\n00009800895007,"Acme  \n Foods",,\n')
  expect(row!.cells).toEqual({ gtin: '00009800895007', name: 'Acme Foods', brand: 'Acme Foods' })
})

test('forty machines own about five thousand assemblies and parts', () => {
  expect(machines).toHaveLength(40)
  expect(parts.length).toBeGreaterThan(4_500)
  expect(parts.length).toBeLessThan(6_000)
})

test('every part leads to a machine through its assembly', () => {
  const machineNames = new Set(machines.map(({ identifier }) => identifier))
  const parentOf = new Map(parts.map(({ identifier, cells }) => [identifier, cells['parent']!]))
  for (const parent of parentOf.values()) {
    expect(machineNames.has(parent) || machineNames.has(parentOf.get(parent)!)).toBe(true)
  }
  expect([...parentOf.values()].filter((parent) => machineNames.has(parent))).toHaveLength(280)
})

test('no identifier comes up twice, and all lie under the prefixes of the two enterprises', () => {
  const rows = [...products, ...machines, ...parts]
  const keys = rows.map(({ identifier }) => {
    const parsed = parseIdentifier(identifier)
    if (!parsed.ok) throw new Error(`${identifier}: ${parsed.message}`)
    expect([TRADER.prefix, MACHINE_BUILDER.prefix]).toContain(parsed.value.prefix)
    return parsed.value.key
  })
  expect(new Set(keys).size).toBe(rows.length)
})

test('every row fits its template', () => {
  for (const row of [...products, ...machines, ...parts]) {
    const draft = draftOfRow(findTemplate(row.template)!, row.cells, 1_800_000_000)
    if (!draft.ok) throw new Error(`${row.identifier}: ${JSON.stringify(draft.faults)}`)
  }
})

test('the catalogue is the same every time', () => {
  expect(factory()).toEqual({ machines, parts })
  expect(productRows(csv)).toEqual(products)
})

test('addresses lie under domains that are reserved for examples', () => {
  for (const { cells } of [...machines, ...parts]) {
    for (const text of Object.values(cells)) {
      if (text.startsWith('http')) expect(new URL(text).hostname).toMatch(/\.example\.com$/)
    }
  }
})

test('the samples exist, except the one that shows a fault', () => {
  const known = new Map([...products, ...machines, ...parts].map((row) => [row.identifier, row]))
  for (const { kind, identifier } of DEMO_SAMPLES) {
    expect(known.has(identifier)).toBe(kind !== 'malformed')
    expect(parseIdentifier(identifier).ok).toBe(kind !== 'malformed')
  }
  expect(known.get(SAMPLE_PRODUCT)).toMatchObject({ cells: { brand: 'Ferrero', name: 'Nutella' } })
  expect(SAMPLE_PART).toBe('88.118.8/JXDY2106023')
  expect(known.get(SAMPLE_PART)).toMatchObject({ template: 'part', cells: { parent: SAMPLE_MACHINE } })
  expect(known.get(SAMPLE_WITHDRAWN)).toMatchObject({ template: 'part' })
})
