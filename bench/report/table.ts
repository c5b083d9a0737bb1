/** Aligned columns of text. */

export interface Column {
  readonly title: string
  readonly right?: boolean
}

export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, at) => Math.max(title.length, ...rows.map((row) => (row[at] ?? '').length)))
  const line = (cells: readonly string[]) =>
    columns
      .map(({ right }, at) => (right ? (cells[at] ?? '').padStart(widths[at]!) : (cells[at] ?? '').padEnd(widths[at]!)))
      .join('  ')
      .trimEnd()
  return [
    line(columns.map(({ title }) => title)),
    line(widths.map((width) => '-'.repeat(width))),
    ...rows.map(line),
  ].join('\n')
}

/** `12,345`; `—` for what is not a number. */
export function formatCount(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en-GB') : '—'
}

/** Microseconds, told in µs below a millisecond and in ms above. */
export function formatMicroseconds(value: number): string {
  if (value < 1000) return `${Math.round(value)} µs`
  return `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} ms`
}
