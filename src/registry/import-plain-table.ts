/**
 * Rows of CSV and TSV files as most have them, read octet by octet: as many fields as columns, none with an escaped quote,
 * a line end or another control in it. Every other row, wrong or merely unusual, is left to import-table-rows.ts.
 */
import { isPlainFree, PlainRecord } from '../record/plain-record.js'
import { type FreeColumn, type PlainShape, plainShape } from '../record/plain-shape.js'
import { readPlainText, type Span } from '../record/plain-text.js'
import { FIRST_ATTRIBUTE_INDEX, type Template } from '../record/template.js'
import type { ColumnPlan } from './import-columns.js'
import type { SourceRecord } from './import-records.js'
import { type GoodRow, plainRow, type RowPlace } from './import-rows.js'
import type { Precondition } from './registration.js'

const QUOTE = 0x22
const FREE_COLUMN = /^value:(\d{1,10}):(.+)$/s
const NO_SLOT = -1

export interface PlainTable {
  readonly template: Template
  readonly plan: ColumnPlan
  readonly delimiter: string
  readonly precondition: Precondition | undefined
}

/** For records without a fault. undefined: no row of such a table is plain; what it gives is undefined for rows that are not. */
export function plainTableRows(
  table: PlainTable,
): ((record: SourceRecord, place: RowPlace) => GoodRow | undefined) | undefined {
  const { plan, precondition } = table
  const free = freeColumns(plan)
  if (free === undefined) return undefined
  const shape = plainShape(table.template, [...free.values()])
  const scan = new FieldScan(shape, plan, table.delimiter.charCodeAt(0))
  const start = plan.prefix === undefined ? '' : `${plan.prefix}/`
  return (record, place) => {
    const content = scan.read(record, place.nowSeconds)
    if (content === undefined) return undefined
    const { from, to } = scan.identifier
    return plainRow(place, start + record.octets.toString('utf8', from, to), { content, precondition })
  }
}

/** By name of the cell. undefined: one is not as it should be, or two have the same index, which is each row's own fault. */
function freeColumns({ cells }: ColumnPlan): ReadonlyMap<string, FreeColumn> | undefined {
  const columns = new Map<string, FreeColumn>()
  const indexes = new Set<number>()
  for (const cell of cells) {
    const parts = cell === undefined ? null : FREE_COLUMN.exec(cell)
    if (parts === null) continue
    const column = { index: Number(parts[1]), type: parts[2]! }
    const isPlain = isPlainFree(column) && column.index < FIRST_ATTRIBUTE_INDEX && !indexes.has(column.index)
    if (!isPlain) return undefined
    columns.set(cell!, column)
    indexes.add(column.index)
  }
  return columns
}

class FieldScan {
  readonly identifier: Span = { from: 0, to: 0 }
  private readonly field: Span = { from: 0, to: 0 }
  private readonly record = new PlainRecord()
  private readonly shape: PlainShape
  private readonly plan: ColumnPlan
  private readonly delimiter: number
  /** By column. */
  private readonly slots: readonly number[]

  constructor(shape: PlainShape, plan: ColumnPlan, delimiter: number) {
    this.shape = shape
    this.plan = plan
    this.delimiter = delimiter
    this.slots = plan.cells.map((cell) => slotOf(shape, cell))
  }

  read(source: SourceRecord, nowSeconds: number) {
    const { octets } = source
    const { field, slots } = this
    this.record.begin(octets, nowSeconds)
    let at = 0
    for (let column = 0; column < slots.length; column += 1) {
      const end = this.readField(octets, at, source.quoted)
      if (end < 0) return undefined
      if (column === this.plan.identifierIndex) {
        if (field.from === field.to) return undefined
        this.identifier.from = field.from
        this.identifier.to = field.to
      }
      const slot = slots[column]!
      if (slot !== NO_SLOT && field.from < field.to) this.record.fill(slot, field)
      // After the last field the record ends, and before it does not.
      if ((end === octets.length) !== (column === slots.length - 1)) return undefined
      at = end + 1
    }
    return this.record.finish(this.shape)
  }

  /** The octet after the field that begins at `at`: a delimiter or the end of the record; -1 when it is not plain. */
  private readField(octets: Buffer, at: number, mayBeQuoted: boolean): number {
    const { field, delimiter } = this
    const isQuoted = mayBeQuoted && octets[at] === QUOTE
    field.from = isQuoted ? at + 1 : at
    field.to = octets.length
    if (!readPlainText(octets, field, isQuoted ? QUOTE : delimiter)) return -1
    if (!isQuoted) return field.to
    const end = field.to + 1
    return end >= octets.length || octets[end] === delimiter ? Math.min(end, octets.length) : -1
  }
}

function slotOf({ slots }: PlainShape, cell: string | undefined): number {
  if (cell === undefined) return NO_SLOT
  const free = FREE_COLUMN.exec(cell)
  if (free !== null) return slots.findIndex(({ index }) => index === Number(free[1]))
  return slots.findIndex(({ attribute }) => attribute?.name === cell)
}
