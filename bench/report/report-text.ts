/** The report for people at a terminal: what was compared with what, figures as medians, ratios with their spread. */
import type { Report } from './report.js'
import { type Section, sectionsOf } from './sections.js'
import { formatTable } from './table.js'

/** Of the cores, as load average, above which a run has to share the machine. */
export const BUSY_SHARE = 0.5

export const RATIOS_ALONE = 'Ratios are of one run, node and baseline in turn; absolute figures move with the machine.'

export function formatReport(report: Report): string {
  return [
    describeRun(report).join('\n'),
    ...sectionsOf(report).map(formatSection),
    ...report.left.map(({ name, reason, failed }) => `\n${name} ${failed ? 'FAILED' : 'was left out'}: ${reason}`),
    `\nTook ${report.seconds.toFixed(1)} s. ${RATIOS_ALONE}`,
  ].join('\n')
}

/** Where and with what, line by line. */
export function describeRun({ environment: at, options }: Pick<Report, 'environment' | 'options'>): string[] {
  const pinned = at.pinned
    ? `node and baselines on core ${at.pinned.serverCore}, load on core ${at.pinned.loadCore}, database and Redis on any`
    : 'no process pinned to a core (needs Linux, taskset and two cores): expect more noise'
  return [
    `Jiexi ${at.commit ?? 'outside of a clone'}, ${at.date}`,
    `${at.cpu}, ${at.cores} cores, ${(at.memoryBytes / 2 ** 30).toFixed(0)} GiB, ${at.system}, load average ${at.loadAverageBefore.toFixed(2)}`,
    `Node ${at.node}, PostgreSQL ${at.postgres}, Redis ${at.redis ?? 'none'}`,
    Object.entries(options)
      .filter(([, value]) => !Array.isArray(value) || value.length > 0)
      .map(([name, value]) => `${name} ${String(value)}`)
      .join(', '),
    pinned,
    ...(isBusy(at)
      ? ['THE MACHINE WAS BUSY with something else before the run: run it again on a quiet one before quoting a figure']
      : []),
  ]
}

export function isBusy(at: { readonly loadAverageBefore: number; readonly cores: number }): boolean {
  return at.loadAverageBefore > BUSY_SHARE * at.cores
}

function formatSection({ heading, about, columns, rows, notes }: Section): string {
  const numbered = notes.map((note, index) => `(${index + 1}) ${note}`)
  return [`\n${heading}. ${about}.\n`, formatTable(columns, rows), ...numbered].join('\n')
}
