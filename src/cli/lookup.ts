/** `jiexi resolve` and `jiexi history`. */
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import type { Command } from 'commander'
import type { Cli } from './cli.js'
import { EXIT_FAILED } from './failure.js'
import { type DemandOptions, demandsOf, pathWith, withDemands } from './freshness.js'
import { type HandleLookupOptions, refuseMixed, resolveByHandle, withHandleLookup } from './handle-lookup.js'
import { type NodeClient, pathOf } from './node-client.js'
import { shown, shownJson, table } from './terminal.js'

interface LookupResult {
  readonly identifier: string
  readonly status: number
  readonly record?: RecordJson
  readonly problem?: { readonly code: string; readonly detail: string }
  readonly stale?: { readonly asOf: string }
}

interface RecordJson {
  readonly identifier: string
  readonly version: number
  readonly template: string
  readonly attributes: Readonly<Record<string, DataJson>>
  readonly values: readonly { readonly index: number; readonly type: string; readonly data: DataJson }[]
  readonly recordedAt: string
}

type DataJson = string | { readonly format: string; readonly value: string }

const BATCH = 1_000

interface ResolveOptions extends DemandOptions, HandleLookupOptions {
  readonly json?: boolean
  readonly explain?: boolean
}

export function lookupCommands(program: Command, cli: Cli): void {
  const lookup = program
    .command('resolve')
    .summary('look identifiers up')
    .description('Looks identifiers up. With "-" they are read from standard input, one a line.')
    .argument('<identifier...>', 'Handle, VAA code or OID; "-" for standard input')
    .option('--json', 'one JSON result a line')
    .option('--explain', 'how each answer came about')
  withHandleLookup(withDemands(lookup)).action((identifiers: string[], options: ResolveOptions) => {
    refuseMixed(options)
    if (options.handle !== undefined) return resolveByHandle(cli, allOf(cli, identifiers), options)
    return options.explain ? explain(cli, identifiers, options) : resolve(cli, identifiers, options)
  })
  program
    .command('history')
    .summary('list the versions of an identifier')
    .argument('<identifier>')
    .option('--json', 'one JSON version a line')
    .action((identifier: string, options: { json?: boolean }) => history(cli, identifier, options.json ?? false))
}

async function resolve(cli: Cli, wanted: readonly string[], options: ResolveOptions): Promise<void> {
  const single = wanted.length === 1 && wanted[0] !== '-'
  const { query, headers } = demandsOf(options)
  for await (const identifiers of batches(allOf(cli, wanted))) {
    const { results } = await cli.node().json<{ results: LookupResult[] }>({
      method: 'POST',
      path: pathWith('/v1/resolve', query),
      headers,
      json: { identifiers },
    })
    if (results.some(({ status }) => status !== 200)) cli.exitCode = EXIT_FAILED
    if (options.json) cli.terminal.out(results.map((result) => `${shownJson(result)}\n`).join(''))
    else if (single) show(cli, results[0]!)
    else cli.terminal.out(table(results.map(summaryOf)))
  }
}

async function* allOf(cli: Cli, wanted: readonly string[]): AsyncGenerator<string> {
  for (const identifier of wanted) {
    if (identifier !== '-') yield identifier
    else
      for await (const line of createInterface({ input: Readable.from(cli.terminal.input) }))
        if (line.trim() !== '') yield line.trim()
  }
}

async function* batches(identifiers: AsyncIterable<string>): AsyncGenerator<string[]> {
  let batch: string[] = []
  for await (const identifier of identifiers) {
    batch.push(identifier)
    if (batch.length < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

function summaryOf({ identifier, record, problem, stale }: LookupResult): string[] {
  if (record === undefined) return [identifier, '-', '', problem?.detail ?? '']
  const name = record.attributes['name'] ?? Object.values(record.attributes)[0] ?? record.values[0]?.data ?? ''
  return [
    record.identifier,
    `v${record.version}`,
    record.template,
    textOf(name) + (stale === undefined ? '' : ' (stale)'),
  ]
}

function show(cli: Cli, { record, problem, stale }: LookupResult): void {
  if (record === undefined) {
    cli.terminal.err(`${shown(problem?.detail ?? 'The node gave no reason.')}\n`)
    return
  }
  const template = record.template === '' ? 'no template' : `template ${record.template}`
  cli.terminal.out(
    `${shown(record.identifier)}  version ${record.version}, ${template}, recorded ${shown(record.recordedAt)}\n`,
  )
  if (stale !== undefined)
    cli.terminal.err(`Stale: the registry cannot be asked at the moment; this was so at ${shown(stale.asOf)}.\n`)
  const attributes = Object.entries(record.attributes).map(([name, data]) => ['', name, textOf(data)])
  const values = record.values.map(({ index, type, data }) => ['', `${index}:${type}`, textOf(data)])
  cli.terminal.out(table([...attributes, ...values]))
}

function textOf(data: DataJson): string {
  return typeof data === 'string' ? data : `${data.format}:${data.value}`
}

interface ExplanationJson {
  readonly key: string
  readonly scheme: string
  readonly authority?: { readonly prefix: string; readonly state: string }
  readonly steps: readonly { readonly layer: string; readonly outcome: string; readonly atMs: number }[]
  readonly elapsedMs: number
  readonly status: number
  readonly outcome: string
  readonly tier?: string
  readonly problem?: { readonly detail: string }
}

async function explain(cli: Cli, wanted: readonly string[], options: ResolveOptions): Promise<void> {
  const node = cli.node()
  for await (const identifier of allOf(cli, wanted)) {
    const found = await explanationOf(node, identifier, options)
    if (found.status !== 200) cli.exitCode = EXIT_FAILED
    cli.terminal.out(options.json ? `${shownJson(found)}\n` : explanationLines(identifier, found))
  }
}

function explanationOf(node: NodeClient, identifier: string, options: ResolveOptions): Promise<ExplanationJson> {
  const { query, headers } = demandsOf(options)
  return node.json({ path: pathWith(`/v1/identifiers/${pathOf(identifier)}`, ['explain=1', ...query]), headers })
}

function explanationLines(identifier: string, found: ExplanationJson): string {
  const authority = found.authority ? `${found.authority.prefix}, ${found.authority.state}` : 'nobody at this node'
  const facts = table([
    ['', 'identifier', identifier],
    ['', 'key', `${found.key} (${found.scheme})`],
    ['', 'responsible', authority],
    [
      '',
      'outcome',
      `${found.outcome}${found.tier === undefined ? '' : `, from ${found.tier}`}, status ${found.status}`,
    ],
    ['', 'took', `${found.elapsedMs} ms`],
    ...(found.problem === undefined ? [] : [['', 'reason', found.problem.detail]]),
  ])
  const steps = table(found.steps.map(({ layer, outcome, atMs }) => ['', '', `${atMs} ms`, layer, outcome]))
  return `${facts}${steps}`
}

interface VersionJson {
  readonly version: number
  readonly state: string
  readonly template: string
  readonly recordedAt: string
  readonly recordedBy?: string
  readonly reason: string | null
}

async function history(cli: Cli, identifier: string, json: boolean): Promise<void> {
  let before: string | null = null
  do {
    const query = before === null ? '' : `?before=${before}`
    const page: { items: VersionJson[]; next: string | null } = await cli
      .node()
      .json({ path: `/v1/history/${pathOf(identifier)}${query}` })
    if (json) cli.terminal.out(page.items.map((version) => `${shownJson(version)}\n`).join(''))
    else cli.terminal.out(table(page.items.map(versionLine)))
    before = page.next
  } while (before !== null)
}

function versionLine({ version, state, template, recordedAt, recordedBy, reason }: VersionJson): string[] {
  return [`v${version}`, recordedAt, state, template, recordedBy === undefined ? '' : `by ${recordedBy}`, reason ?? '']
}
