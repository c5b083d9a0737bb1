/** The report in Markdown, for reading where HTML files are not shown. */
import type { Report } from './report.js'
import { describeRun, RATIOS_ALONE } from './report-text.js'
import { type Section, sectionsOf } from './sections.js'

export function formatMarkdown(report: Report): string {
  const goalsFirst = sectionsOf(report).toSorted((one, other) => rank(one) - rank(other))
  return [
    `# Bench of ${report.environment.commit ?? 'a build outside of a clone'}`,
    describeRun(report)
      .map((line) => `- ${escapeMarkdown(line)}`)
      .join('\n'),
    ...goalsFirst.map(formatSection),
    ...report.left.map(({ name, reason, failed }) =>
      escapeMarkdown(`${name} ${failed ? 'FAILED' : 'was left out'}: ${reason}`),
    ),
    `Took ${report.seconds.toFixed(0)} s. ${RATIOS_ALONE}\n`,
  ].join('\n\n')
}

function rank({ heading }: Section): number {
  return heading === 'Goals' ? 0 : 1
}

function formatSection({ heading, about, columns, rows, notes }: Section): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escapeMarkdown).join(' | ')} |`
  const rule = `|${columns.map(({ right }) => (right ? '---:' : '---')).join('|')}|`
  const table = [line(columns.map(({ title }) => title)), rule, ...rows.map(line)].join('\n')
  const numbered = notes.map((note, index) => `${index + 1}. ${escapeMarkdown(note)}`).join('\n')
  return [`## ${heading}`, `${about}.`, table, ...(numbered === '' ? [] : [numbered])].join('\n\n')
}

/** Also line ends: an error message may have them. */
function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_<|]/g, '\\$&').replace(/\s*\n\s*/g, ' ')
}
