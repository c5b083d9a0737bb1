/** From one record of a CSV or TSV file to its fields. */
import type { SourceRecord } from './import-records.js'

/** The fields of a record that has no fault: its quotes are known to be in order. */
export function fieldsOf(record: Pick<SourceRecord, 'text' | 'quoted'>, delimiter: string): string[] {
  const { text } = record
  if (!record.quoted) return text.split(delimiter)
  const fields: string[] = []
  let position = 0
  for (;;) {
    const field = text[position] === '"' ? quotedField(text, position) : plainField(text, position, delimiter)
    fields.push(field.text)
    if (field.end >= text.length) return fields
    position = field.end + 1
    if (position === text.length) {
      fields.push('')
      return fields
    }
  }
}

interface Field {
  readonly text: string
  /** Position of the delimiter after it, or the length of the record. */
  readonly end: number
}

function quotedField(text: string, opening: number): Field {
  let position = opening + 1
  let escaped = false
  for (;;) {
    const quote = text.indexOf('"', position)
    if (text[quote + 1] !== '"') {
      const inner = text.slice(opening + 1, quote)
      return { text: escaped ? inner.replaceAll('""', '"') : inner, end: quote + 1 }
    }
    escaped = true
    position = quote + 2
  }
}

function plainField(text: string, start: number, delimiter: string): Field {
  const found = text.indexOf(delimiter, start)
  const end = found < 0 ? text.length : found
  return { text: text.slice(start, end), end }
}
