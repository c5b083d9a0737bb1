/** The report as one file: no script, no font, no picture from anywhere; the report for machines inside. */

import type { Report } from '../report.js'
import { isBusy, RATIOS_ALONE } from '../report-text.js'
import { type Section, sectionsOf } from '../sections.js'
import { drawFigure } from './figure.js'
import { latencyFigures, oneLoadFigures, visibilityFigure } from './latency-figures.js'
import { element, escapeText, table } from './markup.js'
import { processFigure, throughputFigure } from './rate-figures.js'
import { memoryFigure, scaleFigure } from './size-figures.js'
import { STYLE } from './style.js'

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

export function formatPage(report: Report): string {
  const sections = sectionsOf(report)
  const goals = sections.filter(({ heading }) => heading === 'Goals')
  const tables = sections.filter((section) => !goals.includes(section))
  const figures = [
    ...throughputFigure(report),
    ...latencyFigures(report),
    ...oneLoadFigures(report),
    ...processFigure(report),
    ...scaleFigure(report),
    ...visibilityFigure(report),
    ...memoryFigure(report),
  ]
  const title = `Jiexi bench, ${report.environment.commit ?? 'outside of a clone'}`
  const body = [
    element('header', {}, element('h1', {}, escapeText(title)) + summary(report)),
    ...goals.map(drawSection),
    element('section', { class: 'figures' }, element('h2', {}, 'Plots') + figures.map(drawFigure).join('')),
    ...tables.map(drawSection),
    left(report),
    environment(report),
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${escapeText(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${body.join('\n')}
</main>
<script type="application/json" id="report">${JSON.stringify(report).replaceAll('<', '\\u003c')}</script>
</body>
</html>
`
}

function summary(report: Report): string {
  const { environment: at, seconds } = report
  const where = `${at.cpu}, ${at.cores} cores. Node ${at.node}, PostgreSQL ${at.postgres}, Redis ${at.redis ?? 'none'}`
  const lines = [
    element('p', {}, `${element('time', { datetime: at.date }, escapeText(at.date))}. ${escapeText(where)}.`),
    element('p', {}, escapeText(`Took ${seconds.toFixed(0)} s. ${RATIOS_ALONE}`)),
  ]
  if (isBusy(at)) {
    const warning = `The machine was busy with something else before the run (load average ${at.loadAverageBefore.toFixed(2)}): run it again on a quiet one before quoting a figure.`
    lines.push(element('p', { class: 'warning' }, escapeText(warning)))
  }
  return lines.join('')
}

function drawSection({ heading, about, notes, ...parts }: Section): string {
  const numbered = notes.map((note) => element('li', {}, escapeText(note)))
  return element(
    'section',
    { class: heading.toLowerCase().replace(/\W+/g, '-') },
    [
      element('h2', {}, escapeText(heading)),
      element('p', {}, escapeText(`${about}.`)),
      table(parts),
      numbered.length > 0 ? element('ol', { class: 'notes' }, numbered.join('')) : '',
    ].join(''),
  )
}

function left(report: Report): string {
  if (report.left.length === 0) return ''
  const items = report.left.map(({ name, reason, failed }) =>
    element('li', {}, escapeText(`${name} ${failed ? 'FAILED' : 'was left out'}: ${reason}`)),
  )
  return element('section', {}, element('h2', {}, 'Not measured') + element('ul', {}, items.join('')))
}

function environment({ environment: at, options }: Report): string {
  const told = { ...at, pinned: at.pinned ? JSON.stringify(at.pinned) : 'nothing', ...options }
  const rows = Object.entries(told).map(([name, value]) => [name, String(value ?? 'none')])
  const heading = element('h2', {}, 'Where and how')
  return element('section', {}, heading + table({ columns: [{ title: 'what' }, { title: 'value' }], rows }))
}
