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

const FREE_VALUE = /^value:\d+:[^\s:]+$/

/** @throws NodeError `record-invalid` with a fault for each column that is missing, unknown or named twice */
export function planColumns(header: readonly string[], options: ImportOptions, template: Template): ColumnPlan {
  const identifierColumn = options.suffixColumn ?? options.identifierColumn
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
    faults.push(unknownColumn(column, target, template))
    return undefined
  })
  faults.push(...filledTwice(header, cells), ...missingAttributes(header, cells, template))
  if (faults.length > 0) {
    throw new NodeError(
      'record-invalid',
      `The header of the file does not fit: ${faults.map((fault) => fault.reason).join('; ')}.`,
      { faults },
    )
  }
  const { prefix } = options
  return { cells, identifierIndex, ...(prefix !== undefined ? { prefix } : {}) }
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

function missingAttributes(
  header: readonly string[],
  cells: readonly (string | undefined)[],
  template: Template,
): Fault[] {
  return template.attributes
    .filter((attribute) => attribute.required && !cells.includes(attribute.name))
    .map(({ name }) => ({
      field: name,
      reason: `the column ${quote(name)}, which template ${template.name} requires, is missing${hint(name, header)}`,
    }))
}

function filledTwice(header: readonly string[], cells: readonly (string | undefined)[]): Fault[] {
  return cells.flatMap((cell, index) => {
    const first = cells.indexOf(cell)
    if (cell === undefined || first === index) return []
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
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name)
}
