/** What a command writes to and reads from. Text that comes from elsewhere is made harmless before it is shown. */

export interface Terminal {
  /** Results. */
  out(text: string): void
  /** Errors, notices and progress. */
  err(text: string): void
  /** Whether somebody watches the progress. */
  readonly isWatched: boolean
  readonly input: AsyncIterable<Buffer>
  /** Aborted by Ctrl-C, which ends the process at once unless a command has asked for this. */
  readonly interrupted: AbortSignal
}

/** Controls, among them the escape that starts a terminal's commands; invisible characters that reorder text. */
const UNSAFE = /[\p{Cc}\p{Surrogate}\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/gu

/** One line of text in which nothing can move the cursor, colour the screen or hide. */
export function shown(text: string): string {
  return text.replace(UNSAFE, (character) => {
    if (character === '\n') return '\\n'
    if (character === '\t') return '\\t'
    return `\\u{${character.codePointAt(0)!.toString(16)}}`
  })
}

/** JSON on one line, safe for a terminal: the escapes mean the same to whoever parses it. */
export function shownJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Columns as wide as their widest cell; the last one is not padded. */
export function table(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(shown))
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => widthOf(row[column] ?? ''))))
  const line = (row: readonly string[]) => row.map((cell, column) => padded(cell, widths[column]!)).join('  ')
  return cells.map((row) => `${line(row).trimEnd()}\n`).join('')
}

function padded(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - widthOf(cell)))
}

const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\uff01-\uff60\u3000-\u303f]/u

/** Columns on a terminal, where Chinese characters take two. */
function widthOf(text: string): number {
  let width = 0
  for (const character of text) width += WIDE.test(character) ? 2 : 1
  return width
}
