/** What each column of a CSV or TSV file is: read once from its header, so that a file that cannot be meant is refused at once. */
import { type Fault, NodeError } from '../platform/errors.js'
import { nearestName } from '../record/nearest.js'
import type { Template } from '../record/template.js'
import type { ImportOptions } from './import-options.js'

export interface ColumnPlan {
  /** Per column of the file: the cell it fills (an attribute, or `value:<index>:<TYPE>`), or undefined when it fills none. */
  readonly cells: readonly (string | undefined)[]
  /** The column of whole identifiers, or of suffixes when `prefix` is given. */
  readonly identifierIndex: number
  readonly prefix?: string
}

export const MAX_FILE_COLUMNS = 1_000
/** So many faults are in the message, and so many in the list beside it. */
const MAX_TOLD_FAULTS = 20
const MAX_LISTED_FAULTS = 100
const MAX_SHOWN_NAME_LENGTH = 100
const FREE_VALUE = /^value:\d+:[^\s:]+$/

/** @throws NodeError `record-invalid` with a fault for each column that is missing, unknown or named twice, up to a bound */
export function planColumns(header: readonly string[], options: ImportOptions, template: Template): ColumnPlan {
  const identifierColumn = options.suffixColumn ?? options.identifierColumn
  refuseShape(header, identifierColumn, options)
  const faults: Fault[] = [
    ...repeatedColumns(header),
    ...mappedButAbsent(header, options),
    ...missing(identifierColumn, header),
  ]
  const identifierIndex = header.indexOf(identifierColumn)
  const cells = header.map((column, index) => {
    const target = targetOf(column, options)
    if (target === null) return undefined
    if (isCell(target, template)) return target
    if (index === identifierIndex || options.otherColumns === 'ignore') return undefined
    // A column that stands there twice has its fault already.
    if (header.indexOf(column) === index) faults.push(unknownColumn(column, target, template))
    return undefined
  })
  faults.push(...filledTwice(header, cells), ...missingAttributes({ header, cells, template, options }))
  if (faults.length > 0) throw misfit(faults)
  const { prefix } = options
  return { cells, identifierIndex, ...(prefix !== undefined ? { prefix } : {}) }
}

/** What makes every column wrong is said once. */
function refuseShape(header: readonly string[], identifierColumn: string, { format }: ImportOptions): void {
  if (header.length > MAX_FILE_COLUMNS) {
    const reason = `it has ${header.length} columns, and ${MAX_FILE_COLUMNS} are the most a file may have`
    throw misfit([{ field: 'header', reason }])
  }
  const [only = '', ...others] = header
  if (others.length > 0 || only === identifierColumn) return
  const separator = SEPARATORS.find(({ character }) => only.includes(character))
  if (separator === undefined) return
  const cure = separator.format === undefined ? OTHER_SEPARATOR[format] : `Then its format is ${separator.format}`
  const reason = `it has only one column, ${quote(only)}: is it separated by ${separator.name}? ${cure}`
  throw misfit([{ field: 'header', reason }])
}

const SEPARATORS: readonly { readonly character: string; readonly name: string; readonly format?: string }[] = [
  { character: ';', name: `';'` },
  { character: '\t', name: 'tabs', format: 'tsv' },
  { character: ',', name: `','`, format: 'csv' },
  { character: '|', name: `'|'` },
]
const OTHER_SEPARATOR = {
  csv: 'Save it with commas between its fields',
  tsv: 'Save it with tabs between its fields',
  ndjson: 'Save it as NDJSON',
} as const

/** Bounded, however many faults there are and however long the names in the file. */
function misfit(faults: readonly Fault[]): NodeError {
  const told = faults.slice(0, MAX_TOLD_FAULTS).map((fault) => fault.reason)
  const more = faults.length > told.length ? `; and ${faults.length - told.length} more` : ''
  const listed = faults.slice(0, MAX_LISTED_FAULTS).map(({ field, reason }) => ({ field: shortened(field), reason }))
  const message = `The header of the file does not fit: ${told.join('; ')}${more}.`
  return new NodeError('record-invalid', message, { faults: listed })
}

function targetOf(column: string, options: ImportOptions): string | null {
  return Object.hasOwn(options.columns, column) ? options.columns[column]! : column
}

function isCell(target: string, template: Template): boolean {
  return FREE_VALUE.test(target) || template.attributes.some((attribute) => attribute.name === target)
}

function repeatedColumns(header: readonly string[]): Fault[] {
  const repeated = new Set(header.filter((column, index) => header.indexOf(column) < index))
  return [...repeated].map((column) => ({ field: column, reason: `the column ${quote(column)} stands there twice` }))
}

function mappedButAbsent(header: readonly string[], options: ImportOptions): Fault[] {
  return Object.keys(options.columns)
    .filter((column) => !header.includes(column))
    .map((column) => ({
      field: column,
      reason: `the column ${quote(column)}, which the mapping names, is missing${hint(column, header)}`,
    }))
}

function missing(column: string, header: readonly string[]): Fault[] {
  if (header.includes(column)) return []
  return [
    { field: column, reason: `the column ${quote(column)}, for the identifiers, is missing${hint(column, header)}` },
  ]
}

function missingAttributes(about: {
  readonly header: readonly string[]
  readonly cells: readonly (string | undefined)[]
  readonly template: Template
  readonly options: ImportOptions
}): Fault[] {
  const { header, cells, template, options } = about
  return template.attributes
    .filter((attribute) => attribute.required && !cells.includes(attribute.name))
    .map(({ name }) => ({ field: name, reason: whyMissing(name, { header, template, options }) }))
}

function whyMissing(
  name: string,
  {
    header,
    template,
    options,
  }: { readonly header: readonly string[]; readonly template: Template; readonly options: ImportOptions },
): string {
  const target = targetOf(name, options)
  if (!header.includes(name) || target === name)
    return `the column ${quote(name)}, which template ${template.name} requires, is missing${hint(name, header)}`
  const use = target === null ? 'ignores it' : `fills ${quote(target)} with it`
  return `template ${template.name} requires ${quote(name)}, and the mapping of the column ${quote(name)} ${use}`
}

function filledTwice(header: readonly string[], cells: readonly (string | undefined)[]): Fault[] {
  return cells.flatMap((cell, index) => {
    const first = cells.indexOf(cell)
    if (cell === undefined || first === index || header[first] === header[index]) return []
    return [
      {
        field: cell,
        reason: `the columns ${quote(header[first]!)} and ${quote(header[index]!)} both fill ${quote(cell)}`,
      },
    ]
  })
}

function unknownColumn(column: string, target: string, template: Template): Fault {
  const names = template.attributes.map((attribute) => attribute.name)
  const nearest = nearestName(target, names)
  const meant = nearest === undefined ? '' : ` (did you mean ${quote(nearest)}?)`
  return {
    field: column,
    reason: `the column ${quote(column)} is no attribute of template ${template.name}${meant}: map it to one, or say that it is to be ignored`,
  }
}

function hint(column: string, header: readonly string[]): string {
  const nearest = nearestName(column, header)
  if (nearest !== undefined) return `; the nearest that is there: ${quote(nearest)}`
  const there = header.slice(0, 20).map(quote).join(', ')
  return `; there are: ${there}${header.length > 20 ? ', …' : ''}`
}

function quote(name: string): string {
  return JSON.stringify(shortened(name))
}

function shortened(name: string): string {
  return name.length > MAX_SHOWN_NAME_LENGTH ? `${name.slice(0, MAX_SHOWN_NAME_LENGTH)}…` : name
}
