/** HTML and SVG as text, every value escaped. */
import { formatCount } from '../figures.js'

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character]!)
}

/** `content` is markup already; attributes are values, and left out when undefined. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number | undefined>>,
  content?: string,
): string {
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined)
  const head = [name, ...given.map(([attribute, value]) => `${attribute}="${escapeText(String(value))}"`)].join(' ')
  return content === undefined ? `<${head}/>` : `<${head}>${content}</${name}>`
}

/** A text, or a figure with its unrounded value. */
export type Cell = string | { readonly text: string; readonly value: number }

export function countCell(value: number): Cell {
  return { text: formatCount(value), value }
}

export interface TableParts {
  readonly columns: readonly { readonly title: string; readonly right?: boolean }[]
  readonly rows: readonly (readonly Cell[])[]
}

/** A table that scrolls by itself where the page is too narrow for it. */
export function table({ columns, rows }: TableParts): string {
  const align = (at: number) => (columns[at]?.right ? 'number' : undefined)
  const head = columns.map(({ title }, at) => element('th', { scope: 'col', class: align(at) }, escapeText(title)))
  const cellOf = (cell: Cell, at: number) =>
    typeof cell === 'string'
      ? element('td', { class: align(at) }, escapeText(cell))
      : element('td', { class: align(at), 'data-value': cell.value }, escapeText(cell.text))
  const body = rows.map((cells) => element('tr', {}, cells.map(cellOf).join('')))
  const parts = element('thead', {}, element('tr', {}, head.join(''))) + element('tbody', {}, body.join(''))
  return element('div', { class: 'scrolls', tabindex: 0 }, element('table', {}, parts))
}
