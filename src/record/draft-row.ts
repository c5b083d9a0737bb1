/**
 * From a row of a table: a column named as an attribute holds its text, a column `value:<index>:<TYPE>` a free value.
 * An empty cell is no value at all. Fields of faults are the columns' names.
 */
import { attributeValue, readAttributeText, requireAttribute } from './draft-attributes.js'
import { type DraftResult, finishDraft } from './draft-result.js'
import { readValueColumn, type ValueSetting } from './draft-values.js'
import { FaultList, shown } from './faults.js'
import { DEFAULT_TTL_SECONDS, type Value } from './record.js'
import type { Template } from './template.js'

export function draftOfRow(
  template: Template,
  cells: Readonly<Record<string, string>>,
  nowSeconds: number,
): DraftResult {
  const faults = new FaultList()
  const setting = { template, ttlSeconds: DEFAULT_TTL_SECONDS, nowSeconds, faults }
  const attributes: Value[] = []
  const free: Value[] = []
  const columnOf = new Map<number, string>()
  for (const column of Object.keys(cells)) {
    const cell = cells[column]!
    if (cell === '') continue
    const value = readValueColumn(column, cell, setting)
    if (value === undefined) attributes.push(...readAttributeCell(column, cell, setting))
    else if (value !== 'refused' && isFirst(columnOf, value.index, column, faults)) free.push(value)
  }
  return finishDraft({ named: { kind: 'known', template }, attributes, free, faults, attributePath: shown })
}

function readAttributeCell(
  column: string,
  cell: string,
  setting: ValueSetting & { readonly template: Template },
): readonly Value[] {
  const where = { path: shown(column), faults: setting.faults }
  const attribute = requireAttribute(setting.template, column, where)
  const text = attribute && readAttributeText(attribute, cell, where)
  return attribute === undefined || text === undefined ? [] : [attributeValue(attribute, text, setting)]
}

function isFirst(columnOf: Map<number, string>, index: number, column: string, faults: FaultList): boolean {
  const first = columnOf.get(index)
  if (first === undefined) columnOf.set(index, column)
  else faults.add(shown(column), `has index ${index}, which column ${shown(first)} has already`)
  return first === undefined
}
