/** Rows of a CSV or TSV file. */
import { draftOfRow } from '../record/draft.js'
import type { Template } from '../record/template.js'
import { planColumns } from './import-columns.js'
import { fieldsOf } from './import-fields.js'
import type { ImportOptions } from './import-options.js'
import { plainTableRows } from './import-plain-table.js'
import { badRow, preconditionOf, type RowReader, registrationRow } from './import-rows.js'

export interface TableSource {
  readonly template: Template
  /** The names of the columns, in the order of the file. */
  readonly header: readonly string[]
}

/** @throws NodeError `record-invalid` when the header does not fit */
export function tableRowReader(options: ImportOptions, { template, header }: TableSource): RowReader {
  const plan = planColumns(header, options, template)
  const { cells, identifierIndex, prefix } = plan
  const delimiter = delimiterOf(options)
  const precondition = preconditionOf(options)
  const readPlain = plainTableRows({ template, plan, delimiter, precondition })
  return (record, place) => {
    const { row, line, nowSeconds } = place
    const { fault } = record
    if (fault !== undefined) return badRow({ row, line, identifier: '' }, fault)
    const plain = readPlain?.(record, place)
    if (plain !== undefined) return plain
    const fields = fieldsOf(record, delimiter)
    const own = fields[identifierIndex] ?? ''
    const base = { row, line, identifier: prefix === undefined || own === '' ? own : `${prefix}/${own}` }
    if (fields.length !== cells.length) return badRow(base, countFault(fields.length, cells.length))
    const found: Record<string, string> = {}
    for (let index = 0; index < cells.length; index++) {
      const cell = cells[index]
      if (cell !== undefined) found[cell] = fields[index]!
    }
    return registrationRow(base, { draft: draftOfRow(template, found, nowSeconds), precondition })
  }
}

export function delimiterOf(options: ImportOptions): string {
  return options.format === 'tsv' ? '\t' : ','
}

function countFault(found: number, expected: number): string {
  const hint = found > expected ? '; a field that holds a delimiter must be quoted' : ''
  return `the row has ${found} fields, the header ${expected}${hint}`
}
