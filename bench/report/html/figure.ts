/** A plot with its heading, its legend, and the same figures as a table for whoever cannot see it or wants to copy them. */
import { drawLines, type LinePlot } from './line-plot.js'
import { element, escapeText, type TableParts, table } from './markup.js'

export interface Figure {
  readonly title: string
  /** How to read it, in a sentence. */
  readonly about: string
  readonly legend: readonly { readonly name: string; readonly colour: number; readonly dashed?: boolean }[]
  /** Markup. */
  readonly picture: string
  readonly table: TableParts
}

export function drawFigure({ title, about, legend, picture, table: figures }: Figure): string {
  const keys = legend.map(({ name, colour, dashed }) =>
    element('li', { class: `c${colour}${dashed ? ' dashed' : ''}` }, element('span', {}, escapeText(name))),
  )
  const caption = element('h3', {}, escapeText(title)) + element('p', {}, escapeText(about))
  return element(
    'figure',
    {},
    [
      element('figcaption', {}, caption),
      keys.length > 1 ? element('ul', { class: 'legend' }, keys.join('')) : '',
      picture,
      element('details', {}, element('summary', {}, 'Figures as a table') + table(figures)),
    ].join(''),
  )
}

/** Its legend follows from its lines. */
export function lineFigure(figure: Omit<Figure, 'legend' | 'picture'> & { readonly plot: LinePlot }): Figure {
  const { plot, ...rest } = figure
  return { ...rest, legend: plot.series, picture: drawLines(plot, `${figure.title}. ${figure.about}`) }
}
