/**
 * The data set of a run: products and parts of two made-up prefixes. Record n follows from the seed and n alone, so
 * ten million of them are streamed, never held, and any request can name any of them.
 *
 * A quarter are products, named by their GTIN; the rest are single parts, named by type, date of manufacture and serial number.
 */
import { gs1CheckDigit } from '../../src/identifier/check-digits.js'
import { laneSeed, type Random, randomStream } from './random.js'

export const PRODUCT_PREFIX = '88.900.1001'
export const PART_PREFIX = '88.900.1002'
/** Well-formed, and allotted to nobody on this node. */
export const FOREIGN_PREFIX = '88.901.1001'

/** What a PUT of the identifier carries; with `identifier`, a line of a bulk import. */
export interface DatasetRecord {
  readonly identifier: string
  readonly template: 'product' | 'part'
  readonly attributes: Readonly<Record<string, string>>
  readonly values: readonly { readonly index: number; readonly type: string; readonly data: string }[]
}

/** Primes: multiplying by less than them is a bijection, which spreads neighbouring records over the key space. */
const GTIN_SPACE = 999_999_937
const SERIAL_SPACE = 2_147_483_647
const SPREAD = 48_271

const KINDS = [
  'Pump',
  'Valve',
  'Bearing',
  'Gear unit',
  'Drive',
  'Sensor',
  'Coupling',
  'Filter',
  'Heat exchanger',
  'Seal',
]
const SERIES = ['HX', 'KSB', 'RV', 'LM', 'TQ', 'NP', 'ZF', 'DW']
const MAKERS = ['Northern Light Machinery', 'River Delta Hydraulics', '华东精密机械', '蓝桥工业', 'Stonegate Drives']
const MATERIALS = ['EN-GJS-400', '1.4404', 'CuSn12', 'PTFE', 'C45', '42CrMo4']

/** The identifier of record `index`, without the cost of the record. */
export function identifierAt(index: number): string {
  return isProduct(index) ? `${PRODUCT_PREFIX}/${gtinAt(index)}` : `${PART_PREFIX}/${partSuffixAt(index)}`
}

/** @param index from 0; below 999,999,936 */
export function recordAt(seed: number, index: number): DatasetRecord {
  const random = randomStream(laneSeed(seed, index))
  return isProduct(index) ? product(index, random) : part(index, random)
}

/** The record with other content, so that putting it makes a new version. About as large. */
export function revisionOf(record: DatasetRecord, revision: number): DatasetRecord {
  const { name } = record.attributes
  return { ...record, attributes: { ...record.attributes, name: `${name}, rev. ${revision}` } }
}

/** An identifier under a prefix of this node that is never registered. */
export function absentIdentifierAt(index: number): string {
  return `${PART_PREFIX}/unknown-${spread(index, SERIAL_SPACE)}`
}

function isProduct(index: number): boolean {
  return index % 4 === 0
}

function product(index: number, random: Random): DatasetRecord {
  const gtin = gtinAt(index)
  const kind = pick(KINDS, random)
  const model = `${pick(SERIES, random)} ${whole(10, 99, random)}-${whole(100, 999, random)}`
  return {
    identifier: identifierAt(index),
    template: 'product',
    attributes: {
      name: `${kind} ${model}`,
      gtin,
      brand: pick(MAKERS, random),
      model,
      specification: `DN ${whole(15, 300, random)}, PN ${whole(6, 64, random)}, ${pick(MATERIALS, random)}`,
      manufacturer: pick(MAKERS, random),
      category: kind,
      productionDate: `2025-${month(index)}-${String(whole(1, 28, random)).padStart(2, '0')}`,
      page: `https://products.example/${gtin}`,
    },
    values: [{ index: 1, type: 'URL', data: `https://service.example/products/${gtin}` }],
  }
}

function part(index: number, random: Random): DatasetRecord {
  const suffix = partSuffixAt(index)
  const [partNumber = '', batch = '', serial = ''] = suffix.split('.')
  return {
    identifier: identifierAt(index),
    template: 'part',
    attributes: {
      partNumber,
      name: `${pick(KINDS, random)}, ${pick(MATERIALS, random)}, ${whole(8, 480, random)} mm`,
      manufacturer: pick(MAKERS, random),
      batch,
      serial,
      parent: identifierAt(index - (index % 4)),
      dataSheet: `https://parts.example/sheets/${partNumber}.pdf`,
      mass: (whole(5, 90_000, random) / 1000).toFixed(3),
    },
    values: [{ index: 1, type: 'URL', data: `https://service.example/parts/${serial}` }],
  }
}

function gtinAt(index: number): string {
  const digits = `0690${String(spread(index, GTIN_SPACE)).padStart(9, '0')}`
  return digits + gs1CheckDigit(digits)
}

/** `hx40-123.2506.0a3f9k`: only from the index, so that identifiers stay the same whatever the seed. */
function partSuffixAt(index: number): string {
  const serial = spread(index, SERIAL_SPACE).toString(36).padStart(6, '0')
  const series = SERIES[index % SERIES.length]!.toLowerCase()
  return `${series}${10 + (index % 89)}-${100 + (index % 887)}.25${month(index)}.${serial}`
}

function month(index: number): string {
  return String(1 + (index % 12)).padStart(2, '0')
}

/** A different number below `space` for each index below `space`, from 1. */
function spread(index: number, space: number): number {
  return ((index + 1) * SPREAD) % space
}

function pick(list: readonly string[], random: Random): string {
  return list[Math.floor(random() * list.length)]!
}

function whole(from: number, to: number, random: Random): number {
  return from + Math.floor(random() * (to - from + 1))
}
