/** `jiexi reports`: what this node reported, and sending it again. For the administrator. */
import type { Command } from 'commander'
import type { Cli } from './cli.js'
import { pathOf } from './node-client.js'
import { shown, shownJson, table } from './terminal.js'

interface ReportJson {
  readonly id: number
  readonly table: string
  readonly period: string
  readonly revision: number
  readonly part: number
  readonly producedAt: string
  readonly deliveries: readonly {
    readonly destination: string
    readonly state: string
    readonly attempts: number
    readonly problem: string | null
  }[]
}

interface ListOptions {
  readonly table?: string
  readonly state?: string
  readonly json?: boolean
}

export function reportCommands(program: Command, cli: Cli): void {
  const command = program.command('reports').summary('list what was reported upward, and send it again')
  command
    .command('list')
    .option('--table <name>', 'only of this table, such as T3')
    .option('--state <state>', 'only those with a delivery that is due, delivered or refused')
    .option('--json', 'as JSON, one a line')
    .action((options: ListOptions) => list(cli, options))
  command
    .command('resend')
    .argument('<table>', 'such as T3')
    .argument('<period>', 'such as 2026-11-25')
    .option('--anew', 'collect it again, and send it as the next revision')
    .action(async (name: string, period: string, { anew }: { readonly anew?: boolean }) => {
      await cli.node().json({
        method: 'POST',
        path: `/v1/reports/${pathOf(name)}/${pathOf(period)}/resend`,
        json: anew === true ? { anew } : {},
      })
      cli.terminal.out(`${shown(`${name} of ${period} will be ${anew === true ? 'collected and ' : ''}sent again.`)}\n`)
    })
}

async function list(cli: Cli, { table: name, state, json }: ListOptions): Promise<void> {
  const reports: ReportJson[] = []
  const narrowed = { ...(name && { table: name }), ...(state && { state }) }
  for await (const report of cli.node().list<ReportJson>('/v1/reports', narrowed)) reports.push(report)
  const { terminal } = cli
  if (json) terminal.out(reports.map((report) => `${shownJson(report)}\n`).join(''))
  else if (reports.length === 0) terminal.err('There are none.\n')
  else terminal.out(table(reports.flatMap(rowsOf)))
}

function rowsOf({ table: name, period, revision, part, producedAt, deliveries }: ReportJson): string[][] {
  const about = [name, period, `r${revision}`, `p${part}`, producedAt]
  if (deliveries.length === 0) return [[...about, 'nowhere', '', '']]
  return deliveries.map(({ destination, state, attempts, problem }) => [
    ...about,
    destination,
    attempts > 1 ? `${state}, ${attempts} tries` : state,
    problem ?? '',
  ])
}
