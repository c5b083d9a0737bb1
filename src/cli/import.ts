/** `jiexi import`: a file of any size, resumed by running the same command again. */
import { createReadStream } from 'node:fs'
import { access, constants, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type Command, Option } from 'commander'
import { messageOf } from '../platform/errors.js'
import { readJson } from '../platform/http-client.js'
import type { Cli } from './cli.js'
import { EXIT_FAILED, Failure, UsageError } from './failure.js'
import { type ImportJson, importProgress } from './import-progress.js'
import { findState, forgetState, newState, saveState, stateFileOf } from './import-state.js'
import { uploadAll } from './import-upload.js'
import type { NodeClient } from './node-client.js'
import { refusal } from './node-client.js'
import { wholeNumber } from './options.js'
import { shown, shownJson } from './terminal.js'

interface ImportCommandOptions {
  readonly format?: string
  readonly template?: string
  readonly mode?: string
  readonly dryRun?: boolean
  readonly identifierColumn?: string
  readonly prefix?: string
  readonly suffixColumn?: string
  readonly columns?: Readonly<Record<string, string | null>>
  readonly ignoreOtherColumns?: boolean
  readonly errors?: string
  readonly stateFolder?: string
  readonly retryFor: number
  readonly json?: boolean
}

const FORMATS: Readonly<Record<string, string>> = {
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.tab': 'tsv',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
}
const MAX_ERROR_BYTES = 512 * 2 ** 20

export function importCommand(program: Command, cli: Cli): void {
  program
    .command('import')
    .summary('register what a file holds, row by row')
    .description(
      'Registers the rows of a CSV, TSV or NDJSON file. After any break run the same command again: it goes on where it was. ' +
        'Rows that cannot be registered are written to a file of errors, the others are registered.',
    )
    .argument('<file>', 'the file, or "-" for standard input (which cannot be resumed)')
    .addOption(new Option('--format <format>', 'default: by the ending of the file').choices(['csv', 'tsv', 'ndjson']))
    .option('--template <name>', 'template of the rows; needed for csv and tsv')
    .addOption(
      new Option(
        '--mode <mode>',
        'create: what exists with other content is an error; upsert: it gets a new version',
      ).choices(['create', 'upsert']),
    )
    .option('--dry-run', 'check and report everything, register nothing')
    .option('--identifier-column <name>', 'column of the identifiers (default: identifier)')
    .option('--prefix <prefix>', 'with --suffix-column: identifiers are prefix/suffix')
    .option('--suffix-column <name>', 'column of the suffixes')
    .option(
      '--columns <column=attribute>',
      'map a column to an attribute; column= ignores it; repeatable',
      collectColumn,
    )
    .option('--ignore-other-columns', 'columns that are no attributes are ignored')
    .option('--errors <file>', 'where row errors go (default: <file>.errors.csv)')
    .option('--state-folder <folder>', 'where the import is remembered (default: beside the file)')
    .option('--retry-for <seconds>', 'how long to try without any progress', wholeNumber, 300)
    .option('--json', 'the result as JSON')
    .action((file: string, options: ImportCommandOptions) => runImport(cli, file, options))
}

async function runImport(cli: Cli, file: string, options: ImportCommandOptions): Promise<void> {
  const job = file === '-' ? await importInput(cli, options) : await importFile(cli, file, options)
  await report(cli, job, { ...options, file })
  if (job.errors > 0) await writeErrors(cli, job, options.errors ?? errorsFileOf(file))
  if (job.state === 'halted' || job.rows.failed > 0) cli.exitCode = EXIT_FAILED
}

async function importFile(cli: Cli, file: string, options: ImportCommandOptions): Promise<ImportJson> {
  const { size, mtimeMs } = await regularFile(file)
  const node = cli.node()
  const body = { ...bodyOf(options, formatOf(file, options)), source: { name: path.basename(file), bytes: size } }
  const wanted = { node: node.url, options: body, bytes: size, modifiedMs: mtimeMs }
  const memory = await findState(stateFileOf(file, options.stateFolder), wanted)
  if (memory.outdated)
    cli.terminal.err(
      'The file or the options have changed since the last time: this is a new import from its beginning.\n',
    )
  const state = memory.resumed ?? newState(wanted)
  if (memory.resumed === undefined) await remember(cli, memory.path, state)

  const job = await open(node, { id: state.id, ...body }, async (status) => {
    // A new import was never opened, or the id stands for another one: there is nothing to go on with.
    if (memory.resumed === undefined || status === 409) await forgetState(memory.path)
  })
  if (memory.resumed !== undefined && job.offset > 0)
    cli.terminal.err(`Going on with import ${job.id} after row ${job.rows.done}.\n`)
  const upload = { bytes: size, contentFrom: (offset: number) => createReadStream(file, { start: offset }) }
  const done = await send(cli, job, { ...upload, retryForMs: options.retryFor * 1000 })
  await forgetState(memory.path)
  return done
}

/** @throws Failure before anything is remembered or opened */
async function regularFile(file: string): Promise<{ readonly size: number; readonly mtimeMs: number }> {
  const unreadable = (error: unknown) => new Failure(`The file ${file} cannot be read: ${messageOf(error)}`)
  const found = await stat(file).catch((error: unknown) => {
    throw unreadable(error)
  })
  if (found.isDirectory()) throw new Failure(`${file} is a directory. Name a file in it.`)
  if (!found.isFile())
    throw new Failure(
      `${file} is no regular file, so it cannot be resumed. Pipe it into standard input: jiexi import -`,
    )
  await access(file, constants.R_OK).catch((error: unknown) => {
    throw unreadable(error)
  })
  return found
}

async function importInput(cli: Cli, options: ImportCommandOptions): Promise<ImportJson> {
  const node = cli.node()
  if (options.format === undefined)
    throw new UsageError('Standard input has no ending: say --format csv, tsv or ndjson.')
  const job = await open(node, { ...bodyOf(options, options.format), source: { name: 'standard input' } })
  return send(cli, job, {
    bytes: undefined,
    contentFrom: () => cli.terminal.input,
    retryForMs: options.retryFor * 1000,
  })
}

interface Sending {
  readonly bytes: number | undefined
  readonly contentFrom: (offset: number) => AsyncIterable<Uint8Array>
  readonly retryForMs: number
}

async function send(cli: Cli, job: ImportJson, { bytes, contentFrom, retryForMs }: Sending): Promise<ImportJson> {
  const { terminal } = cli
  const resumable = bytes !== undefined
  const progress = importProgress(terminal, { bytes, offset: job.offset, rowsDone: job.rows.done })
  const { interrupted } = terminal
  try {
    return await uploadAll(
      { node: cli.node(), id: job.id, contentFrom, resumable, retryForMs, progress, interrupted },
      job,
    )
  } catch (error) {
    if (!interrupted.aborted) throw error
    throw new Failure(
      resumable
        ? `Stopped. Nothing that was done is lost: run the same command again to go on with import ${job.id}.`
        : `Stopped. What came from standard input so far stays registered (import ${job.id}); it cannot be resumed.`,
    )
  } finally {
    progress.stop()
  }
}

async function remember(cli: Cli, file: string, state: Parameters<typeof saveState>[1]): Promise<void> {
  try {
    await saveState(file, state)
  } catch (error) {
    cli.terminal.err(
      `This import cannot be remembered (${messageOf(error)}); after a break it would begin anew, which does no harm but takes time. --state-folder names another place.\n`,
    )
  }
}

/** `refused` is told of an answer that trying again would not change. */
async function open(
  node: NodeClient,
  body: object,
  refused: (status: number) => Promise<void> = async () => undefined,
): Promise<ImportJson> {
  const response = await node.reach({ method: 'POST', path: '/v1/imports', json: body })
  if (response.status < 300) return readJson(response) as ImportJson
  if (response.status < 500) await refused(response.status)
  throw refusal(response)
}

function bodyOf(options: ImportCommandOptions, format: string): Record<string, unknown> {
  const { template, mode, dryRun, identifierColumn, prefix, suffixColumn, columns, ignoreOtherColumns } = options
  const members = { format, template, mode, dryRun, identifierColumn, prefix, suffixColumn, columns }
  const given = Object.entries(members).filter(([, value]) => value !== undefined)
  return { ...Object.fromEntries(given), ...(ignoreOtherColumns ? { otherColumns: 'ignore' } : {}) }
}

function formatOf(file: string, options: ImportCommandOptions): string {
  const format = options.format ?? FORMATS[path.extname(file).toLowerCase()]
  if (format !== undefined) return format
  throw new UsageError(`The ending of ${file} tells no format: say --format csv, tsv or ndjson.`)
}

function collectColumn(text: string, before: Readonly<Record<string, string | null>> = {}) {
  const equals = text.lastIndexOf('=')
  if (equals < 1) throw new UsageError(`--columns "${text}": write column=attribute, or column= to ignore it.`)
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) || null }
}

function errorsFileOf(file: string): string {
  return `${file === '-' ? 'standard-input' : file}.errors.csv`
}

async function report(
  cli: Cli,
  job: ImportJson,
  options: ImportCommandOptions & { readonly file: string },
): Promise<void> {
  const { created, replaced, unchanged, withdrawn, failed, done } = job.rows
  if (options.json) cli.terminal.out(`${shownJson(job)}\n`)
  else {
    const counts = Object.entries({ created, replaced, unchanged, withdrawn, failed }).filter(([, count]) => count > 0)
    const would = job.dryRun ? ' (dry run: nothing was registered)' : ''
    const list = counts.map(([name, count]) => `${count} ${name}`).join(', ')
    cli.terminal.out(`${done} rows${list === '' ? '' : `: ${list}`}${would}\n`)
  }
  const { file } = options
  const source = file === '-' ? 'standard input' : shown(file)
  if (job.halted !== undefined) cli.terminal.err(`The import of ${source} was stopped: ${shown(job.halted.reason)}\n`)
}

async function writeErrors(cli: Cli, job: ImportJson, file: string): Promise<void> {
  const response = await cli.node().send({
    path: `/v1/imports/${job.id}/errors`,
    headers: { accept: 'text/csv' },
    maxBytes: MAX_ERROR_BYTES,
  })
  if (response.status !== 200) throw refusal(response)
  try {
    await writeFile(file, response.body)
  } catch (error) {
    throw new Failure(`The row errors cannot be written to ${file}: ${messageOf(error)}. --errors names another file.`)
  }
  cli.terminal.err(`What was wrong with ${job.rows.failed} rows is in ${file}\n`)
}
