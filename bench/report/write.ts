/** Where a report goes: the files that were asked for, and with `--save` the project's own folder of results. */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { formatPage } from './html/page.js'
import type { Report } from './report.js'
import { formatMarkdown } from './report-markdown.js'

export const RESULTS_FOLDER = path.resolve(import.meta.dirname, '../results')

export interface WantedFiles {
  readonly json: string | undefined
  readonly html: string | undefined
  /** The folder of results, when the report is to be kept there. */
  readonly keepIn: string | undefined
}

/** Returns the files written. */
export function writeReport(report: Report, { json, html, keepIn }: WantedFiles): string[] {
  const files: [string, string][] = []
  if (json !== undefined) files.push([json, formatJson(report)])
  if (html !== undefined) files.push([html, formatPage(report)])
  if (keepIn !== undefined) {
    mkdirSync(keepIn, { recursive: true })
    const base = path.join(keepIn, nameOf(report))
    files.push(
      [`${base}.json`, formatJson(report)],
      [`${base}.html`, formatPage(report)],
      [`${base}.md`, formatMarkdown(report)],
    )
  }
  for (const [file, content] of files) writeFileSync(file, content)
  return files.map(([file]) => file)
}

function formatJson(report: Report): string {
  return `${JSON.stringify(report, undefined, 2)}\n`
}

/** `2026-11-30-3b6f3a3c2959`: by day and commit, so that a second run of both replaces the first. */
function nameOf({ environment: { date, commit } }: Report): string {
  return [date.slice(0, 10), commit?.replace('+', '-')].filter((part) => part !== undefined).join('-')
}
