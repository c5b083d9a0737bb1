/** The result of a storm, for people. */
import { shareOf } from './checks/availability.js'
import type { CheckResult } from './checks/check.js'
import type { StormResult } from './storm.js'

export function stormReport(result: StormResult): string {
  const { availability, writes, faults, tookMs, worstUnmarkedAgeMs } = result
  const lines = [
    '',
    `${faults.length} faults in ${(tookMs / 1000).toFixed(0)} s`,
    `look-ups           ${availability.lookups}`,
    `  answered         ${percent(shareOf(availability))} with one retry`,
    `  of known ones    ${percent(shareOf(availability.known))} (${availability.known.lookups - availability.known.answered} not)`,
    `  marked stale     ${percent(availability.markedStale / Math.max(1, availability.answered))}`,
    `  requests failed  ${listOf(availability.failures)}`,
    `worst unmarked age ${worstUnmarkedAgeMs.toFixed(0)} ms`,
    `writes             ${writes.tried}: ${writes.acknowledged} acknowledged (${writes.retried} after retries), ${writes.refused} refused, ${writes.unknown} unknown (${listOf(writes.failures)})`,
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
      ['fault', 'look-ups', 'unanswered', 'p50 ms', 'p99 ms', 'stale'],
      result.latencies.map((row) => [
        row.text,
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
