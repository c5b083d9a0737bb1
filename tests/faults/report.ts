/** The result of a storm, for people. */
import { kindOf, shareOf } from './checks/availability.js'
import type { CheckResult } from './checks/check.js'
import type { StormResult } from './storm.js'

export function stormReport(result: StormResult): string {
  const lines = [
    '',
    ...summaryOf(result),
    '',
    ...tableOf(
      ['promise', 'checked', 'broken'],
      result.promises.map(({ name, checked, violations }) => [name, checked, violations]),
    ),
    ...tableOf(
      ['seen, not promised', 'checked', 'times'],
      result.observed.map(({ name, checked, violations }) => [name, checked, violations]),
    ),
    ...tableOf(
      ['fault', 'times', 'look-ups', 'unanswered', 'p50 ms', 'p99 ms', 'stale'],
      result.latencies.map((row) => [
        row.text,
        row.times || '',
        row.lookups,
        row.lookups - row.answered,
        row.p50Ms.toFixed(1),
        row.p99Ms.toFixed(1),
        percent(row.markedStaleShare, 1),
      ]),
    ),
    ...[...result.promises, ...result.observed].flatMap(examplesOf),
    ...result.crashes,
    ...result.nodeErrors.map((line) => `logged: ${line}`),
    ...result.misfires.map((misfire) => `the lab itself failed: ${misfire}`),
  ]
  return `${lines.join('\n')}\n`
}

/** What one wants to know first. */
function summaryOf(result: StormResult): string[] {
  const { availability, writes, faults, tookMs, staleness, visibility, lost } = result
  const { lookups, known, failures, inBatches, markedStale, answered } = availability
  const kinds = new Set(faults.map(({ text }) => kindOf(text))).size
  const unanswered = known.lookups - known.answered
  return [
    `look-ups              ${lookups} in ${(tookMs / 1000).toFixed(0)} s, ${inBatches} of them in batches; ${staleness.checked} answers checked for age`,
    `faults                ${faults.length} of ${kinds} kinds`,
    `stale and unmarked    ${staleness.violations}; worst age ${staleness.worstUnmarkedAgeMs.toFixed(0)} ms`,
    `stale after a wait    ${visibility.violations} of ${visibility.checked} answers, after ${writes.waited} writes that waited; worst age ${visibility.worstUnmarkedAgeMs.toFixed(0)} ms`,
    `lost acknowledged     ${lost.violations} of ${lost.checked} writes`,
    `known ones answered   ${percent(shareOf(known))} with one retry (${unanswered} not)`,
    `all answered          ${percent(shareOf(availability))}; marked stale ${percent(markedStale / Math.max(1, answered))}`,
    `requests failed       ${listOf(failures)}`,
    `writes                ${writes.tried}: ${writes.acknowledged} acknowledged (${writes.retried} after retries), ${writes.refused} refused, ${writes.unknown} unknown (${listOf(writes.failures)})`,
  ]
}

/** Columns as wide as they need to be; numbers to the right. */
export function tableOf(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const cells = [head, ...rows].map((row) => row.map(String))
  const widths = head.map((_, at) => Math.max(...cells.map((row) => row[at]!.length)))
  const line = (row: readonly string[]) =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join('  ')
  return [...cells.map(line), '']
}

function examplesOf({ name, violations, examples }: CheckResult): string[] {
  if (violations === 0) return []
  return [`${name}: ${violations} times, such as`, ...examples.map((example) => `  ${example}`), '']
}

function listOf(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, count]) => `${name}: ${count}`).join(', ') || 'none'
}

function percent(share: number, digits = 3): string {
  return `${(100 * share).toFixed(digits)} %`
}
