/**
 * The demonstration catalogue as rows, always the same ones: real products of a trader, and the machines of a machine
 * builder with their assemblies and parts.
 *
 *   88.118.1/00009800895007   a product, by its GTIN
 *   88.118.8/VMC850-2106-001  a machine: model, year and month, number
 *   88.118.8/JXDY2106023      an assembly (机械单元) of a machine: kind, year and month, number
 *   88.118.8/ZC2106014        a part (轴承) of an assembly
 *
 * Every assembly names its machine as `parent`, every part its assembly.
 */
import { parse } from 'csv-parse/sync'
import { ASSEMBLY_KINDS, type AssemblyKind, MACHINE_KINDS, type MachineKind } from './machine-kinds.js'
import { PART_KINDS, type PartKind, type PartKindName } from './part-kinds.js'

export interface DemoRow {
  readonly identifier: string
  readonly template: 'product' | 'part'
  /** By attribute name, and `value:<index>:<TYPE>` for a free value. */
  readonly cells: Readonly<Record<string, string>>
}

export const NODE_PREFIX = '88.118'
export const TRADER = {
  id: 'demo-trader',
  name: 'Songhua Trading (demonstration) 松花商贸（演示）',
  prefix: '88.118.1',
}
export const MACHINE_BUILDER = {
  id: 'demo-machines',
  name: 'Beiguo Machinery (demonstration) 北国机械（演示）',
  prefix: '88.118.8',
}

const ASSEMBLY_CODE = 'JXDY'
/** Year and month in which machines were built: in each, one of every kind. */
const MONTHS = ['2106', '2109', '2112', '2203', '2206', '2209', '2212', '2303']
const SEED = 2_106_023

/** One row for each product of the CSV with the columns gtin, brand, name, size. */
export function productRows(csv: string): readonly DemoRow[] {
  const records = parse<Record<string, string>>(csv, { columns: true })
  return records.map((record) => {
    const [gtin, name, brand, size] = ['gtin', 'name', 'brand', 'size'].map((column) => oneSpaced(record[column] ?? ''))
    // Some contributors wrote everything into the brand.
    const cells = { gtin: gtin!, name: name || brand!, brand: brand!, specification: size! }
    return { identifier: `${TRADER.prefix}/${gtin}`, template: 'product', cells: withoutBlanks(cells) }
  })
}

export interface Factory {
  readonly machines: readonly DemoRow[]
  /** Assemblies and their parts. */
  readonly parts: readonly DemoRow[]
}

export function factory(): Factory {
  const machines: DemoRow[] = []
  const parts: DemoRow[] = []
  const workshop = { next: numbering(), random: randomNumbers(SEED) }
  for (const month of MONTHS) {
    for (const kind of MACHINE_KINDS) {
      const machine = machineRow(kind, month, workshop)
      machines.push(machine)
      for (const name of kind.assemblies) parts.push(...assemblyRows(ASSEMBLY_KINDS[name], month, machine, workshop))
    }
  }
  return { machines, parts }
}

interface Workshop {
  /** 001, 002, … for each code and month. */
  readonly next: (code: string) => string
  /** A whole number from 0 up to, not including, `below`. */
  readonly random: (below: number) => number
}

function machineRow(kind: MachineKind, month: string, { next, random }: Workshop): DemoRow {
  const code = `${kind.model}-${month}`
  const serial = `${code}-${next(code)}`
  return {
    identifier: `${MACHINE_BUILDER.prefix}/${serial}`,
    template: 'product',
    cells: {
      name: `${kind.name.en} ${kind.model} ${kind.name.zh}`,
      brand: 'Beiguo 北国',
      model: kind.model,
      specification: kind.specification,
      manufacturer: MACHINE_BUILDER.name,
      category: kind.category,
      productionDate: dateIn(month, random),
      page: `https://machines.example.com/${kind.model}`,
      origin: 'Harbin, Heilongjiang 黑龙江哈尔滨',
      serial,
      'value:1:URL': `https://service.example.com/machines/${serial}`,
    },
  }
}

function assemblyRows(kind: AssemblyKind, month: string, machine: DemoRow, workshop: Workshop): DemoRow[] {
  const { next, random } = workshop
  const code = `${ASSEMBLY_CODE}${month}`
  const serial = `${code}${next(code)}`
  const assembly: DemoRow = {
    identifier: `${MACHINE_BUILDER.prefix}/${serial}`,
    template: 'part',
    cells: {
      partNumber: kind.number,
      name: `${kind.name.en} ${kind.name.zh}`,
      manufacturer: MACHINE_BUILDER.name,
      batch: `B${month}-${1 + random(9)}`,
      serial,
      parent: machine.identifier,
      drawing: `https://drawings.example.com/${kind.number}.pdf`,
      dataSheet: `https://machines.example.com/assemblies/${kind.number}`,
      mass: String(kind.massKilograms),
      category: 'Assembly',
      productionDate: dateIn(month, random),
      'value:1:URL': `https://service.example.com/assemblies/${serial}`,
    },
  }
  const rows = [assembly]
  for (const [name, count] of Object.entries(kind.parts) as [PartKindName, number][]) {
    // Like in a real assembly, all pieces of one kind are of one size and one batch.
    const partKind = PART_KINDS[name]
    const delivery = { month, size: random(partKind.sizes.length), batch: 1 + random(99) }
    for (let piece = 0; piece < count; piece++) rows.push(partRow(partKind, delivery, assembly, workshop))
  }
  return rows
}

interface Delivery {
  readonly month: string
  readonly size: number
  readonly batch: number
}

function partRow(kind: PartKind, delivery: Delivery, assembly: DemoRow, { next, random }: Workshop): DemoRow {
  const { month } = delivery
  const size = kind.sizes[delivery.size]!
  const code = `${kind.code}${month}`
  const number = `${code}${next(code)}`
  return {
    identifier: `${MACHINE_BUILDER.prefix}/${number}`,
    template: 'part',
    cells: {
      partNumber: size.number,
      name: `${kind.name.en} ${kind.name.zh}`,
      manufacturer: kind.manufacturer,
      batch: `${kind.code}-${month}-${String(delivery.batch).padStart(2, '0')}`,
      serial: `${number}-${String(random(100_000)).padStart(5, '0')}`,
      parent: assembly.identifier,
      drawing: `DWG-${kind.code}-${size.number}`,
      dataSheet: `https://parts.example.com/${encodeURIComponent(size.number)}`,
      material: kind.material,
      mass: (size.massGrams / 1000).toFixed(3),
    },
  }
}

function numbering(): Workshop['next'] {
  const used = new Map<string, number>()
  return (code) => {
    const number = (used.get(code) ?? 0) + 1
    used.set(code, number)
    return String(number).padStart(3, '0')
  }
}

/** A mixed congruential generator modulo 2^32 (Knuth, TAOCP 2 §3.3.4, table 1): the same catalogue on every machine. */
function randomNumbers(seed: number): Workshop['random'] {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 69_069) + 1) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** A day that every month has. */
function dateIn(month: string, random: Workshop['random']): string {
  return `20${month.slice(0, 2)}-${month.slice(2)}-${String(1 + random(28)).padStart(2, '0')}`
}

function oneSpaced(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

function withoutBlanks(cells: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(cells).filter(([, text]) => text !== ''))
}
